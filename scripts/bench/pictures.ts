// The pictures in the README of the project: made of the figures and nothing else, so that they can be made again.

import {
  type Area,
  type Axis,
  linear,
  logarithmic,
  ordinal,
  plot,
  type Series,
  type Style,
} from '../plot.ts';
import { svg, text } from '../svg.ts';
import { whole } from './format.ts';
import { counts, having } from './questions.ts';
import type { Entry, Figure, Measured } from './results.ts';
import { median } from './statistics.ts';

/** How each server is drawn, in every picture. They can be told apart without colour. */
const styles: Record<string, Style> = {
  'C, epoll': { colour: 'ink', marker: 'circle' },
  select6: { colour: 'blue', marker: 'square' },
  generator6: { colour: 'green', marker: 'diamond', dashes: '8 3' },
  await6: { colour: 'purple', marker: 'triangle', dashes: '4 3' },
  callback6: { colour: 'orange', marker: 'cone', dashes: '10 3 2 3' },
  'node:net': { colour: 'grey', marker: 'plus', dashes: '2 3' },
  stream6: { colour: 'red', marker: 'cross', dashes: '6 2 2 2 2 2' },
  thread4: { colour: 'red', marker: 'bar', dashes: '1 2' },
  'select3, epoll': { colour: 'blue', marker: 'square' },
  'select3, poll': { colour: 'orange', marker: 'cone', dashes: '10 3 2 3' },
};

const MEGABYTE = 2 ** 20;

/** Messages a second by the number of busy connections. */
export function requestsPicture({ entries }: Measured): string {
  const frame = { width: 720, height: 420, title: 'Messages a second, by the number of users who talk' };
  const drawn = series(entries, 'speed', 'busy').filter(({ points }) => points.length > 1);
  const numbers = counts(entries, 'busy');
  const place = logarithmic(numbers[0] ?? 1, numbers.at(-1) ?? 1);
  const x: Axis = { title: 'busy connections', ticks: numbers, format: whole, place };
  const area = { x: 62, y: 66, width: 550, height: 290 };
  return svg({ ...frame, description: described(drawn, 'messages a second', 'busy connections') }, [
    text(16, 28, frame.title, { size: 'large' }),
    ...plot(area, x, speeds(drawn), drawn),
  ]);
}

/** What idle connections do to the busy ones, and to the memory. */
export function idlePicture({ entries }: Measured): string {
  const frame = { width: 860, height: 400, title: 'What those cost who say nothing' };
  const numbers = counts(entries, 'idle');
  const x: Axis = { title: 'idle connections', ticks: numbers, format: whole, place: ordinal(numbers) };
  const fast = series(entries, 'speed', 'idle');
  const names = fast.map(({ name }) => name);
  const large = series(entries, 'memory', 'idle', MEGABYTE).filter(({ name }) => names.includes(name));
  const left: Area = { x: 62, y: 66, width: 270, height: 270 };
  const right: Area = { ...left, x: 490 };
  const descriptions = [
    described(fast, 'messages a second', 'idle connections'),
    described(large, 'MB', 'idle connections'),
  ];
  return svg({ ...frame, description: descriptions.join(' ') }, [
    text(16, 28, frame.title, { size: 'large' }),
    ...plot(left, x, speeds(fast), fast),
    ...plot(right, x, sizes(large), large),
  ]);
}

/** A line for each server of which there is such a figure. */
function series(entries: Entry[], figure: Figure, by: 'busy' | 'idle', unit = 1): Series[] {
  const measured = entries.filter(({ figures }) => figures[figure]);
  return Object.entries(styles).flatMap(([name, style]) => {
    const own = having(measured, { server: name });
    const points = own.map((entry) => [entry[by] ?? 0, median(entry.figures[figure] ?? []) / unit] as const);
    return points.length > 0 ? [{ name, points, style }] : [];
  });
}

/** From none to the quickest, in round numbers. */
function speeds(series: Series[]): Axis {
  const most = Math.max(...series.flatMap(({ points }) => points.map(([, speed]) => speed)));
  const step =
    [10_000, 20_000, 50_000, 100_000, 200_000, 500_000].find((step) => most / step <= 6) ?? 1_000_000;
  const ticks = Array.from({ length: Math.ceil(most / step) + 1 }, (_, i) => i * step);
  return { title: 'messages a second', ticks, format: whole, place: linear(ticks.at(-1) as number) };
}

/** By ratios, because a process of Node is not small, and its threads are large. */
function sizes(series: Series[]): Axis {
  const sizes = series.flatMap(({ points }) => points.map(([, size]) => size));
  const round = [1, 10, 100, 1000, 10_000].flatMap((power) => [power, 2 * power, 5 * power]);
  const least = round.findLast((size) => size <= Math.min(...sizes)) ?? 1;
  const most = round.find((size) => size >= Math.max(...sizes)) ?? 50_000;
  const ticks = round.filter((size) => size >= least && size <= most);
  return { title: 'memory of the server, MB', ticks, format: whole, place: logarithmic(least, most) };
}

/** The same in words. */
function described(series: Series[], what: string, where: string): string {
  const sentences = series.map(({ name, points }) => {
    const [[few, first] = [0, 0], [many, last] = [0, 0]] = [points[0], points.at(-1)];
    return `${name}: ${whole(first)} ${what} with ${whole(few)} ${where}, ${whole(last)} with ${whole(many)}.`;
  });
  return sentences.join(' ');
}
