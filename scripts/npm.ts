// npm takes the options before `--` for its own, and the script never sees them.

import { existsSync, readFileSync } from 'node:fs';
import { fail } from '../src/cli/fail.ts';

/** The options of a script: for each, its value as the usage shows it, or '' for an option without a value. */
export type Options = Readonly<Record<string, string>>;

/** The options of all steps. */
export const stepOptions: Options = {
  host: 'HOST',
  port: 'PORT',
  quiet: '',
  protocol: 'PROTOCOL',
  framing: 'FRAMING',
  'max-questions': 'MAX-QUESTIONS',
  'any-origin': '',
  'web-port': 'WEB-PORT',
  crlf: '',
  workers: 'WORKERS',
  'on-stop': 'ON-STOP',
  selector: 'SELECTOR',
  stats: 'STATS',
  processes: 'PROCESSES',
  redis: 'REDIS',
  'warn-after': 'WARN-AFTER',
  'close-after': 'CLOSE-AFTER',
  'max-line': 'BYTES',
  'line-timeout': 'SECONDS',
  'idle-timeout': 'SECONDS',
  'max-owed': 'BYTES',
  'stall-timeout': 'SECONDS',
  'max-clients': 'N',
  'max-per-address': 'N',
  drain: 'SECONDS',
  'status-port': 'PORT',
};

/**
 * Ends the program if npm has taken an option of the script, with one line that says what to type instead.
 *
 * npm 10 and 11 turn `--port=8000` into the environment variable `npm_config_port=8000`. They turn `--port 8000` into
 * `npm_config_port=true`, and pass the word 8000 on. `--quiet` is npm's own name for `--loglevel warn`.
 *
 * @param command `npm start` or `npm run step`
 * @param words the words that npm has passed on
 */
export function failIfTaken(command: string, options: Options, words: readonly string[]): void {
  if (process.env.npm_lifecycle_event !== command.split(' ').at(-1)) return;
  const taken = Object.keys(options).filter((name) => valueFromNpm(name) !== undefined);
  if (taken.length === 0) return;
  const rest = [...words];
  const step = /^[a-z]+\d+$/i.test(rest[0] ?? '') ? [rest.shift()] : [];
  const separated = taken.filter((name) => options[name] && valueFromNpm(name) === 'true');
  const typed = taken.map((name) => {
    if (!options[name]) return `--${name}`;
    if (!separated.includes(name)) return `--${name} ${valueFromNpm(name)}`;
    // With two words, the script cannot tell which belongs to which option.
    return `--${name} ${(separated.length === 1 && rest.shift()) || options[name]}`;
  });
  if (separated.length > 1) rest.splice(0, separated.length);
  const instead = [command, ...step, '--', ...typed, ...rest].join(' ');
  fail(`npm has taken ${taken.map((name) => `--${name}`).join(' and ')} for its own: type ${instead}`);
}

/** The value of an option that npm has taken from its command line. */
function valueFromNpm(name: string): string | undefined {
  const key = name === 'quiet' ? 'loglevel' : name;
  const value = process.env[`npm_config_${key.replaceAll('-', '_')}`];
  if (value === undefined || (name === 'quiet' && value !== 'warn')) return undefined;
  return configured(key) ? undefined : value;
}

/** Whether a configuration file has this setting: npm puts that into the environment, too. */
function configured(key: string): boolean {
  const { npm_config_userconfig: user = '', npm_config_globalconfig: global = '' } = process.env;
  const setting = new RegExp(`^\\s*${key}\\s*=`, 'm');
  return [user, global].some((file) => existsSync(file) && setting.test(readFileSync(file, 'utf8')));
}
