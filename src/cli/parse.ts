import { type ParseArgsConfig, parseArgs } from 'node:util';
import { fail } from './fail.ts';
import { print } from './log.ts';

/**
 * The command line as `parseArgs()` reads it. A mistake ends the program, with one line: what is wrong, and this remedy.
 *
 * @see https://nodejs.org/api/util.html#utilparseargsconfig
 */
export function parseOrFail<Config extends ParseArgsConfig>(
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
 * The number that a text writes in digits: a whole one, or, where that is said, one with a fraction. If there is none, or it is
 * out of range, the program ends with one line: `Cannot use --port "1e3": it is a whole number from 0 to 65535`.
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

/** Of numbers: 0 unless there is another minimum, and any maximum; whole unless they may have a fraction. */
type Range = { min?: number; max?: number; fraction?: boolean };
