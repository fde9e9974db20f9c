// The command line of npm run try: which behaviours to try, and on which server.

import { type BehaviourName, behaviours, type Level, levels } from '../../src/behaviours/behaviours.ts';
import { fail } from '../../src/cli/fail.ts';
import { print } from '../../src/cli/log.ts';
import { numberOrFail, parseOrHelp } from '../../src/cli/parse.ts';
import { nearest } from '../nearest.ts';
import { failIfTaken } from '../npm.ts';

const usage = `Usage: npm run try -- --level LEVEL [OPTIONS] -- COMMAND...
       npm run try -- --level LEVEL [OPTIONS] --port PORT

  COMMAND...    starts your server, anew for each conversation. {port} in it stands for the port to listen on,
                and so does the environment variable PORT. At level 12, {limits} and LIMITS stand for the
                options that --list shows
  --port PORT   the port of a server that runs already
  --level LEVEL the level to try: ${levels.join(', ')}. Each level includes those below it
  --only NAME   tries this conversation alone
  --all         goes on after the first failure
  --hint        also prints a remedy
  --json        prints the results as JSON
  --list        lists the conversations of each level

Exit code 0: all passed. 1: something failed. 2: the server could not be tried.`;

/** A server of yours: the command that starts it, or the port that it listens on. */
export type Tried = { command: string[] } | { port: number };

/** Reads the command line. A mistake ends the program, and so does --list, which prints the behaviours of each level. */
export function readCommandLine() {
  const taken = { level: 'LEVEL', port: 'PORT', only: 'NAME', all: '', hint: '', list: '' };
  failIfTaken('npm run try', taken, process.argv.slice(2)); // npm has a --json of its own.
  const flag = { type: 'boolean', default: false } as const;
  const text = { type: 'string' } as const;
  const { values, positionals: command } = parseOrHelp(
    {
      allowPositionals: true,
      options: { level: text, port: text, only: text, all: flag, hint: flag, json: flag, list: flag },
    },
    usage,
  );
  if (values.list) {
    print(listed());
    process.exit(0);
  }
  const level = levels.find((level) => `${level}` === values.level);
  if (level === undefined)
    fail(
      `Cannot use --level${values.level ? ` ${values.level}` : ''}: it is one of ${levels.join(', ')}; --list shows what they ask for`,
    );
  if ((values.port === undefined) === (command.length === 0)) {
    fail('Cannot try a server: name either the command that starts it, behind --, or its --port');
  }
  const server =
    values.port === undefined
      ? { command }
      : { port: numberOrFail(values.port, 'Cannot use --port', { min: 1, max: 65535 }) };
  const { all, hint, json } = values;
  return { level, names: chosen(level, values.only), server, all, hint, json };
}

/** The behaviours of a level. */
function asked(level: Level): BehaviourName[] {
  const names = Object.keys(behaviours) as BehaviourName[];
  return names.filter(
    (name) => behaviours[name].level <= level && (behaviours[name].until ?? level) >= level,
  );
}

/** The behaviour with this text in its name. Without a text, all that need no more commands than those of the level. */
function chosen(level: Level, only: string | undefined): BehaviourName[] {
  const names = asked(level);
  if (only === undefined) return names.filter((name) => behaviours[name].command === undefined);
  const found = names.filter((name) => name.toLowerCase().includes(only.toLowerCase()));
  const exact = found.filter((name) => name === only);
  if (exact.length === 1 || found.length === 1) return exact.length === 1 ? exact : found;
  const near = nearest(only, names);
  const which =
    found.length > 1 ? `it may be ${found.join('; ')}` : near ? `did you mean ${near}?` : '--list names them';
  return fail(`Cannot use --only ${JSON.stringify(only)}: ${which}`);
}

function listed(): string {
  const named = (level: Level) =>
    (Object.keys(behaviours) as BehaviourName[]).filter((name) => behaviours[name].level === level);
  const note = (name: BehaviourName) => {
    const { level, until, command, limits } = behaviours[name];
    if (command) return ` (only with --only, for a server with the command ${command})`;
    return until ? ` (up to level ${until})` : limits && level === 12 ? ` (with ${limits})` : '';
  };
  return levels
    .map((level) => [`level ${level}`, ...named(level).map((name) => `  ${name}${note(name)}`)].join('\n'))
    .join('\n');
}
