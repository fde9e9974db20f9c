// How it is measured: all take turns, and a turn is compared to those of the same round. What else the machine does
// changes from minute to minute, so speeds of different minutes can't be compared, but ratios within a round can.

import type { Contestant } from './contestants.ts';
import { type Load, memoryOf, type Running, runLoad, startServer } from './processes.ts';

/** How many rounds, and how long a turn is. */
export type Plan = { rounds: number; seconds: number };

/** One line of a table: a server under a load. */
export type Entry = { server: Contestant; load: Load };

/** Of an entry: messages a second, of each round. */
export type Speeds = number[];

/** Of an entry: its speeds, and what went wrong in all rounds together. */
export type Result = { speeds: Speeds; lost: number; doubled: number };

/**
 * How long a new server is warmed up, in seconds. Compilers need that, and memory allocators: asyncio asks for 256 KB
 * each time it receives, fresh from the kernel until the first of its clients has left (mallopt(3), M_MMAP_THRESHOLD).
 */
const WARM_UP = 0.1;

/** How often a server is warmed up at most. */
const MOST_WARM_UPS = 5;

/** How often the memory is looked at, in milliseconds. */
const SAMPLE = 100;

/**
 * Has the entries take turns, round after round, with fresh connections each turn. The servers stay up, those of a
 * command being one and the same. Returns what came of it in the order of the entries.
 */
export async function measureSpeeds(title: string, entries: Entry[], plan: Plan): Promise<Result[]> {
  const contestants = [...new Set(entries.map(({ server }) => server))];
  const started = await Promise.all(contestants.map(({ name, command }) => startServer(name, command)));
  const servers = new Map(contestants.map((server, i) => [server, started[i] as Running]));
  const warm = new Map<Contestant, number>();
  for (const { server, load } of entries) {
    if (!warm.has(server)) warm.set(server, await warmUp(servers.get(server) as Running, load));
  }
  const results: Result[] = entries.map(() => ({ speeds: [], lost: 0, doubled: 0 }));
  for (let round = 1; round <= plan.rounds; round++) {
    for (const [i, { server, load }] of entries.entries()) {
      const running = servers.get(server) as Running;
      const { speed, lost, doubled } = await runLoad(running, load, plan.seconds, warm.get(server));
      const result = results[i] as Result;
      result.speeds.push(speed);
      result.lost += lost;
      result.doubled += doubled;
      const besides = load.idle > 0 ? ` beside ${load.idle} idle` : '';
      progress(
        `${title}: round ${round} of ${plan.rounds}: ${server.name}${besides}: ${Math.round(speed)}/s`,
      );
    }
  }
  for (const server of servers.values()) server.stop();
  return results;
}

/** Returns how fast the server is when it is warm: if it was done too soon, it is warmed up again, by more. */
async function warmUp(server: Running, load: Load): Promise<number> {
  let turn = await runLoad(server, load, WARM_UP);
  for (let times = 1; turn.seconds < WARM_UP / 2 && times < MOST_WARM_UPS; times++) {
    turn = await runLoad(server, load, WARM_UP, turn.speed);
  }
  return turn.speed;
}

/**
 * How much memory an idle connection takes, in bytes: what the most is that a server has in use with them, and without.
 * Each round takes a new process, because what a process has freed it often keeps.
 */
export async function measureMemory(
  server: Contestant,
  load: Load,
  without: Load,
  plan: Plan,
): Promise<number> {
  const differences: number[] = [];
  for (let round = 1; round <= plan.rounds; round++) {
    const running = await startServer(server.name, server.command);
    const less = await mostMemory(running, without, plan);
    differences.push((await mostMemory(running, load, plan)) - less);
    running.stop();
    progress(`memory: round ${round} of ${plan.rounds}: ${server.name}`);
  }
  return median(differences) / load.idle;
}

async function mostMemory(server: Running, load: Load, { seconds }: Plan): Promise<number> {
  let most = memoryOf(server.pid);
  const sampling = setInterval(() => {
    most = Math.max(most, memoryOf(server.pid));
  }, SAMPLE);
  await runLoad(server, load, seconds);
  clearInterval(sampling);
  return most;
}

export function median(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [below = Number.NaN, above = Number.NaN] = sorted.slice(middle - 1, middle + 1);
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : (below + above) / 2;
}

/** The median of the ratios to a reference, round by round. */
export function medianRatio(speeds: Speeds, reference: Speeds): number {
  return median(speeds.map((speed, round) => speed / (reference[round] ?? Number.NaN)));
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
