import { writeSync } from 'node:fs';

/**
 * Ends the program with one line on stderr, because something can't be set up. The exit code is 1, unless `process.exitCode`
 * is another.
 */
export function fail(message: string): never {
  writeSync(2, `${message}\n`);
  process.exit(process.exitCode ?? 1);
}

/** Returns what `setUp` returns. If it throws, the program ends with the message of the error, in one line. */
export function orFail<Result>(setUp: () => Result): Result {
  try {
    return setUp();
  } catch (error) {
    return fail((error as Error).message);
  }
}
