// What most tests need: steps by their names, and programs that run to their end.

import { findSteps } from '../scripts/steps.ts';
import { ExpectationError, PATIENCE } from '../src/behaviours/inbox.ts';
import { type Exit, Program, type ProgramOptions } from '../src/behaviours/program.ts';
import {
  runnable,
  type Server,
  type ServerOptions,
  serving as servingPath,
} from '../src/behaviours/server.ts';

/** Runs a step, or a fixture from its path, for as long as `use` takes, on a free port. */
export function serving<Result>(
  step: string,
  use: (server: Server) => Promise<Result>,
  options?: ServerOptions,
): Promise<Result> {
  return servingPath(findSteps().get(step)?.path ?? step, use, options);
}

/** Runs a program to its end. */
export async function run(
  command: string,
  args: string[],
  { input, ...options }: ProgramOptions & { input?: string } = {},
): Promise<{ exit: Exit; stdout: string; stderr: string }> {
  const program = new Program(command, args, options);
  try {
    program.child.stdin?.end(input);
    const [stdout, stderr] = await Promise.all([program.stdout.rest(), program.stderr.rest()]);
    return { exit: await program.exited(), stdout, stderr };
  } finally {
    await program.stop();
  }
}

/** Runs a script of this project to its end. */
export function runScript(path: string, ...args: string[]): ReturnType<typeof run> {
  return run(process.execPath, [...runnable(path), ...args]);
}

/** Waits until something is so that can only be seen by looking, and fails if it never is. */
export async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  while (!isSo()) {
    if (performance.now() > deadline) throw new ExpectationError(`never: ${isSo}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
