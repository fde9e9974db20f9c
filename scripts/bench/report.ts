// Makes tables, and the parts of READMEs that show them, from the figures alone.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { written } from '../markers.ts';
import { root } from '../steps.ts';
import { pathOf } from './contestants.ts';
import { bytes, whole } from './figures.ts';
import {
  counts,
  type Entry,
  having,
  type Measured,
  median,
  memoryOfEach,
  RESULTS,
  type Results,
  type TableName,
  toJson,
} from './results.ts';
import { type Shown, tables, USUAL } from './tables.ts';

/** A table, or a part of one. The first column names the server, all others are numbers. */
export type Block = { title: string; columns: string[]; rows: string[][] };

/** The tables of each README, in their order. */
const readmes: Record<string, (TableName | 'summary')[]> = {
  'README.md': ['summary'],
  'src/single/README.md': ['start-up'],
  'src/threaded/README.md': ['threads', 'connections'],
  'src/select/README.md': ['echo', 'cores', 'attack', 'chat', 'idle'],
  'src/coroutine/README.md': ['suspended', 'compute', 'machines', 'lines', 'cpu'],
};

/** The mechanisms: for each, the measured server, what to take it for, and what it can't do. */
const mechanisms: [mechanism: string, server: string, takeItFor: string, cannot: string][] = [
  ['one after the other', 'single6', 'a test, a tool for one user', 'serve a second user'],
  ['threads', 'thread4', 'a few users, code that blocks', 'serve hundreds'],
  ['a pool of threads', 'pool4', 'code that blocks, short visits', 'serve more users than threads'],
  ['processes', 'prefork4', 'isolation, all cores', 'serve more users than processes'],
  ['a selector', 'select6', 'the most speed, the least memory', 'wait in the middle of a function'],
  ['a ring', 'ring6', 'many messages for each system call', 'run without Linux 6.1 and io_uring'],
  ['generators', 'generator6', 'seeing how `await` works', "use Node's library"],
  [
    '`await` on its own loop',
    'await6',
    "a loop of your own beside Node's",
    'wait in one call for both loops',
  ],
  ["callbacks on Node's loop", 'callback6', 'a busy server in Node', 'be read from top to bottom'],
  ["streams and `await` on Node's loop", 'stream6', 'most servers in Node', 'show which call waits'],
  ['node:net alone', 'node:net', 'production', ''],
  ['a selector in C', 'C, epoll', 'comparison', ''],
];

/** The new contents of all files that show these results, by path. Tables that have not been measured stay as they are. */
export async function documents(results: Results): Promise<Map<string, string>> {
  const { idlePlot, requestsPlot } = await import('./plots.ts'); // Observable Plot loads slowly, and few runs need it.
  const files = new Map([[RESULTS, toJson(results)]]);
  for (const [path, names] of Object.entries(readmes)) {
    let text = readFileSync(join(root, path), 'utf8');
    for (const name of names) {
      const content = section(name, results);
      if (content) text = written(text, `npm run bench writes this: ${name}`, content);
    }
    files.set(path, text);
  }
  const { lines, idle } = results;
  if (lines) files.set('results/requests.svg', requestsPlot(lines.entries));
  if (idle) files.set('results/idle.svg', idlePlot(idle.entries));
  return files;
}

/** The text between the markers of a table. */
function section(name: TableName | 'summary', results: Results): string | undefined {
  if (name === 'summary') return results.lines && summary(results);
  const measured = results[name];
  if (!measured) return undefined;
  const titled = blocks(name, measured).map((block) => `${block.title}:\n\n${markdown(block)}`);
  return [...titled, conditions(measured)].join('\n\n');
}

/** What each mechanism costs, from several tables, with the machine that they were measured on. */
function summary({ lines, connections, idle }: Results): string {
  const speed = (entry: Entry | undefined) => whole(median(entry?.figures.speed));
  const talking = (server: string, busy: number) => having(lines?.entries ?? [], { server, busy })[0];
  const rows = mechanisms.map(([mechanism, server, takeItFor, cannot]) => [
    /\d$/.test(server) ? `${mechanism}: [${server}](${pathOf(server)})` : mechanism,
    takeItFor,
    cannot,
    speed(talking(server, USUAL)),
    speed(having(connections?.entries ?? [], { server })[0]),
    bytes(memoryOfEach(idle?.entries ?? [], server)),
  ]);
  const words = ['take it for', "it can't"];
  const speeds = [`messages a second, ${USUAL} users`, 'connections a second'];
  const measured = [lines, connections, idle].filter((table) => table !== undefined);
  return [
    markdown({ columns: ['mechanism', ...words, ...speeds, 'memory for each idle user'], rows }, 3),
    `${[...new Set(measured.map(equipped))].join('; ')}.`,
  ].join('\n\n');
}

/** The blocks of a table: one for each number of busy connections, unless its columns are those numbers. */
export function blocks(name: TableName, { entries }: Measured): Block[] {
  return tables[name].blocks.flatMap((shown) => {
    if ('by' in shown) return byNumber(shown, entries);
    const own = shown.busy === undefined ? entries : having(entries, { busy: shown.busy });
    return counts(own, 'busy').map((busy) => {
      const rows = own
        .filter((entry) => (entry.busy ?? 0) === busy)
        .map((entry) => [entry.server, ...shown.columns.map(([, cell]) => cell(entry, entries))]);
      const columns = [shown.first ?? 'server', ...shown.columns.map(([name]) => filled(name, busy))];
      return { title: filled(shown.title, busy), columns, rows };
    });
  });
}

/** A line for each server, and a column for each number of connections. */
function byNumber({ title, by, figure, each }: Extract<Shown, { by: unknown }>, all: Entry[]): Block {
  const entries = all.filter(({ figures }) => figures[figure]);
  const numbers = counts(entries, by);
  const format = figure === 'memory' ? bytes : whole;
  const rows = [...new Set(entries.map(({ server }) => server))].map((server) => [
    server,
    ...numbers.map((number) => format(median(having(entries, { server, [by]: number })[0]?.figures[figure]))),
    ...(each ? [bytes(memoryOfEach(entries, server))] : []),
  ]);
  const columns = ['server', ...numbers.map(whole), ...(each ? [each] : [])];
  return { title: filled(title, entries[0]?.busy ?? 0), columns, rows };
}

function filled(text: string, busy: number): string {
  return text.replace('{busy}', `${busy}`);
}

/** A table in Markdown, without its title. The first columns hold words, all others numbers. */
export function markdown({ columns, rows }: Omit<Block, 'title'>, words = 1): string {
  const line = columns.map((_, i) => (i < words ? '---' : '--:'));
  return [columns, line, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** The versions, the machine, and the number of rounds. */
export function conditions(measured: Measured): string {
  return `${equipped(measured)}; ${roundsOf(measured)}.`;
}

/** The versions, and the machine. */
export function equipped({ node, python, cpus }: Pick<Measured, 'node' | 'python' | 'cpus'>): string {
  return `Node ${node}${python ? ` and Python ${python}` : ''}, ${cpus} CPUs`;
}

/** The number of rounds. Some figures may have fewer than others. */
export function roundsOf({ seconds, entries }: Measured): string {
  // System calls are counted once.
  const lengths = entries.flatMap(({ figures: { calls: _, ...own } }) =>
    Object.values(own).map(({ length }) => length),
  );
  if (lengths.length === 0) return 'not measured yet';
  const [least, most] = [Math.min(...lengths), Math.max(...lengths)];
  const what = entries.some(({ figures }) => figures.kernel) ? 'means' : 'medians';
  const many = `${what} of ${least === most ? most : `${least} to ${most}`} rounds`;
  const turns = entries.some(({ figures }) => figures.speed) ? ` of ${seconds} s` : '';
  return `${most === 1 ? 'one round' : many}${turns}`;
}
