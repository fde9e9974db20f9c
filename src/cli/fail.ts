import { writeSync } from 'node:fs';

/** Ends the program with one line on stderr and exit code 1: for what can't be set up as it was asked for. */
export function fail(message: string): never {
  writeSync(2, `${message}\n`);
  process.exit(1);
}
