// What a person may type after the name of a step.

import { relative } from 'node:path';
import { fail } from './fail.ts';
import { beQuiet } from './log.ts';
import { numberOrFail, parseOrHelp } from './parse.ts';

/** One option: its default says of which type it is. */
export type Option = {
  default: string | number | boolean;
  help: string;
  /** For numbers, which are whole unless they may have a fraction. */
  min?: number;
  max?: number;
  fraction?: boolean;
  /** For strings, if there are just these. */
  choices?: readonly string[];
};

/** What the options are set to. */
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
  port: { default: 12345, min: 0, max: 65535, help: 'the port to listen on, 0 for any that is free' },
  quiet: { default: false, help: 'no log' },
} as const satisfies Record<string, Option>;

/** What {@link readOptions} gives to every server. */
export type ServerOptions = Values<typeof serverOptions>;

/**
 * The options on the command line: `--host` and `--port`, which every server has, and those of a step's own.
 * `--help` lists them, and ends the program. So does a mistake, with one line on stderr and exit code 1.
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
