// Draws the plots of the READMEs, from results/bench.json alone.

import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { whole } from './figures.ts';
import { type Entry, median } from './results.ts';

type Shades = readonly [light: string, dark: string];

/** How each server is drawn. Within a plot, each has its own colour, symbol and dashes, so none depends on colour alone. */
const styles: Record<string, { colour: Shades; symbol: Plot.SymbolType; dashes?: string }> = {
  'C, epoll': { colour: ['#1f2328', '#e6edf3'], symbol: 'circle' },
  select6: { colour: ['#0072b2', '#56b4e9'], symbol: 'square' },
  ring6: { colour: ['#b3126f', '#ff79c0'], symbol: 'times', dashes: '12 2' },
  generator6: { colour: ['#00785a', '#2fc48d'], symbol: 'diamond', dashes: '8 3' },
  await6: { colour: ['#8a3a86', '#d59bd0'], symbol: 'triangle', dashes: '4 3' },
  callback6: { colour: ['#b25f00', '#f0a32f'], symbol: 'wye', dashes: '10 3 2 3' },
  'node:net': { colour: ['#6e7781', '#9198a1'], symbol: 'cross', dashes: '2 3' },
  stream6: { colour: ['#c2410c', '#ff7b54'], symbol: 'star', dashes: '6 2 2 2 2 2' },
  thread4: { colour: ['#6b7300', '#b5c238'], symbol: 'hexagon', dashes: '1 2' },
  'select3, epoll': { colour: ['#0072b2', '#56b4e9'], symbol: 'square' },
  'select3, poll': { colour: ['#b25f00', '#f0a32f'], symbol: 'wye', dashes: '10 3 2 3' },
};

const ink: Shades = ['#1f2328', '#e6edf3'];
const faint: Shades = ['#d0d7de', '#3d444d'];
const paper: Shades = ['#ffffff', '#0d1117'];

const MEGABYTE = 2 ** 20;
const TITLE = 44; // the height of the title, in pixels, as all sizes here
const HEIGHT = 380;
const LINE_HEIGHT = 15;

type Point = { name: string; number: number; value: number };
type Panel = { points: Point[]; across: string; up: string; width: number; scale: 'linear' | 'log' };

/** Messages a second by the number of busy connections. */
export function requestsPlot(entries: Entry[]): string {
  const points = pointsOf(entries, 'speed', 'busy').filter(
    ({ name }, _, all) => all.filter((point) => point.name === name).length > 1,
  );
  return picture('Messages a second, by the number of users who talk', [
    { points, across: 'busy connections', up: 'messages a second', width: 720, scale: 'linear' },
  ]);
}

/** Messages a second, and the memory of the server, by the number of idle connections. */
export function idlePlot(entries: Entry[]): string {
  const speeds = pointsOf(entries, 'speed', 'idle');
  const sizes = pointsOf(entries, 'memory', 'idle', MEGABYTE);
  const points = sizes.filter(({ name }) => speeds.some((speed) => speed.name === name));
  const common = { across: 'idle connections', width: 430 };
  return picture('What idle connections cost', [
    { ...common, points: speeds, up: 'messages a second', scale: 'linear' },
    { ...common, points, up: 'memory of the server, MB', scale: 'log' },
  ]);
}

function pointsOf(entries: Entry[], figure: 'speed' | 'memory', by: 'busy' | 'idle', unit = 1): Point[] {
  return entries
    .filter(({ server, figures }) => figures[figure] && styles[server])
    .map(({ server, [by]: number = 0, figures }) => ({
      name: server,
      number,
      value: median(figures[figure]) / unit,
    }));
}

/** A picture for light and dark pages. Its colours are attributes. On a dark page, CSS overrides each of them. */
function picture(title: string, panels: Panel[]): string {
  const [width, height] = [panels.reduce((sum, { width }) => sum + width, 0), TITLE + HEIGHT];
  const shades = new Set([ink, faint, paper, ...Object.values(styles).map(({ colour }) => colour)]);
  const rules = ['fill', 'stroke', 'color'].flatMap((attribute) =>
    Array.from(shades, ([light, dark]) => `[${attribute}="${light}"]{${attribute}:${dark}}`),
  );
  const size = `viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`;
  const drawn = panels.map((panel, i) => draw(panel, i * panel.width));
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" aria-labelledby="title description" color="${ink[0]}" fill="currentColor" font-family="system-ui, -apple-system, 'Segoe UI', sans-serif">`,
    `<title id="title">${title}</title>`,
    `<desc id="description">${panels.map(described).join(' ')}</desc>`,
    `<style>@media (prefers-color-scheme:dark){${[...new Set(rules)].join('')}}</style>`,
    `<rect fill="${paper[0]}" width="${width}" height="${height}" rx="6"/>`,
    `<text x="16" y="28" font-size="15" font-weight="600">${title}</text>`,
    ...drawn,
    '</svg>',
  ].join('\n')}\n`;
}

function draw({ points, across, up, width, scale }: Panel, left: number): string {
  const numbers = [...new Set(points.map(({ number }) => number))].sort((a, b) => a - b);
  const ticks = scale === 'log' ? roundNumbers(points.map(({ value }) => value)) : 5;
  const log = Array.isArray(ticks) && ({ type: 'log', domain: [ticks[0], ticks.at(-1)] } as const);
  const label = log ? `${up} (logarithmic)` : up;
  const point = { type: 'point', padding: 0 } as const;
  const options: Plot.PlotOptions = {
    document: parseHTML('<html></html>').document,
    ...{ width, height: HEIGHT, marginLeft: 64, marginRight: 108, marginTop: 40, marginBottom: 44 },
    x: { ...point, domain: numbers, label: `${across} (not to scale)`, tickFormat: whole, labelOffset: 36 },
    y: { ticks, label, tickFormat: whole, labelOffset: 48, ...(log || { zero: true, nice: true }) },
  };
  const lines = series(points).flatMap(({ name, own, colour: [stroke], symbol, dashes }) => {
    const common = { x: 'number', y: 'value', ariaDescription: name };
    const dashed = dashes === undefined ? {} : { strokeDasharray: dashes };
    return [
      Plot.line(own, { ...common, stroke, strokeWidth: 2, ...dashed }),
      Plot.dot(own, { ...common, symbol, r: 4.5, stroke, strokeWidth: 1.5 }), // Hollow: it hides no other.
    ];
  });
  const marks = [Plot.gridY({ ticks, stroke: faint[0], strokeOpacity: 1 }), ...lines];
  const heightOf = Plot.plot({ ...options, marks }).scale('y')?.apply ?? Number;
  const svg = Plot.plot({ ...options, marks: [...marks, ...names(points, heightOf)] });
  svg.querySelector('style')?.remove();
  const content = svg.innerHTML.replace(
    /\d+\.\d{2,}/g,
    (number: string) => `${Math.round(Number(number) * 10) / 10}`,
  );
  return `<g transform="translate(${left} ${TITLE})" text-anchor="middle" font-size="11">\n${content.replaceAll('</g><g', '</g>\n<g')}\n</g>`;
}

/** 1, 2, 5, 10, 20 and so on, from below the least of these values to above the largest. */
function roundNumbers(values: number[]): number[] {
  const round = [1, 10, 100, 1000, 10_000].flatMap((power) => [power, 2 * power, 5 * power]);
  return round.filter((number) => number > Math.min(...values) / 2.5 && number < Math.max(...values) * 2.5);
}

/** The points of each server, and how it is drawn. */
function series(points: Point[]) {
  return Object.entries(styles).flatMap(([name, style]) => {
    const own = points.filter((point) => point.name === name);
    const last = own.at(-1);
    return last ? [{ name, own, last, ...style }] : [];
  });
}

/** The name of each server, beside its last point. Where lines end close together, a name moves down below the one before it. */
function names(points: Point[], heightOf: (value: number) => number): Plot.Markish[] {
  const ends = series(points).sort((a, b) => b.last.value - a.last.value);
  const taken = new Map<number, number>();
  return ends.map(({ name, last, colour: [fill] }) => {
    const height = heightOf(last.value);
    const place = Math.max(height, (taken.get(last.number) ?? 0) + LINE_HEIGHT);
    taken.set(last.number, place);
    const halo = { stroke: paper[0], strokeWidth: 4 };
    const beside = { dx: 12, dy: place - height, textAnchor: 'start', text: () => name } as const;
    return Plot.text([last], { x: 'number', y: 'value', fill, ...halo, ...beside });
  });
}

/** A panel in words, for screen readers. */
function described({ points, across, up }: Panel): string {
  const sentences = series(points).map(({ name, own: [first], last }) => {
    const begin = `${whole(first?.value ?? 0)} with ${whole(first?.number ?? 0)} ${across}`;
    return `${name}: ${begin}, ${whole(last.value)} with ${whole(last.number)}.`;
  });
  return `${up[0]?.toUpperCase()}${up.slice(1)}. ${sentences.join(' ')}`;
}
