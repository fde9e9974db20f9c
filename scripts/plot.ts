// Plots: lines through points, each with a marker and dashes of its own, and its name where it ends.

import { type Colour, line, round, text } from './svg.ts';

/** What is measured along one side of a plot. */
export type Axis = {
  title: string;
  /** Where there is a number, and a line across the plot. */
  ticks: readonly number[];
  /** How a tick is written. */
  format: (value: number) => string;
  /** How far along the axis a value is: 0 at its beginning, 1 at its end. */
  place: (value: number) => number;
};

export type Series = { name: string; points: readonly (readonly [x: number, y: number])[]; style: Style };

export type Style = { colour: Colour; marker: Marker; dashes?: string };

/** Marks that can be told apart, by the path of each around 0,0. */
const markers = {
  circle: 'M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z',
  square: 'M-3.6-3.6h7.2v7.2h-7.2z',
  diamond: 'M0-5l5 5l-5 5l-5-5z',
  triangle: 'M0-5l4.6 8h-9.2z',
  cone: 'M0 5l4.6-8h-9.2z',
  cross:
    'M-5-2.2l2.8-2.8l2.2 2.8l2.2-2.8l2.8 2.8l-2.8 2.2l2.8 2.2l-2.8 2.8l-2.2-2.8l-2.2 2.8l-2.8-2.8l2.8-2.2z',
  plus: 'M-1.8-5h3.6v3.2h3.2v3.6h-3.2v3.2h-3.6v-3.2h-3.2v-3.6h3.2z',
  bar: 'M-5-2h10v4h-10z',
} as const;

export type Marker = keyof typeof markers;

/** The rectangle between the axes. */
export type Area = { x: number; y: number; width: number; height: number };

/** Names stand so far from each other, at least: their height. */
const LINE_HEIGHT = 15;
/** And so far behind the last point. */
const GAP = 16;

/** An axis on which equal steps are equal differences, from 0. */
export function linear(most: number): (value: number) => number {
  return (value) => value / most;
}

/** An axis on which equal steps are equal ratios. */
export function logarithmic(least: number, most: number): (value: number) => number {
  return (value) => Math.log(value / least) / Math.log(most / least);
}

/** An axis on which these values stand side by side, whatever lies between them. */
export function ordinal(values: readonly number[]): (value: number) => number {
  return (value) => values.indexOf(value) / Math.max(1, values.length - 1);
}

/** A plot, without what surrounds it. The names of the series stand to the right of where they end. */
export function plot(area: Area, x: Axis, y: Axis, series: readonly Series[]): string[] {
  const at = ([horizontal, vertical]: readonly [number, number]) =>
    [area.x + area.width * x.place(horizontal), area.y + area.height * (1 - y.place(vertical))] as const;
  const drawn = series.map((series) => ({ ...series, points: series.points.map(at) }));
  return [
    ...grid(area, x, y),
    ...drawn.flatMap(({ points, style }) => [
      line(points, { colour: style.colour, width: 2, ...(style.dashes && { dashes: style.dashes }) }),
      ...points.map((point) => mark(point, style)),
    ]),
    ...names(area, drawn),
  ];
}

function grid(area: Area, x: Axis, y: Axis): string[] {
  const { x: left, y: top, width, height } = area;
  const bottom = top + height;
  const lines = y.ticks.flatMap((tick) => {
    const at = bottom - height * y.place(tick);
    const [begin, end] = [[left, at] as const, [left + width, at] as const];
    const number = text(left - 8, at + 4, y.format(tick), { anchor: 'end', colour: 'grey', size: 'small' });
    return [line([begin, end], { colour: 'faint' }), number];
  });
  const marks = x.ticks.flatMap((tick) => {
    const at = left + width * x.place(tick);
    const [begin, end] = [[at, bottom] as const, [at, bottom + 4] as const];
    const number = text(at, bottom + 18, x.format(tick), { anchor: 'middle', colour: 'grey', size: 'small' });
    return [line([begin, end], { colour: 'faint' }), number];
  });
  const titles = [
    text(left, top - 12, y.title, { size: 'small' }),
    text(left + width / 2, bottom + 36, x.title, { anchor: 'middle', size: 'small' }),
  ];
  return [...lines, ...marks, ...titles];
}

function mark([x, y]: readonly [number, number], { colour, marker }: Style): string {
  const place = `transform="translate(${round(x)} ${round(y)})"`;
  return `<path class="f-${colour} s-paper" d="${markers[marker]}" stroke-width="1" ${place}/>`;
}

/** The names beside the last points. Where several end side by side they are moved apart, and a thin line leads to each. */
function names(area: Area, series: readonly Series[]): string[] {
  const columns = new Map<number, { name: string; y: number; colour: Colour }[]>();
  for (const { name, points, style } of series) {
    const [x, y] = points.at(-1) ?? [area.x, area.y];
    columns.set(x, [...(columns.get(x) ?? []), { name, y, colour: style.colour }]);
  }
  return Array.from(columns, ([x, ends]) => {
    const heights = apart(ends.map(({ y }) => y));
    return ends.flatMap(({ name, y, colour }, i) => {
      const height = heights[i] as number;
      return [
        line(
          [
            [x + 6, y],
            [x + GAP - 3, height],
          ],
          { colour },
        ),
        text(x + GAP, height + 4, name, { colour, size: 'small', halo: true }),
      ];
    });
  }).flat();
}

/** Names that stand below each other: which, and where the middle of them is. */
type Group = { members: number[]; middle: number };

/** Heights a line apart, or more, in the same order: neighbours that are too near make room for each other. */
export function apart(wanted: readonly number[]): number[] {
  const groups: Group[] = [];
  const order = wanted.map((_, i) => i).sort((a, b) => (wanted[a] as number) - (wanted[b] as number));
  for (const i of order) {
    let group = { members: [i], middle: wanted[i] as number };
    for (let above = groups.at(-1); above && tooNear(above, group); above = groups.at(-1)) {
      groups.pop();
      const members = [...above.members, ...group.members];
      group = {
        members,
        middle: members.reduce((sum, i) => sum + (wanted[i] as number), 0) / members.length,
      };
    }
    groups.push(group);
  }
  const heights = [...wanted];
  for (const { members, middle } of groups) {
    const first = middle - ((members.length - 1) * LINE_HEIGHT) / 2;
    for (const [i, member] of members.entries()) heights[member] = first + i * LINE_HEIGHT;
  }
  return heights;
}

function tooNear(above: Group, below: Group): boolean {
  return below.middle - above.middle < ((above.members.length + below.members.length) * LINE_HEIGHT) / 2;
}
