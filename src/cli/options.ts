// The options that you may type behind the name of a step.

import { relative } from 'node:path';
import { fail } from './fail.ts';
import { beQuiet } from './log.ts';
import { numberOrFail, parseOrHelp } from './parse.ts';

/** One option. Its default also sets its type. */
export type Option = {
  default: string | number | boolean;
  help: string;
  /** The range of a number. Without `fraction`, the number is whole. */
  min?: number;
  max?: number;
  fraction?: boolean;
  /** The only values of a string. */
  choices?: readonly string[];
};

/** The values of the options. */
export type Values<Options extends Record<string, Option>> = {
  [Name in keyof Options]: Value<Options[Name]>;
};

type Value<Own extends Option> = Own extends { choices: readonly (infer Choice)[] }
  ? Choice
  : Own['default'] extends number
    ? number
    : Own['default'] extends boolean
      ? boolean
      : string;

const serverOptions = {
  host: { default: '127.0.0.1', help: 'the address to listen on' },
  port: { default: 12345, min: 0, max: 65535, help: 'the port to listen on, 0 for any free one' },
  quiet: { default: false, help: 'no log' },
} as const satisfies Record<string, Option>;

/** The values of the options of every server. */
export type ServerOptions = Values<typeof serverOptions>;

/**
 * Reads the options on the command line: `--host`, `--port` and `--quiet` of every server, and those of the step. `--help`
 * lists them, and ends the program. A mistake ends the program with one line on stderr and exit code 1.
 */
export function readOptions<Own extends Record<string, Option> = Record<never, Option>>(
  own?: Own,
): ServerOptions & Values<Own> {
  const options: Record<string, Option> = { ...serverOptions, ...own };
  const typed = parse(options);
  const values = Object.entries(options).map(([name, option]) => {
    const value = typed[name] ?? option.default;
    if (typeof option.default === 'number') {
      return [name, numberOrFail(`${value}`, `Cannot use --${name}`, option)];
    }
    if (option.choices && !option.choices.includes(`${value}`)) {
      fail(`Cannot use --${name} ${JSON.stringify(value)}: it is one of ${option.choices.join(', ')}`);
    }
    return [name, value];
  });
  if (typed.quiet) beQuiet();
  return Object.fromEntries(values);
}

function parse(options: Record<string, Option>): Record<string, string | boolean | undefined> {
  const config: Record<string, { type: 'string' | 'boolean' }> = {};
  for (const [name, option] of Object.entries(options)) {
    config[name] = { type: typeof option.default === 'boolean' ? 'boolean' : 'string' };
  }
  return parseOrHelp({ options: config }, usage(options)).values as Record<string, string | boolean>;
}

function usage(options: Record<string, Option>): string {
  const lines = Object.entries(options).map(([name, option]) => {
    const value =
      typeof option.default === 'boolean' ? '' : ` ${(option.choices ?? [name.toUpperCase()]).join('|')}`;
    const fallback =
      typeof option.default === 'boolean' || option.default === '' ? '' : ` (${option.default})`;
    return `  ${`--${name}${value}`.padEnd(28)} ${option.help}${fallback}`;
  });
  return [`Usage: npx tsx ${relative('', process.argv[1] ?? '')} [options]`, ...lines].join('\n');
}
