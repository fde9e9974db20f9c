// The picture of a timeline: time goes to the right, and whatever somebody waits for can be seen.

import { line, round, svg, text } from '../svg.ts';
import { bars, box, pattern } from './bars.ts';
import { describe, gap, LATE } from './describe.ts';
import { type Arrow, type ClientLane, type Kind, kinds, type Lane } from './lane.ts';
import type { Timeline } from './timeline.ts';

// Where things are, in pixels.
const WIDTH = 880;
const LEFT = 158;
const RIGHT = WIDTH - 16;
const TOP = 56;
const CLIENT = 30;
const SERVER = 26;
const BAR = 16;
const GAP = 12;
const LEGEND = 20;
/** Columns of the legend. */
const COLUMNS = 3;

/** The picture, as a file of SVG. */
export function draw(timeline: Timeline): string {
  const { step, clients, servers, duration } = timeline;
  const x = (time: number) => LEFT + (time / duration) * (RIGHT - LEFT);
  const y = new Map<Lane, number>();
  for (const [i, lane] of clients.entries()) y.set(lane, TOP + i * CLIENT + CLIENT / 2);
  const below = TOP + clients.length * CLIENT + GAP;
  for (const [i, lane] of servers.entries()) y.set(lane, below + i * SERVER + SERVER / 2);
  const bottom = below + servers.length * SERVER;
  const all = [...clients, ...servers].flatMap(({ spans }) => spans.map(({ kind }) => kind));
  const used = (Object.keys(kinds) as Kind[]).filter((kind) => all.includes(kind));
  const rows = Math.ceil((used.length + 3) / COLUMNS);
  return svg(
    {
      width: WIDTH,
      height: bottom + 36 + rows * LEGEND,
      title: `${step}: who waits for what`,
      description: describe(timeline),
      patterns: used.map(pattern),
    },
    [
      text(16, 26, `${step}: four clients, and who waits for what`, { size: 'large' }),
      ...axis(x, duration, bottom),
      ...clients.map((client) => drawClient(client, x, y.get(client) as number)),
      ...servers.map((lane) => drawServer(lane, x, y.get(lane) as number)),
      ...timeline.arrows.map((arrow) => drawArrow(arrow, x, y)),
      ...gaps(timeline.arrows, x, y),
      ...legend(used, bottom + 36),
    ],
  );
}

function axis(x: (time: number) => number, duration: number, bottom: number): string[] {
  const parts: string[] = [];
  for (let time = 0; time <= duration; time += 200) {
    parts.push(
      line(
        [
          [x(time), TOP - 8],
          [x(time), bottom],
        ],
        { colour: 'faint' },
      ),
    );
    parts.push(
      text(x(time), TOP - 12, `${time / 1000} s`, {
        anchor: 'middle',
        colour: 'grey',
        size: 'small',
      }),
    );
  }
  return parts;
}

/** A line as long as it is connected; above it what it says, below it what is answered, on it how long it has to wait. */
function drawClient(client: ClientLane, x: (time: number) => number, y: number): string {
  const { name, connected, left, said, answered } = client;
  const down = said.map((time) => `M${round(x(time))} ${y - 3}l-4-7h8z`).join('');
  const dots = answered.map(
    (time) => `<circle class="f-paper s-ink" cx="${round(x(time))}" cy="${y + 7}" r="3" stroke-width="1.5"/>`,
  );
  return [
    text(16, y + 4, name),
    line(
      [
        [x(connected), y],
        [Math.min(RIGHT, x(left)), y],
      ],
      { colour: 'ink', width: 1.5 },
    ),
    bars(client.spans, x, y - 4, 8),
    down && `<path class="f-ink" d="${down}"/>`,
    ...dots,
  ].join('');
}

function drawServer({ name, spans }: Lane, x: (time: number) => number, y: number): string {
  return text(16, y + 4, name) + bars(spans, x, y - BAR / 2, BAR);
}

/** From the client whose bytes have arrived to the one who woke: the longer it lies, the longer nobody cared. */
function drawArrow(
  { from, to, arrived, woke }: Arrow,
  x: (time: number) => number,
  y: Map<Lane, number>,
): string {
  return arrowBetween([x(arrived), (y.get(from) ?? 0) + 1], [x(woke), (y.get(to) ?? 0) - BAR / 2 - 1]);
}

function arrowBetween([x1, y1]: [number, number], [x2, y2]: [number, number]): string {
  const angle = Math.atan2(y2 - y1, x2 - x1);
  const wing = (turn: number): [number, number] => [
    x2 - 7 * Math.cos(angle + turn),
    y2 - 7 * Math.sin(angle + turn),
  ];
  const head = [wing(0.45), [x2, y2], wing(-0.45)] as const;
  return (
    line(
      [
        [x1, y1],
        [x2, y2],
      ],
      { colour: 'ink' },
    ) + line(head, { colour: 'ink', width: 1.5 })
  );
}

/** The longest gap of each client, in figures, at its arrow. */
function gaps(arrows: readonly Arrow[], x: (time: number) => number, y: Map<Lane, number>): string[] {
  const longest = new Map<Lane, Arrow>();
  for (const arrow of arrows) {
    const known = longest.get(arrow.from);
    if (!known || gap(arrow) > gap(known)) longest.set(arrow.from, arrow);
  }
  return [...longest.values()]
    .filter((arrow) => gap(arrow) >= LATE)
    .map((arrow) => {
      const [from, to] = [y.get(arrow.from) ?? 0, y.get(arrow.to) ?? 0];
      const middle = x((arrow.arrived + arrow.woke) / 2);
      return text(middle, (from + to) / 2 + 4, `${Math.round(gap(arrow))} ms`, {
        anchor: 'middle',
        halo: true,
      });
    });
}

function legend(used: readonly Kind[], top: number): string[] {
  const entries: [sign: (x: number, y: number) => string, what: string][] = [
    [(x, y) => `<path class="f-ink" d="M${x + 11} ${y + 4}l-4-7h8z"/>`, 'says something'],
    [
      (x, y) => `<circle class="f-paper s-ink" cx="${x + 11}" cy="${y}" r="3" stroke-width="1.5"/>`,
      'has all of the answer',
    ],
    [(x, y) => arrowBetween([x, y - 4], [x + 22, y + 4]), 'arrived, until somebody woke'],
    ...used.map((kind): [(x: number, y: number) => string, string] => [
      (x, y) => box(kind, `M${x} ${y - 6}h22v12h-22z`),
      kinds[kind],
    ]),
  ];
  return entries.flatMap(([sign, what], i) => {
    const x = 16 + (i % COLUMNS) * Math.round((WIDTH - 32) / COLUMNS);
    const y = top + Math.floor(i / COLUMNS) * LEGEND;
    return [sign(x, y), text(x + 30, y + 4, what, { size: 'small' })];
  });
}
