import { fail } from '../cli/fail.ts';
import type { Option, Values } from '../cli/options.ts';
import { expectRedis } from './link.ts';

/** The options of level 13. For `readOptions()`. */
export const machineOptions = {
  redis: { default: '', help: 'the Redis that keeps the room: redis://localhost:6379' },
  processes: { default: 1, min: 1, max: 100, help: 'the number of processes, if Redis keeps the room' },
} as const satisfies Record<string, Option>;

/** Ends the program with one line if the options contradict each other, or Redis can't be reached. */
export async function expectMachines(
  options: Values<typeof machineOptions> & { 'status-port': string },
): Promise<void> {
  const { redis, processes, 'status-port': statusPort } = options;
  if (processes > 1 && redis === '') {
    fail(`Cannot use --processes ${processes} without --redis: each process would have a room of its own`);
  }
  if (processes > 1 && statusPort !== '') {
    fail(`Cannot use --status-port with --processes ${processes}: each process has figures of its own`);
  }
  if (redis !== '') await expectRedis(redis);
}
