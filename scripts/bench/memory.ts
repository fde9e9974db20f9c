// How the memory of idle connections is measured: the most that a server has in use with so many of them.

import type { Contestant } from './contestants.ts';
import type { Plan } from './plan.ts';
import { type Load, memoryOf, type Running, runLoad, startServer } from './processes.ts';

/** How long a turn is at most, in seconds: memory is there as soon as the connections are. */
const LONGEST = 0.3;

/** How often the memory is looked at, in milliseconds. */
const SAMPLE = 100;

/**
 * Has a new server serve more and more idle connections. Returns the bytes that it had in use at most with so many, and so many.
 * It has to be a new one, because what a process has freed it often keeps; and its first turn does not count, because a
 * process that begins to work takes memory for that.
 */
export async function measureMemory(
  { name, command }: Contestant,
  counts: readonly number[],
  load: (idle: number) => Load,
  plan: Plan,
): Promise<number[]> {
  const seconds = Math.min(plan.seconds, LONGEST);
  const running = await startServer(name, command);
  await runLoad(running, load(0), seconds);
  const memory: number[] = [];
  for (const count of counts) memory.push(await mostMemory(running, load(count), seconds));
  await running.stop();
  return memory;
}

async function mostMemory(server: Running, load: Load, seconds: number): Promise<number> {
  let most = memoryOf(server.pid);
  const sampling = setInterval(() => {
    most = Math.max(most, memoryOf(server.pid));
  }, SAMPLE);
  await runLoad(server, load, seconds);
  clearInterval(sampling);
  return most;
}
