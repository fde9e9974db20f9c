// How many messages a second a server answers, and what each of them costs.

import { readFileSync } from 'node:fs';
import { Program } from '../../src/behaviours/program.ts';
import type { Server } from '../../src/behaviours/server.ts';
import { rounded } from './results.ts';
import { keep, load, type Plan, type Situation, start } from './running.ts';
import type { Table } from './tables.ts';

/**
 * The time to warm up a new server, in seconds (a turn, if that is shorter), and the most rounds. The compiler needs that, and the
 * memory allocator: asyncio allocates 256 KB for each recv(), and takes it from the kernel until its first client has disconnected.
 */
const WARM_UP = 0.1;
const MAX_WARM_UPS = 5;
/** How often to count system calls in a long turn at most. */
const MAX_TURNS = 5;
const TICK = 10_000; // microseconds in which the kernel counts CPU time: USER_HZ is 100 wherever Linux runs, proc(5)

/** A running server, and roughly how much it does in a second. */
type Warm = { server: Server; speed: number };

/** Starts all servers, and warms up each with the first of its situations. */
export async function warmUp(
  table: Table,
  byServer: Situation[][],
  { seconds: turn, say }: Plan,
): Promise<[name: string, Warm][]> {
  const length = Math.min(WARM_UP, turn);
  const all: [string, Warm][] = [];
  for (const [{ contestant, entry }] of byServer as [Situation][]) {
    const [server] = await start(contestant);
    let { count, seconds } = await load(table, entry, server, length);
    for (let times = 1; seconds < length / 2 && times < MAX_WARM_UPS; times++) {
      ({ count, seconds } = await load(table, entry, server, length, count / seconds));
    }
    all.push([entry.server, { server, speed: count / seconds }]);
    say(`${entry.server} is warm`);
  }
  return all;
}

/** Measures messages, visits or deliveries a second, and the CPU time of each. */
export async function speed(
  { entry }: Situation,
  plan: Plan,
  table: Table,
  servers: Map<string, Warm>,
): Promise<string> {
  const { server, speed } = servers.get(entry.server) as Warm;
  const before = cpuTimeOf(server);
  const {
    count,
    seconds,
    all = Number.NaN,
    ...faults
  } = await load(table, entry, server, plan.seconds, speed);
  const after = cpuTimeOf(server);
  const cpu = table.cpu && {
    kernel: rounded((after.kernel - before.kernel) / all, 3),
    user: rounded((after.user - before.user) / all, 3),
  };
  return keep(entry, { speed: Math.round(count / seconds), ...faults, ...cpu });
}

export async function stop(servers: Map<string, Warm>): Promise<void> {
  for (const { server } of servers.values()) await server.stop();
}

/**
 * Counts the system calls that a server makes for each message. strace counts them in a short turn and in a long one. Both make
 * the same calls for connections, so the difference is for messages.
 */
export async function countCalls(
  { contestant, entry }: Situation,
  { seconds }: Plan,
  table: Table,
): Promise<string> {
  const [server] = await start(contestant);
  const count = async (seconds: number) => {
    const strace = new Program('strace', ['-c', '-f', '-p', `${server.child.pid}`]);
    await strace.stderr.lineLike(/attached/);
    const { all = Number.NaN } = await load(table, entry, server, seconds);
    strace.kill('SIGINT');
    const [, calls] = /^ *100\.00 +\S+ +\S+ +(\d+).* total$/m.exec(await strace.stderr.rest()) ?? [];
    return { calls: Number(calls), messages: all };
  };
  await load(table, entry, server, seconds); // In the beginning, Node makes calls of its own.
  const short = await count(seconds);
  let long = await count(4 * seconds);
  // A busy machine may give the long turn less time than the short one had.
  for (let times = 1; long.messages < 2 * short.messages && times < MAX_TURNS; times++)
    long = await count(4 * seconds);
  await server.stop();
  return keep(entry, { calls: rounded((long.calls - short.calls) / (long.messages - short.messages), 3) });
}

/** The CPU time of a process and all its threads, in microseconds: in the kernel, and outside of it. See proc(5). */
function cpuTimeOf({ child }: Server): { kernel: number; user: number } {
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // from the third on, `state`
  return { kernel: Number(fields[12]) * TICK, user: Number(fields[11]) * TICK };
}
