import { type ParseArgsConfig, parseArgs } from 'node:util';
import { fail } from './fail.ts';
import { print } from './log.ts';

/**
 * The command line as `parseArgs()` reads it. A mistake ends the program, with one line: what is wrong, and this remedy.
 *
 * @see https://nodejs.org/api/util.html#utilparseargsconfig
 */
function parseOrFail<Config extends ParseArgsConfig>(
  config: Config,
  remedy: string,
): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs({ ...config, args: withNegatives(config) } as Config);
  } catch (error) {
    const [mistake] = (error as Error).message.split(/\.?\n|\.(?= |$)/);
    return fail(`${mistake}: ${remedy}`);
  }
}

/** Like {@link parseOrFail}, and adds `--help`: it prints the usage and ends the program with exit code 0. */
export function parseOrHelp<Config extends ParseArgsConfig>(
  config: Config,
  usage: string,
): ReturnType<typeof parseArgs<Config>> {
  const options = { ...config.options, help: { type: 'boolean' } };
  const parsed = parseOrFail({ ...config, options } as Config, '--help lists the options');
  if ('help' in parsed.values) {
    print(usage);
    process.exit(0);
  }
  return parsed;
}

/** The arguments, with `--port -1` as `--port=-1`: parseArgs() takes each word that begins with a dash for an option. */
function withNegatives({ options = {} }: ParseArgsConfig): string[] {
  const args: string[] = [];
  for (const arg of process.argv.slice(2)) {
    const option = args.at(-1)?.replace(/^--/, '') ?? '';
    if (/^-\d/.test(arg) && options[option]?.type === 'string') args.push(`${args.pop()}=${arg}`);
    else args.push(arg);
  }
  return args;
}

/**
 * The number that a text contains, in digits: a whole number, unless `fraction` is set. If it contains none, or one out of
 * range, the program ends with one line: `Cannot use --port "1e3": it is a whole number from 0 to 65535`.
 *
 * @param action begins that line: `Cannot use --port`
 */
export function numberOrFail(
  text: string,
  action: string,
  { min = 0, max, fraction = false }: Range,
): number {
  const number = (fraction ? /^\d*\.?\d+$/ : /^\d+$/).test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= (max ?? Number.MAX_SAFE_INTEGER)) return number;
  const range = max === undefined ? `, ${min} or more` : ` from ${min} to ${max}`;
  return fail(`${action} ${JSON.stringify(text)}: it is a ${fraction ? 'number' : 'whole number'}${range}`);
}

/** A range of numbers: from 0, unless `min` is set, and without end, unless `max` is. */
type Range = { min?: number; max?: number; fraction?: boolean };
