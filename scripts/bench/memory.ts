// How the memory of idle connections is measured: the most that a server has in use with so many of them.

import type { Contestant } from './contestants.ts';
import type { Plan } from './plan.ts';
import { type Load, memoryOf, type Running, runLoad, startServer } from './processes.ts';

/** How long a turn is at most, in seconds: memory is there as soon as the connections are. */
const LONGEST = 0.2;

/** How often the memory is looked at, in milliseconds. */
const SAMPLE = 100;

/**
 * Has a new server serve nobody but the busy ones, and then others beside them. Returns the bytes that it had in use at most,
 * without and with them. It has to be a new one, because what a process has freed it often keeps; and its first turn does not
 * count, because a process that begins to work takes memory for that.
 */
export async function measureMemory(
  { name, command }: Contestant,
  alone: Load,
  beside: Load,
  plan: Plan,
): Promise<[less: number, more: number]> {
  const seconds = Math.min(plan.seconds, LONGEST);
  const running = await startServer(name, command);
  await runLoad(running, alone, seconds);
  const less = await mostMemory(running, alone, seconds);
  const more = await mostMemory(running, beside, seconds);
  await running.stop();
  return [less, more];
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
