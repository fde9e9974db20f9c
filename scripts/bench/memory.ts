// The memory of a server, or of a function that waits.

import { spawnSync } from 'node:child_process';
import type { Server } from '../../src/behaviours/server.ts';
import { fail } from '../../src/cli/fail.ts';
import { withoutTypes } from './contestants.ts';
import { keep, load, memoryOf, type Plan, type Situation, start } from './running.ts';
import type { Table } from './tables.ts';

const WEIGHING = 0.2; // seconds of a turn that measures memory: a server has all its memory when all connections are open
const SAMPLE = 100; // milliseconds between two looks at its memory

/**
 * Measures the most memory that a server uses with each number of idle connections. Each number takes a new process, because a
 * process often keeps memory that it has freed. The first turn is not measured, because it takes memory of its own. The figure
 * without idle connections comes from the process that later has most of them.
 */
export async function weigh([none, ...some]: Situation[], plan: Plan, table: Table): Promise<string> {
  const seconds = Math.min(plan.seconds, WEIGHING);
  if (!none) return '';
  let alone = Number.NaN;
  for (const { contestant, entry } of some) {
    const [server] = await start(contestant);
    await load(table, none.entry, server, seconds);
    [, alone] = await withMemory(server, () => load(table, none.entry, server, seconds));
    const [, memory] = await withMemory(server, () => load(table, entry, server, seconds));
    keep(entry, { memory });
    await server.stop();
  }
  return keep(none.entry, { memory: alone });
}

/** Measures a client who asks, and the most memory of the server. Each turn takes a new process, for its memory. */
export async function attacked(
  { contestant, entry }: Situation,
  { seconds }: Plan,
  table: Table,
): Promise<string> {
  const [server] = await start(contestant);
  await load(table, { ...entry, attack: undefined }, server, seconds);
  const [counted, memory] = await withMemory(server, () => load(table, entry, server, seconds));
  await server.stop();
  const { count, seconds: taken, late = Number.NaN } = counted;
  return keep(entry, { speed: Math.round(count / taken), late, memory });
}

/** Runs `use`. Also returns the most memory that the server uses meanwhile. */
async function withMemory<Result>(
  server: Server,
  use: () => Promise<Result>,
): Promise<[result: Result, most: number]> {
  let most = memoryOf(server);
  const sampling = setInterval(() => {
    most = Math.max(most, memoryOf(server));
  }, SAMPLE);
  const result = await use();
  clearInterval(sampling);
  return [result, most];
}

/** The memory of a function that waits, of so many. waiting.ts measures it in a process of its own. */
export async function functionMemory({ contestant, entry }: Situation, { quick }: Plan): Promise<string> {
  const { name, program, args } = contestant;
  const command = ['--expose-gc', withoutTypes(program), ...args, quick ? '5000' : '100000'];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
  if (status !== 0) fail(`Cannot measure ${name}: ${stderr.trim() || 'a signal ended it'}`);
  return keep(entry, { memory: Number(stdout) });
}
