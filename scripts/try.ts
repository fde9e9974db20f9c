// npm run try: tries the behaviours of the steps on a server of your own, in any language.

import { attempt, type Failure } from '../src/behaviours/attempt.ts';
import { type BehaviourName, behaviours, CTRL_C, SIGTERM } from '../src/behaviours/behaviours.ts';
import { AnswerError } from '../src/behaviours/client.ts';
import { answering, type Foreign, lastLines, StartError, withForeign } from '../src/behaviours/foreign.ts';
import { compare } from '../src/behaviours/story.ts';
import { symptoms } from '../src/behaviours/symptoms.ts';
import { fail } from '../src/cli/fail.ts';
import { print } from '../src/cli/log.ts';
import { findSteps, partOf, type Step } from './steps.ts';
import { readCommandLine, type Tried } from './try/command-line.ts';

process.exitCode = 2; // the exit code of fail(): the server could not be tried

const CUT: BehaviourName = 'a character cut in two stays whole';
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
        ...(name === CUT && { note: 'its answers only: your log is not read' }),
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
  const { cause, hint: advice, step: mender = behaviours[name].step } = symptoms[symptom];
  const step = findSteps().get(mender) as Step;
  const news = partOf(step, 'New').split('\n');
  const more = ['', ...wrapped(advice), '', ...news, '', `npm run step ${mender} shows it in code.`];
  const lines = [
    ...(story.length > 0 ? [...story, ''] : []),
    ...(error instanceof AnswerError ? compare(error) : [error.message]),
    '',
    ...wrapped(`${capitalised(symptom)}. ${cause}`),
    ...(symptom === 'the process ended' && stderr ? [`Its last lines on stderr:${stderr}`] : []),
    '',
    `${mender} does it right: ${step.path}`,
    ...(hint ? more : ['--hint shows a remedy.']),
  ];
  print(`\n${lines.map((line) => `    ${line}`.trimEnd()).join('\n')}\n`);
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
