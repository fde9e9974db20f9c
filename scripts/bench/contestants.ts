// Who is measured: the steps of the project, and their peers in other languages, as far as they are there.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../../src/cli/fail.ts';
import { root } from '../steps.ts';
import type { Command } from './processes.ts';

/** A server, and how to start it. */
export type Contestant = { name: string; command: Command };

const cache = join(root, 'node_modules/.cache/async-comparisons/bench');
const typescript = ['--import', 'tsx'];
const node = `Node ${process.versions.node}`;

/** Why C is left out, if it is. The servers and the load client wait with epoll, which only Linux has. */
const noC = process.platform !== 'linux' ? 'epoll' : installed('cc') ? undefined : 'cc';
const python = spawnSync('python3', ['--version'], { encoding: 'utf8' });

/** What is not here to be measured, a sentence each. */
export const leftOut: string[] = [];
if (noC)
  leftOut.push(
    `There is no ${noC} here: the C servers are left out, and the load clients are slower ones, on Node.`,
  );
if (python.status !== 0) leftOut.push('There is no python3 here: the Python servers are left out.');

/** What plays the clients, from this folder. Each is there twice: in C, and on Node for where C is left out. */
export function loadClient(name: string): Command {
  return noC ? [process.execPath, ...typescript, `scripts/bench/${name}.ts`] : [compile(name)];
}

/** A server in C, from this folder: none where C is left out. */
export function c(name: string, source: string): Contestant[] {
  return noC ? [] : [{ name, command: [compile(source)] }];
}

/** A server in Python, from this folder: none where Python is left out. */
export function py(name: string, file: string): Contestant[] {
  if (python.status !== 0) return [];
  return [{ name: `${name}, ${python.stdout.trim()}`, command: ['python3', `scripts/bench/${file}`] }];
}

/** A server on node:net, from this folder. */
export function net(name: string, file: string): Contestant[] {
  return [{ name: `${name}, ${node}`, command: [process.execPath, ...typescript, `scripts/bench/${file}`] }];
}

/** A step of the project, without its log, which would cost more than the rest. None if there is no such step. */
export function step(name: string, path: string, ...args: string[]): Contestant[] {
  if (existsSync(join(root, path))) {
    return [
      { name: `${name}, ${node}`, command: [process.execPath, ...typescript, path, '--quiet', ...args] },
    ];
  }
  const sentence = `There is no ${path} here: it is left out.`;
  if (!leftOut.includes(sentence)) leftOut.push(sentence);
  return [];
}

function installed(command: string): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Compiles NAME.c of this folder, unless it has not changed since, nor has a header. Returns the path of the program. */
function compile(name: string): string {
  const folder = import.meta.dirname;
  const source = join(folder, `${name}.c`);
  const sources = readdirSync(folder).filter((file) => /\.[ch]$/.test(file)); // They include each other.
  const program = join(cache, name);
  const changed = Math.max(...sources.map((file) => modified(join(folder, file))));
  if (modified(program) > changed) return program;
  mkdirSync(cache, { recursive: true });
  const unfinished = `${program}.${process.pid}`; // Somebody else may be compiling, or running, the same.
  const compiler = spawnSync('cc', ['-O2', '-o', unfinished, source], { encoding: 'utf8' });
  if (compiler.status !== 0) fail(`Cannot compile ${source}: ${compiler.stderr.trim().split('\n')[0]}`);
  renameSync(unfinished, program);
  return program;
}

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
