// Who is measured: the steps of the project, and their peers in other languages, as far as they are there.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fail } from '../../src/cli/fail.ts';
import { toJavaScript } from '../../src/cli/javascript.ts';
import { root } from '../steps.ts';
import type { Command } from './processes.ts';

/** A server, and how to start it. */
export type Contestant = { name: string; command: Command };

const folder = import.meta.dirname;
const cache = join(root, 'node_modules/.cache/async-comparisons/bench');
const typescript = ['--import', 'tsx'];

/** Why C is left out, if it is. The servers and the load client wait with epoll, which only Linux has. */
const noC = process.platform !== 'linux' ? 'epoll' : installed('cc') ? undefined : 'cc';
const python3 = spawnSync('python3', ['--version'], { encoding: 'utf8' });

/** The version of Python, if it is here. */
export const python = python3.status === 0 ? python3.stdout.trim().replace('Python ', '') : undefined;

/** What is not here to be measured, a sentence each. */
export const leftOut: string[] = [];
if (noC)
  leftOut.push(
    `There is no ${noC} here: the C servers are left out, and the load clients are slower ones, on Node.`,
  );
if (python === undefined) leftOut.push('There is no python3 here: the Python servers are left out.');

/** What plays the clients, from clients/. Each is there twice: in C, and on Node for where C is left out. */
export function loadClient(name: string): Command {
  if (noC) return [process.execPath, ...typescript, `scripts/bench/clients/${name}.ts`];
  return [compile('clients', name)];
}

/** A server in C, from peers/: none where C is left out. */
export function c(name: string, source: string): Contestant[] {
  return noC ? [] : [{ name, command: [compile('peers', source)] }];
}

/** A server in Python, from peers/: none where Python is left out. */
export function py(name: string, file: string): Contestant[] {
  return python === undefined ? [] : [{ name, command: ['python3', `scripts/bench/peers/${file}`] }];
}

/** A server on node:net, from peers/. */
export function net(name: string, file: string): Contestant[] {
  return [{ name, command: [process.execPath, ...typescript, `scripts/bench/peers/${file}`] }];
}

/** A server in TypeScript whose types are taken out before, so that it is started without tsx, which has to be loaded. */
export function javascript(name: string, path: string, ...args: string[]): Contestant[] {
  return [{ name, command: [process.execPath, withoutTypes(path), ...args] }];
}

/** A program in TypeScript as one file of JavaScript. Returns its path. */
export function withoutTypes(path: string): string {
  const file = join(cache, `${basename(path, '.ts')}.mjs`);
  const unfinished = `${file}.${process.pid}`;
  toJavaScript('buildSync', { entryPoints: [join(root, path)], outfile: unfinished });
  renameSync(unfinished, file);
  return file;
}

/** A step of the project, without its log, which would cost more than the rest. None if there is no such step. */
export function step(name: string, path: string, ...args: string[]): Contestant[] {
  if (existsSync(join(root, path))) {
    return [{ name, command: [process.execPath, ...typescript, path, '--quiet', ...args] }];
  }
  const sentence = `There is no ${path} here: it is left out.`;
  if (!leftOut.includes(sentence)) leftOut.push(sentence);
  return [];
}

/** Some steps of a chapter. */
export function steps(chapter: string, ...names: string[]): Contestant[] {
  return names.flatMap((name) => step(name, `src/${chapter}/${name}.ts`));
}

function installed(command: string): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Compiles NAME.c, unless it has not changed since, nor has a file that it may include. Returns the path of the program. */
function compile(kind: 'peers' | 'clients', name: string): string {
  const sources = readdirSync(join(folder, kind)).filter((file) => /\.[ch]$/.test(file)); // They include each other.
  const program = join(cache, name);
  const changed = Math.max(...sources.map((file) => modified(join(folder, kind, file))));
  if (modified(program) > changed) return program;
  mkdirSync(cache, { recursive: true });
  const source = join(folder, kind, `${name}.c`);
  const unfinished = `${program}.${process.pid}`; // Somebody else may be compiling, or running, the same.
  const compiler = spawnSync('cc', ['-O2', '-o', unfinished, source], { encoding: 'utf8' });
  if (compiler.status !== 0) fail(`Cannot compile ${source}: ${compiler.stderr.trim().split('\n')[0]}`);
  renameSync(unfinished, program);
  return program;
}

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
