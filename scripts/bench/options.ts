// What the command line asks for.

import { fail } from '../../src/cli/fail.ts';
import { parseOrFail, wholeNumberOrFail } from '../../src/cli/parse.ts';
import { type TableName, tableNames } from './results.ts';

export type Options = {
  rounds: number;
  seconds: number;
  quick: boolean;
  /** The only table that is measured. */
  only: TableName | undefined;
  /** Whether results/ and the READMEs are to show it. */
  write: boolean;
  /** Whether that is all there is to do: to write again what has been measured before. */
  render: boolean;
  /** A file that is to hold it. */
  json: string | undefined;
};

const known = {
  quick: { type: 'boolean' },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  only: { type: 'string' },
  write: { type: 'boolean' },
  render: { type: 'boolean' },
  json: { type: 'string' },
} as const;

const usage =
  'there are --quick, --rounds N, --seconds S, --only TABLE, --write, --render and --json FILE, ' +
  `and TABLE is one of ${tableNames.join(', ')}`;

/** Ends the program, with one line, if it makes no sense. */
export function readOptions(): Options {
  const {
    quick = false,
    write = false,
    render = false,
    only,
    json,
    ...typed
  } = parseOrFail({ options: known }, usage).values;
  const rounds = wholeNumberOrFail(typed.rounds ?? (quick ? '1' : '5'), 'Cannot use --rounds', {
    min: 1,
    max: 1000,
  });
  const seconds = Number(typed.seconds ?? (quick ? 0.1 : 0.4));
  if (!(seconds >= 0.1 && seconds <= 600)) {
    fail(`Cannot use --seconds ${JSON.stringify(typed.seconds)}: it is a number from 0.1 to 600`);
  }
  if (only !== undefined && !isTable(only)) {
    fail(`Cannot use --only ${JSON.stringify(only)}: it is one of ${tableNames.join(', ')}`);
  }
  if (quick && write) fail('Cannot use --write with --quick: what is measured quickly is not worth keeping');
  return { rounds, seconds, quick, only, write, render, json };
}

function isTable(name: string): name is TableName {
  return (tableNames as readonly string[]).includes(name);
}
