// The servers to measure, and how to start them: the steps of the project, and the same servers in other languages.

import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { installed } from '../../src/behaviours/program.ts';
import { runnable } from '../../src/behaviours/server.ts';
import { fail } from '../../src/cli/fail.ts';
import { toJavaScript } from '../../src/cli/javascript.ts';
import { noRing } from '../../src/completion/support.ts';
import { findSteps, root } from '../steps.ts';
import { hasRedis, REDIS } from './redis.ts';

/** A server, or a function that waits: its name in the tables, its language, its program and the arguments. */
export type Contestant = { name: string; language: Language; program: string; args: string[] };

type Language = 'C' | 'Python' | 'TypeScript' | 'JavaScript';

const cache = join(root, 'node_modules/.cache/async-comparisons/bench');

const known = findSteps();

/** What this machine lacks for servers and clients in C: `cc`, or epoll, which only Linux has. */
export const missingForC = process.platform !== 'linux' ? 'epoll' : installed('cc') ? undefined : 'cc';

const hasPython = installed('python3');

/** The version of Python, if it is installed. */
export function pythonVersion(): string | undefined {
  if (!hasPython) return undefined;
  return spawnSync('python3', ['--version'], { encoding: 'utf8' }).stdout.trim().replace('Python ', '');
}

export const c = (name: string, mode: string) => contestant(name, 'C', 'server.c', mode);
export const py = (name: string, mode: string) => contestant(name, 'Python', 'server.py', mode);
export const net = (mode: string) => contestant('node:net', 'TypeScript', 'server.ts', mode);
/** A function that waits, in place of a server. */
export const waiting = (name: string, kind: string) => contestant(name, 'JavaScript', 'waiting.ts', kind);

/** Steps without their logs: a log costs more than the rest. */
export function steps(...names: string[]): Contestant[] {
  return names.map((name) => step(name, name));
}

/** The path of a step: src/select/select6.ts. */
export function pathOf(step: string): string {
  return known.get(step)?.path ?? fail(`Cannot find ${step}`);
}

export function step(name: string, step: string, ...args: string[]): Contestant {
  return { name, language: 'TypeScript', program: pathOf(step), args: ['--quiet', ...args] };
}

/** The same server without tsx, which takes long to load. */
export function asJavaScript(contestant: Contestant): Contestant {
  return { ...contestant, name: `${contestant.name}, types taken out`, language: 'JavaScript' };
}

function contestant(name: string, language: Language, file: string, mode: string): Contestant {
  return { name, language, program: `scripts/bench/${file}`, args: [mode] };
}

/** Whether this machine can run it. */
export function isHere({ language, program, args }: Contestant): boolean {
  if (args.includes(REDIS) && !hasRedis) return false;
  if (program.startsWith('src/completion/') && noRing) return false;
  return !(language === 'C' && missingForC) && !(language === 'Python' && !hasPython);
}

/** The command that starts a server. */
export function commandOf({ language, program, args }: Contestant): [command: string, ...args: string[]] {
  if (language === 'C') return [compile(program), ...args];
  if (language === 'Python') return ['python3', program, ...args];
  if (language === 'JavaScript') return [process.execPath, withoutTypes(program), ...args];
  return [process.execPath, ...runnable(program), ...args];
}

/** Compiles a program in C, if it has changed since the last time. Returns the path of the program. */
export function compile(source: string): string {
  const program = join(cache, basename(source, '.c'));
  if (modified(program) > modified(join(root, source))) return program;
  return made(program, (file) => {
    const { status, stderr } = spawnSync('cc', ['-O2', '-o', file, join(root, source)], { encoding: 'utf8' });
    if (status !== 0) fail(`Cannot compile ${source}: ${stderr.trim().split('\n')[0]}`);
  });
}

const compiled = new Map<string, string>();

/** Compiles a program in TypeScript to one file of JavaScript, once in each run. Returns the path of the file. */
export function withoutTypes(path: string): string {
  const known = compiled.get(path);
  if (known) return known;
  const file = made(join(cache, `${basename(path, '.ts')}.mjs`), (outfile) =>
    toJavaScript('buildSync', { entryPoints: [join(root, path)], outfile }),
  );
  compiled.set(path, file);
  return file;
}

/** Makes a file under another name, and renames it: another process may make or run the same file at this moment. */
function made(path: string, make: (unfinished: string) => void): string {
  const unfinished = `${path}.${process.pid}`;
  mkdirSync(cache, { recursive: true });
  make(unfinished);
  renameSync(unfinished, path);
  return path;
}

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
