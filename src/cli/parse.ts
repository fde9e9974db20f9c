import { type ParseArgsConfig, parseArgs } from 'node:util';
import { fail } from './fail.ts';

/**
 * What `parseArgs()` makes of the command line. A mistake ends the program, with what is wrong and this remedy in one line.
 *
 * @see https://nodejs.org/api/util.html#utilparseargsconfig
 */
export function parseOrFail<Config extends ParseArgsConfig>(
  config: Config,
  remedy: string,
): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config);
  } catch (error) {
    const [mistake] = (error as Error).message.split(/\.(?= |$)|\n/);
    return fail(`${mistake}: ${remedy}`);
  }
}
