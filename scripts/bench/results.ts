// The results of a run: the figures of each round, from which tables and plots are made, and functions on them.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../steps.ts';

export const RESULTS = 'results/bench.json';

/** The tables, in the order in which they are measured. */
export const tableNames = [
  'echo',
  'lines',
  'connections',
  'idle',
  'chat',
  'threads',
  'start-up',
  'suspended',
  'cpu',
  'compute',
  'attack',
  'cores',
  'machines',
] as const;

export type TableName = (typeof tableNames)[number];

/** The kinds of figures. Times are in milliseconds, memory is in bytes. */
export type Figure =
  /** In a second: messages that came back, lines that another user received, or connections. */
  | 'speed'
  /** Lines that did not arrive, and lines that arrived twice or after a later one. */
  | 'lost'
  | 'duplicates'
  /** The memory of the server, or of one function that waits. */
  | 'memory'
  /** From the start of the server to its first line of output, and to its first answer. */
  | 'listens'
  | 'answers'
  /** From connect() to the echo: for one client, and for the last client of a crowd. */
  | 'one'
  | 'crowd'
  /** System calls for each message. */
  | 'calls'
  /** CPU time of the server for each message, in microseconds: in the kernel, and outside of it. */
  | 'kernel'
  | 'user'
  /** How long an answer takes: the median, and the time that 99 of 100 answers take at most. */
  | 'usual'
  | 'late'
  /** Numbers that the server computes in a second. */
  | 'numbers';

/** The figures of a turn. */
export type Figures = Partial<Record<Figure, number>>;

/** Attacks on a server, by the names that load.c has for them. */
export type Attack = 'trickle' | 'hoard' | 'flood';

/** The figures of a server in one situation: with so many busy connections, and so many idle ones, or under attack. */
export type Entry = {
  server: string;
  busy?: number;
  idle?: number;
  attack?: Attack | undefined;
  /** A number for each round. */
  figures: Partial<Record<Figure, number[]>>;
};

/** A table that was measured, with the versions and the machine. */
export type Measured = {
  node: string;
  python?: string;
  cpus: number;
  rounds: number;
  seconds: number;
  entries: Entry[];
};

/** The tables that have been measured. */
export type Results = Partial<Record<TableName, Measured>>;

/** The results as JSON, an entry a line, so that a diff shows what has changed. */
export function toJson(results: Results): string {
  const tables = tableNames.flatMap((name) => {
    const measured = results[name];
    if (measured === undefined) return [];
    const { entries, ...conditions } = measured;
    const lines = entries.map((entry) => `      ${JSON.stringify(entry)}`);
    const open = JSON.stringify(conditions).slice(0, -1);
    return [`  ${JSON.stringify(name)}: ${open},"entries":[\n${lines.join(',\n')}\n  ]}`];
  });
  return `{\n${tables.join(',\n')}\n}\n`;
}

/** Reads results/bench.json. A figure that could not be measured is NaN, and null in JSON. */
export function readResults(): Results {
  return JSON.parse(readFileSync(join(root, RESULTS), 'utf8'), (_, value) => value ?? Number.NaN);
}

/** The entries of a situation. */
export function having(entries: Entry[], situation: Partial<Omit<Entry, 'figures'>>): Entry[] {
  const wanted = Object.entries(situation) as [keyof Entry, unknown][];
  return entries.filter((entry) => wanted.every(([key, value]) => entry[key] === value));
}

/** The numbers of connections, from few to many. */
export function counts(entries: Entry[], what: 'busy' | 'idle'): number[] {
  return [...new Set(entries.map((entry) => entry[what] ?? 0))].sort((a, b) => a - b);
}

/** The median. NaN if there are no numbers. */
export function median(numbers: readonly number[] = []): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [below = Number.NaN, above = Number.NaN] = sorted.slice(middle - 1, middle + 1);
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : (below + above) / 2;
}

/** The smallest of these numbers such that so many percent of them are no larger. NaN if there are none. */
export function percentile(percent: number, numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil((percent / 100) * sorted.length)) - 1] ?? Number.NaN;
}

/** The mean. NaN if there are no numbers. */
export function mean(numbers: readonly number[] = []): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

/** A number with so many digits behind the point. */
export function rounded(number: number, digits = 2): number {
  return Number(number.toFixed(digits));
}

/** The speed of an entry as a multiple of another's: the median of the ratios within rounds. NaN if there is no other. */
export function compare(entry?: Entry, reference?: Entry): number {
  const speeds = reference?.figures.speed ?? [];
  return median(entry?.figures.speed?.map((speed, round) => speed / (speeds[round] ?? Number.NaN)));
}

/** The memory that a server takes for each idle connection. NaN if it has not been measured. */
export function memoryOfEach(entries: Entry[], server: string): number {
  const own = having(entries, { server }).filter(({ figures }) => figures.memory);
  const [without = [], most = []] = [own[0]?.figures.memory, own.at(-1)?.figures.memory];
  const differences = most.map((memory, round) => memory - (without[round] ?? 0));
  return median(differences) / (own.at(-1)?.idle || Number.NaN);
}
