// Draws the spans of a lane, each kind in a colour and a pattern. The patterns differ without colour, too.

import { type Colour, round } from '../../svg.ts';
import type { Kind, Span } from './timeline.ts';

/** How a kind looks: its colour, and the tile of eight pixels by eight that its pattern repeats. */
const looks: Record<Kind, { colour: Colour; tile: string }> = {
  unanswered: { colour: 'grey', tile: 'M0 4h8' },
  running: { colour: 'blue', tile: 'M0 0h8v8h-8z' },
  accept: { colour: 'purple', tile: 'M2 0v8M6 0v8' },
  recv: { colour: 'orange', tile: 'M-2 2l4-4M0 8l8-8M6 10l4-4' },
  send: { colour: 'red', tile: 'M-2 2l4-4M0 8l8-8M6 10l4-4M-2 6l4 4M0 0l8 8M6-2l4 4' },
  poll: { colour: 'green', tile: 'M3 4h2' },
  ring: { colour: 'green', tile: 'M2 6l4-4' },
  lock: { colour: 'grey', tile: 'M0 2l4 4l4-4' },
  read: { colour: 'orange', tile: 'M3 4h2' },
  write: { colour: 'red', tile: 'M2 4h4M4 2v4' },
  node: { colour: 'grey', tile: '' },
};

/** The definition that {@link box} needs once in a picture. */
export function pattern(kind: Kind): string {
  const { colour, tile } = looks[kind];
  const shade = kind === 'running' ? 1 : kind === 'node' ? 0.12 : 0.2;
  return (
    `<pattern id="${kind}" width="8" height="8" patternUnits="userSpaceOnUse">` +
    `<path class="f-${colour}" opacity="${shade}" d="M0 0h8v8h-8z"/>` +
    `<path class="s-${colour}" d="${tile}" fill="none" stroke-width="1.4"/></pattern>`
  );
}

/** An area that is filled with the pattern of this kind. */
export function box(kind: Kind, path: string): string {
  return `<path fill="url(#${kind})" d="${path}"/>`;
}

/**
 * The spans of a lane. Each column of pixels shows the kind with the largest share of it. Work that is too short for a column
 * gets a tick.
 */
export function bars(
  spans: readonly Span[],
  x: (time: number) => number,
  top: number,
  height: number,
): string {
  const prevailing: Kind[] = [];
  const ticks: Kind[] = [];
  toColumns(spans, x).forEach((shares, column) => {
    const [[kind]] = [...shares].sort((a, b) => b[1] - a[1]) as [[Kind, number]];
    prevailing[column] = kind;
    if (kind !== 'running' && shares.has('running')) ticks[column] = 'running';
  });
  return boxes(prevailing, top, height) + boxes(ticks, top + height / 2, height / 2);
}

/** The share of each kind in each column of pixels. */
function toColumns(spans: readonly Span[], x: (time: number) => number): Map<Kind, number>[] {
  const columns: Map<Kind, number>[] = [];
  for (const { kind, begin, end } of spans) {
    for (let column = Math.floor(x(begin)); column < x(end); column++) {
      const share = Math.min(x(end), column + 1) - Math.max(x(begin), column);
      const shares = columns[column] ?? new Map<Kind, number>();
      columns[column] = shares.set(kind, (shares.get(kind) ?? 0) + share);
    }
  }
  return columns;
}

/** The columns as boxes. Neighbours of one kind become one box, and all boxes of a kind one path. */
function boxes(columns: readonly Kind[], top: number, height: number): string {
  const paths = new Map<Kind, string>();
  columns.forEach((kind, column) => {
    if (columns[column - 1] === kind) return;
    let width = 1;
    while (columns[column + width] === kind) width++;
    paths.set(kind, `${paths.get(kind) ?? ''}M${column} ${round(top)}h${width}v${height}h-${width}z`);
  });
  return Array.from(paths, ([kind, path]) => box(kind, path)).join('');
}
