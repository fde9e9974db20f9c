// npm run try: tries the behaviours of the steps on a server of your own, in any language.

import { attempt, type Failure } from '../src/behaviours/attempt.ts';
import {
  type BehaviourName,
  behaviours,
  CTRL_C,
  type Level,
  levels,
  SIGTERM,
} from '../src/behaviours/behaviours.ts';
import { AnswerError } from '../src/behaviours/client.ts';
import { answering, type Foreign, lastLines, StartError, withForeign } from '../src/behaviours/foreign.ts';
import { compare } from '../src/behaviours/story.ts';
import { symptoms } from '../src/behaviours/symptoms.ts';
import { fail } from '../src/cli/fail.ts';
import { print } from '../src/cli/log.ts';
import { numberOrFail, parseOrHelp } from '../src/cli/parse.ts';
import { nearest } from './nearest.ts';
import { failIfTaken } from './npm.ts';
import { findSteps, type Step } from './steps.ts';

const usage = `Usage: npm run try -- --level LEVEL [OPTIONS] -- COMMAND...
       npm run try -- --level LEVEL [OPTIONS] --port PORT

  COMMAND...    starts your server, anew for each conversation. {port} in it stands for the port to listen on,
                and so does the environment variable PORT. At level 12, {limits} and LIMITS stand for the
                options that --list shows
  --port PORT   the port of a server that runs already
  --level LEVEL the level to try: ${levels.join(', ')}. Each level includes those below it
  --only NAME   this conversation alone
  --all         go on after the first failure
  --hint        print the remedy, too
  --json        print results as JSON
  --list        list the conversations of each level

Exit code 0: all passed. 1: something failed. 2: the server could not be tried.`;

process.exitCode = 2; // fail() ends the program with it. A failed conversation ends it with 1.

const CUT: BehaviourName = 'a character cut in two';
/** How long to wait for an answer, in milliseconds. The wait is longer while the server has work to do. */
const PATIENCE = 3000;

type Result = {
  name: BehaviourName;
  result: 'passed' | 'failed' | 'left out';
  /** Why the conversation, or a part of it, is left out. */
  note?: string;
  failure?: Failure;
  /** The last lines that a failed server wrote to stderr. */
  stderr?: string;
};

const { level, names, server, all, hint, json } = readCommandLine();
const results: Result[] = [];
for (const name of names) {
  const result = await tryOut(name).catch((error) => {
    if (error instanceof StartError) fail(`Cannot try ${told(server)}: ${error.message}`);
    return fail(error.stack); // a mistake of this program, not of the server
  });
  results.push(result);
  if (!json) show(result);
  if (result.result === 'failed' && !all) break;
}
const failed = results.filter(({ result }) => result === 'failed');
if (json)
  print(JSON.stringify({ level, passed: failed.length === 0, results: results.map(toJson) }, undefined, 2));
else sumUp();
process.exit(failed.length > 0 ? 1 : 0);

async function tryOut(name: BehaviourName): Promise<Result> {
  const converse = async (foreign: Foreign): Promise<Result> => {
    const failure = await attempt(name, { ...foreign, level }, { host: foreign.host, patience: PATIENCE });
    if (!failure)
      return {
        name,
        result: 'passed',
        ...(name === CUT && { note: 'its answers only: the log is not read' }),
      };
    return { name, result: 'failed', failure, stderr: lastLines(foreign.program) };
  };
  if ('command' in server)
    return withForeign(server.command, process.env.INIT_CWD ?? process.cwd(), converse, limitsOf(name));
  if (name === CTRL_C || name === SIGTERM)
    return { name, result: 'left out', note: 'with --port, its process is unknown' };
  if (limitsOf(name).limits) return { name, result: 'left out', note: 'with --port, its limits are unknown' };
  return converse({ port: server.port, host: await answering(server.port) });
}

/** The limits to start the server with for this conversation. */
function limitsOf(name: BehaviourName): { limits?: string } {
  return level < 12 ? {} : behaviours[name];
}

function show({ name, result, note, failure, stderr = '' }: Result): void {
  const mark = { passed: '✔', failed: '✘', 'left out': '–' }[result];
  print(`${mark} ${name}${note ? ` (${note})` : ''}`);
  if (!failure) return;
  const { symptom, error, story } = failure;
  const { cause, hint: advice, step = behaviours[name].step } = symptoms[symptom];
  const { path, header } = findSteps().get(step) as Step;
  const lines = [
    ...(story.length > 0 ? [...story, ''] : []),
    ...(error instanceof AnswerError ? compare(error) : [error.message]),
    '',
    ...wrapped(`${capitalised(symptom)}. ${cause}`),
    ...(symptom === 'the process ended' && stderr ? [`Its last lines on stderr:${stderr}`] : []),
    '',
    `${step} does it right: ${path}`,
    ...(hint
      ? ['', ...wrapped(advice), '', ...news(header), '', `npm run step ${step} shows it in code.`]
      : ['--hint says more.']),
  ];
  print(`\n${lines.map((line) => `    ${line}`.trimEnd()).join('\n')}\n`);
}

/** What is new in a step, from its header. */
function news(header: string): string[] {
  return /^New.+?(?=\nTry:)/ms.exec(header)?.[0].split('\n') ?? [];
}

function sumUp(): void {
  const passed = results.filter(({ result }) => result === 'passed').length;
  const rest = names.length - results.length;
  const untried = rest > 0 ? `, ${rest} not tried: --all goes on after a failure` : '';
  print(
    `${results.at(-1)?.failure ? '' : '\n'}Level ${level}: ${passed} passed, ${failed.length} failed${untried}.`,
  );
}

function toJson({ failure, ...result }: Result): object {
  if (!failure) return result;
  const { symptom, error, story } = failure;
  const { cause, hint, step = behaviours[result.name].step } = symptoms[symptom];
  const comparison = error instanceof AnswerError ? compare(error) : [error.message];
  return { ...result, symptom, cause, hint, step, comparison, story };
}

function capitalised(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

/** The text in lines that fit a terminal. */
function wrapped(text: string): string[] {
  return text.match(/.{1,90}(?= |$)/g)?.map((line) => line.trim()) ?? [];
}

function told(server: Tried): string {
  return 'command' in server ? server.command.join(' ') : `port ${server.port}`;
}

type Tried = { command: string[] } | { port: number };

function readCommandLine() {
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
    if (command) return ` (only by --only, and if it has the command ${command})`;
    return until ? ` (up to level ${until})` : limits && level === 12 ? ` (with ${limits})` : '';
  };
  return levels
    .map((level) => [`level ${level}`, ...named(level).map((name) => `  ${name}${note(name)}`)].join('\n'))
    .join('\n');
}
