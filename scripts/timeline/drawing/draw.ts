// The picture of a timeline. Time goes to the right.

import { line, round, svg, text } from '../../svg.ts';
import { bars, box, pattern } from './bars.ts';
import { describe, LATE } from './describe.ts';
import { type Arrow, type ClientLane, gap, type Kind, kinds, type Timeline } from './timeline.ts';

// Sizes and places, in pixels.
const WIDTH = 880;
const LEFT = 158;
const RIGHT = WIDTH - 16;
const TOP = 56;
const CLIENT = 36;
const SERVER = 26;
const BAR = 16;
const GAP = 12;
const LEGEND = 20;
/** Columns of the legend. */
const COLUMNS = 3;

/** Where a time is drawn, in pixels. */
type Scale = (time: number) => number;
type Point = [x: number, y: number];

/** Where a picture differs from those of the scenario. */
export type Look = {
  heading?: string;
  /** The time at the left end, in milliseconds. */
  from?: number;
};

/** The picture, as a file of SVG. */
export function draw(timeline: Timeline, look: Look = {}): string {
  const { step, clients, servers, arrows, duration } = timeline;
  const { heading = `${step}: four clients, and what the server waits for`, from = 0 } = look;
  const below = belowClients(timeline);
  const bottom = below + servers.length * SERVER;
  const x = (time: number) => LEFT + (time / duration) * (RIGHT - LEFT);
  const client = (i: number) => TOP + (i + 0.5) * CLIENT;
  const server = (i: number) => below + (i + 0.5) * SERVER;
  const all = [...clients, ...servers].flatMap(({ spans }) => spans.map(({ kind }) => kind));
  const used = (Object.keys(kinds) as Kind[]).filter((kind) => all.includes(kind));
  return svg(
    {
      width: WIDTH,
      height: bottom + 36 + Math.ceil((used.length + 3) / COLUMNS) * LEGEND,
      title: `${step}: what the server waits for`,
      description: describe(timeline),
      patterns: used.map(pattern),
    },
    [
      text(16, 26, heading, { size: 'large' }),
      ...axis(x, from, duration, bottom),
      ...clients.map((lane, i) => drawClient(lane, x, client(i))),
      ...servers.map(
        ({ name, spans }, i) => text(16, server(i) + 4, name) + bars(spans, x, server(i) - BAR / 2, BAR),
      ),
      ...arrows.map(({ from, to, arrived, woke }) =>
        drawArrow([x(arrived), client(from) + 1], [x(woke), server(to) - BAR / 2 - 1]),
      ),
      // The longest gap of each client, where its arrow begins. Each client has a row, so no label covers another.
      ...clients.flatMap((lane, i) => {
        const wait = longestWait(
          lane,
          arrows.filter(({ from }) => from === i),
        );
        if (wait === undefined) return [];
        const label = `${lane.name.split(',', 1)} waits ${wait.told}`;
        return text(x(wait.begin) - 4, client(i) - 13, label, { size: 'small', halo: true });
      }),
      ...legend(used, bottom + 36),
    ],
  );
}

/** The longest wait of a client until the server wakes for it. Undefined if the wait is short. */
function longestWait({ spans }: ClientLane, own: Arrow[]): { begin: number; told: string } | undefined {
  if (spans[0] && own.length < 1 + spans.length) return { begin: spans[0].begin, told: 'to the end' };
  const [longest] = [...own].sort((a, b) => gap(b) - gap(a));
  if (!longest || gap(longest) < LATE) return undefined;
  return { begin: longest.arrived, told: `${Math.round(gap(longest))} ms` };
}

/** The distance between two times at the top, in milliseconds: the first that leaves ten times or fewer. */
const STEPS = [200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000];

function axis(x: Scale, begin: number, duration: number, bottom: number): string[] {
  const parts: string[] = [];
  const step = STEPS.find((step) => duration / step <= 10) ?? duration / 10;
  for (let time = Math.ceil(begin / step) * step; time <= begin + duration; time += step) {
    const at = x(time - begin);
    parts.push(
      line(
        [
          [at, TOP - 8],
          [at, bottom],
        ],
        { colour: 'faint' },
      ),
    );
    parts.push(text(at, TOP - 12, `${time / 1000} s`, { anchor: 'middle', colour: 'grey', size: 'small' }));
  }
  return parts;
}

/** The server's lane and the time at a point of the picture, which is given in pixels. */
export function placeAt(timeline: Timeline, x: number, y: number): { lane: number; time: number } {
  return {
    lane: Math.floor((y - belowClients(timeline)) / SERVER),
    time: ((x - LEFT) / (RIGHT - LEFT)) * timeline.duration,
  };
}

/** Where a time is drawn, as a fraction of the width of the picture. */
export function shareAt({ duration }: Timeline, time: number): number {
  return (LEFT + (time / duration) * (RIGHT - LEFT)) / WIDTH;
}

function belowClients({ clients }: Timeline): number {
  return TOP + clients.length * CLIENT + GAP;
}

/** A line while the client is connected: above it a mark for each message, below it one for each answer, on it the waits. */
function drawClient({ name, spans, connected, left, answered }: ClientLane, x: Scale, y: number): string {
  const from: Point = [x(connected), y];
  const to: Point = [x(left), y];
  const said = spans.map(({ begin }) => triangle(round(x(begin)), y - 3)).join('');
  return [
    text(16, y + 4, name),
    line([from, to], { colour: 'ink', width: 1.5 }),
    bars(spans, x, y - 4, 8),
    said && inked(said),
    ...answered.map((time) => circle(round(x(time)), y + 7)),
  ].join('');
}

function inked(path: string): string {
  return `<path class="f-ink" d="${path}"/>`;
}

/** The mark of a message. It points down to (x, y). */
function triangle(x: number, y: number): string {
  return `M${x} ${y}l-4-7h8z`;
}

/** The mark of an answer. */
function circle(x: number, y: number): string {
  return `<circle class="f-paper s-ink" cx="${x}" cy="${y}" r="3" stroke-width="1.5"/>`;
}

/** An arrow from the client, when its bytes arrive, to the lane that wakes for them. A flat arrow is a long wait. */
function drawArrow(from: Point, [x, y]: Point): string {
  const angle = Math.atan2(y - from[1], x - from[0]);
  const wing = (turn: number): Point => [x - 7 * Math.cos(angle + turn), y - 7 * Math.sin(angle + turn)];
  const head = [wing(0.45), [x, y], wing(-0.45)] as const;
  return line([from, [x, y]], { colour: 'ink' }) + line(head, { colour: 'ink', width: 1.5 });
}

function legend(used: readonly Kind[], top: number): string[] {
  const entries: [sign: (x: number, y: number) => string, what: string][] = [
    [(x, y) => inked(triangle(x + 11, y + 4)), 'sends a message'],
    [(x, y) => circle(x + 11, y), 'has the whole answer'],
    [(x, y) => drawArrow([x, y - 4], [x + 22, y + 4]), 'bytes arrive, then the server wakes'],
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
