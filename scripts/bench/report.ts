// The tables as they are shown: made of the figures and nothing else, so that they can be made again.

import { bytes, microseconds, milliseconds, ratio, whole } from './format.ts';
import { compare, counts, having, memoryOfEach, servers } from './questions.ts';
import type { Entry, Figure, Measured, TableName } from './results.ts';
import { LINE, MESSAGE } from './sizes.ts';
import { mean, median } from './statistics.ts';

/** A table, or a part of one. The first column says who, all others are numbers. */
export type Block = { title: string; columns: string[]; rows: string[][] };

/** A column that compares to one of the entries: its name, and the server. */
type Reference = [column: string, server: string];

/** A column that tells of the entry itself. */
type Column = [name: string, cell: (entry: Entry) => string];

/** The number of busy connections with which servers are compared. */
export const USUAL = 50;

const C: Reference = ['of C', 'C, epoll'];
const NODE: Reference = ['of node:net', 'node:net'];

const reports: Record<TableName, (entries: Entry[]) => Block[]> = {
  echo: (entries) =>
    counts(entries, 'busy').map((busy) =>
      compared(
        `Messages of ${MESSAGE} bytes, ${busy} connections`,
        having(entries, { busy }),
        perSecond('messages'),
        [C, NODE],
      ),
    ),
  lines: (entries) => {
    const title = `Lines of ${LINE} bytes, ${USUAL} connections`;
    const usual = having(entries, { busy: USUAL });
    return [
      compared(title, usual, perSecond('messages'), [C, NODE, ['of select6', 'select6']]),
      by('busy', 'The same in messages a second, by the number of connections', entries, speedOf),
    ];
  },
  connections: (entries) => [
    compared(
      `Clients who say one line and leave, ${entries[0]?.busy} at a time`,
      entries,
      perSecond('connections'),
      [C, NODE],
    ),
  ],
  idle: (entries) => {
    const busy = entries[0]?.busy;
    const speeds = entries.filter(({ figures }) => figures.speed);
    const sizes = entries.filter(({ figures }) => figures.memory);
    return [
      by(
        'idle',
        `Messages a second of ${busy} busy connections, by the number of idle ones`,
        speeds,
        speedOf,
      ),
      withEach(by('idle', 'Memory of the server, by the number of idle connections', sizes, memoryOf), sizes),
    ];
  },
  chat: (entries) => {
    const title = `${entries[0]?.busy} users, lines of ${LINE} bytes, everyone to everyone`;
    const deliveries: Column[] = [...perSecond('deliveries'), ['lost', wrong]];
    return [compared(title, entries, deliveries, [['of C', 'C, epoll, a send for each'], NODE])];
  },
  threads: (entries) => [
    compared('From connect() to the echo', entries, [
      ['one client', figure('one', milliseconds)],
      [`${entries[0]?.busy} clients at once`, figure('crowd', milliseconds)],
      ['memory of each', figure('memory', bytes)],
    ]),
  ],
  'start-up': (entries) => [
    compared('From the start of the server', entries, [
      ['to its first line', figure('listens', milliseconds)],
      ['to its first answer', figure('answers', milliseconds)],
      ['memory, with one client', figure('memory', bytes)],
    ]),
  ],
  cpu: (entries) => [
    compared('CPU time of the server for each message', entries, [
      ['in the kernel', meanOf('kernel')],
      ['outside of it', meanOf('user')],
    ]),
  ],
  suspended: (entries) => {
    const exact = figure('memory', (bytes) => `${whole(bytes)} bytes`);
    return [
      {
        ...compared('Memory of what waits for a line', entries, [['memory', exact]]),
        columns: ['what waits', 'memory'],
      },
    ];
  },
};

/** The clock of the kernel is coarse: what it says is true of many turns, and may be 0 in one. */
function meanOf(name: Figure): (entry: Entry) => string {
  return ({ figures }) => microseconds(mean(figures[name] ?? []));
}

/** A line for each entry: what is to be said of itself, and its speed in comparison. */
function compared(title: string, entries: Entry[], columns: Column[], references: Reference[] = []): Block {
  const rows = entries.map((entry) => [
    entry.server,
    ...columns.map(([, cell]) => cell(entry)),
    ...references.map(([, server]) => ratio(compare(entry, having(entries, { server })[0]))),
  ]);
  return { title, columns: ['server', ...[...columns, ...references].map(([name]) => name)], rows };
}

/** A line for each server, and a column for each number of connections. */
function by(what: 'busy' | 'idle', title: string, entries: Entry[], cell: (entry: Entry) => string): Block {
  const numbers = counts(entries, what);
  const rows = servers(entries).map((server) => [
    server,
    ...numbers.map((number) => having(entries, { server, [what]: number }).map(cell)[0] ?? whole(Number.NaN)),
  ]);
  return { title, columns: ['server', ...numbers.map(whole)], rows };
}

/** With one more column: how much more memory a server takes with most of them, for each. */
function withEach({ title, columns, rows }: Block, entries: Entry[]): Block {
  const each = rows.map(([server = '', ...cells]) => [
    server,
    ...cells,
    bytes(memoryOfEach(entries, server)),
  ]);
  return { title, columns: [...columns, 'for each one'], rows: each };
}

function figure(name: Figure, format: (number: number) => string): (entry: Entry) => string {
  return ({ figures }) => format(median(figures[name] ?? []));
}

const speedOf = figure('speed', whole);
const memoryOf = figure('memory', bytes);

function perSecond(what: string): Column[] {
  return [[`${what} a second`, speedOf]];
}

/** What has not come in all rounds together, and what should not have come. */
function wrong({ figures: { lost = [], duplicates = [] } }: Entry): string {
  const sum = (numbers: number[]) => numbers.reduce((sum, number) => sum + number, 0);
  return `${whole(sum(lost))}${sum(duplicates) > 0 ? `, ${whole(sum(duplicates))} duplicates` : ''}`;
}

/** The tables of a name. */
export function blocks(name: TableName, { entries }: Measured): Block[] {
  return reports[name](entries);
}

/** A table in Markdown, without its title. */
export function markdown({ columns, rows }: Omit<Block, 'title'>): string {
  const line = columns.map((_, i) => (i === 0 ? '---' : '--:'));
  return [columns, line, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** What it was measured with, and how often. */
export function conditions({ seconds, entries, ...equipment }: Measured): string {
  const turns = entries.some(({ figures }) => figures.speed) ? ` of ${seconds} s` : '';
  return `${equipped(equipment)}; ${rounds(entries)}${turns}.`;
}

/** What it was measured with. */
export function equipped({ node, python, cpus }: Pick<Measured, 'node' | 'python' | 'cpus'>): string {
  return `Node ${node}${python ? ` and Python ${python}` : ''}, ${cpus} CPUs`;
}

/** Some figures may have been measured in fewer rounds than others. */
function rounds(entries: Entry[]): string {
  const lengths = entries.flatMap(({ figures }) => Object.values(figures).map(({ length }) => length));
  const [least, most] = [Math.min(...lengths), Math.max(...lengths)];
  if (most === 1) return 'one round';
  const what = entries.some(({ figures }) => figures.kernel) ? 'means' : 'medians';
  return `${what} of ${least === most ? most : `${least} to ${most}`} rounds`;
}
