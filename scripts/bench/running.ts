// What all measurements share: servers and their load, and the figures that they keep.

import { spawnSync } from 'node:child_process';
import { Program } from '../../src/behaviours/program.ts';
import { Server } from '../../src/behaviours/server.ts';
import { fail } from '../../src/cli/fail.ts';
import { root } from '../steps.ts';
import { type Contestant, commandOf, compile } from './contestants.ts';
import { withRedis } from './redis.ts';
import type { Entry, Figure, Figures } from './results.ts';
import type { Table } from './tables.ts';

export type Plan = {
  rounds: number;
  /** The length of a turn. */
  seconds: number;
  /** Fewer connections and rows, to see that all works. The figures are rough. */
  quick: boolean;
  /** Prints what has just been measured. */
  say(line: string): void;
};

/** An entry of a table, and its server. */
export type Situation = { contestant: Contestant; entry: Entry };

/** What the load client prints: see load.c. */
export type Counted = {
  count: number;
  seconds: number;
  all?: number;
  late?: number;
  lost?: number;
  duplicates?: number;
};

/** How long a server may take to start or to answer, in milliseconds. */
export const PATIENCE = 60_000;
const NO_LIMIT = 2 ** 31 - 1; // The load client has a time limit of its own.
const AT_LEAST = 50_000; // deliveries a second, assumed of a chat before its first turn

/** Adds the figures of a turn to an entry. Returns a line about it. */
export function keep({ server, busy, idle, attack, figures }: Entry, turn: Figures): string {
  for (const [name, value] of Object.entries(turn) as [Figure, number][]) {
    figures[name] = [...(figures[name] ?? []), value];
  }
  const where = [busy && `, ${busy} busy`, idle && `, ${idle} idle`, attack && `, ${attack}`]
    .filter(Boolean)
    .join('');
  const told = Object.entries(turn).map(([name, value]) => `${name} ${value}`);
  return `${server}${where}: ${told.join(', ')}`;
}

/** Starts a server, and waits for its first line. Also returns how many milliseconds that took. */
export async function start(contestant: Contestant): Promise<[server: Server, milliseconds: number]> {
  const [command, ...own] = commandOf(contestant);
  const args = await withRedis(own);
  const begin = performance.now();
  const options = { cwd: root, patience: PATIENCE };
  const server = await Server.start(command, [...args, '--port', '0'], options).catch((error: Error) =>
    fail(`Cannot start ${contestant.name}: ${error.message}`),
  );
  return [server, performance.now() - begin];
}

/** Runs the clients of a situation against a server. In a chat, a quick server gets more lines than a slow one. */
export async function load(
  { how, size }: Table,
  { server, busy = 0, idle = 0, attack }: Entry,
  { port }: Server,
  seconds: number,
  speed = AT_LEAST,
): Promise<Counted> {
  const extent = how === 'talk' ? Math.ceil((seconds * speed) / (busy * (busy - 1))) || 1 : seconds;
  const args = [how, port, busy, size, extent, attack ?? (idle || '')].map(String);
  const clients = new Program(compile('scripts/bench/load.c'), args, { patience: NO_LIMIT });
  const [output, errors] = await Promise.all([clients.stdout.rest(), clients.stderr.rest()]);
  if ((await clients.exited()) !== 0)
    fail(`Cannot measure ${server}: ${errors.trim() || 'a signal ended its clients'}`);
  return JSON.parse(output);
}

/** The memory that a process uses (its resident set), in bytes. NaN where there is no `ps`. */
export function memoryOf({ child }: Server): number {
  const { stdout } = spawnSync('ps', ['-o', 'rss=', '-p', `${child.pid}`], { encoding: 'utf8' });
  return stdout ? 1024 * Number(stdout) : Number.NaN;
}
