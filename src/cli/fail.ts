import { writeSync } from 'node:fs';

/**
 * Ends the program with one line on stderr, for what can't be set up as it was asked for. The exit code is 1, unless
 * `process.exitCode` says otherwise.
 */
export function fail(message: string): never {
  writeSync(2, `${message}\n`);
  process.exit(process.exitCode ?? 1);
}

/** What `setUp` returns. If it throws, the program ends with the message of the error, in one line. */
export function orFail<Result>(setUp: () => Result): Result {
  try {
    return setUp();
  } catch (error) {
    return fail((error as Error).message);
  }
}
