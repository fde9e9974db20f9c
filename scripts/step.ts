// npm run step NAME [-- --files]: prints the header of a step, its difference to the step before it, and how to start it.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fail } from '../src/cli/fail.ts';
import { print } from '../src/cli/log.ts';
import { parseOrHelp } from '../src/cli/parse.ts';
import { failIfTaken } from './npm.ts';
import { findStep, findSteps, importsOf, root, type Step } from './steps.ts';

const usage = `Usage: npm run step NAME [-- --files]

  NAME     the step; npm start -- --list lists the steps
  --files  prints the files that are new beside it, too`;

failIfTaken('npm run step', { files: '' }, process.argv.slice(2));
const { values, positionals } = parseOrHelp(
  { allowPositionals: true, options: { files: { type: 'boolean' } } },
  usage,
);
const [name, ...more] = positionals;
if (name === undefined) fail('Cannot show a step without its name: type npm run step single6');
if (more.length > 0)
  fail(`Cannot show ${positionals.join(' and ')}: type npm run step ${name}, one at a time`);

const step = findStep(name);
const before = step.predecessor === undefined ? undefined : findSteps().get(step.predecessor);
print(step.header);
if (before) print(difference(before, step));
else print(step.code.trimStart());
showFiles(newFiles(step, before));
print(`Start it with\n\n  npx tsx ${step.path}\n`);

/** Lists the files with the number of their lines. With --files, prints them as well. */
function showFiles(paths: readonly string[]): void {
  if (paths.length === 0) return;
  const files = paths.map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
  const here = dirname(step.path);
  for (const { path, text } of files) {
    print(`+ ${dirname(path) === here ? basename(path) : path}, ${text.split('\n').length - 1} lines`);
  }
  print('');
  if (!values.files) print(`npm run step ${name} -- --files shows ${files.length > 1 ? 'them' : 'it'}.\n`);
  else for (const { path, text } of files) print(`--- ${path}\n\n${text}`);
}

/** The files that a step needs and its predecessor does not. Those of its own chapter come first. */
function newFiles(step: Step, before: Step | undefined): string[] {
  const old = before ? filesOf(before) : new Set();
  const added = [...filesOf(step)].filter((path) => !old.has(path));
  const isBeside = (path: string) => dirname(path) === dirname(step.path);
  return [...added.filter(isBeside), ...added.filter((path) => !isBeside(path))];
}

/** The files that a step imports, and those that files of its own chapter import. */
function filesOf({ path: step }: Step): Set<string> {
  const files = new Set<string>();
  const visit = (path: string) => {
    for (const file of importsOf(path)) {
      if (files.has(file)) continue;
      files.add(file);
      if (dirname(file) === dirname(step)) visit(file);
    }
  };
  visit(step);
  return files;
}

/** The changed lines between the code of two steps, headers and indentation aside, and a count of them. */
function difference(from: Step, to: Step): string {
  const folder = mkdtempSync(join(tmpdir(), 'step-'));
  try {
    for (const { name, code } of [from, to]) writeFileSync(join(folder, `${name}.ts`), code.trimStart());
    const colour = process.stdout.isTTY && !process.env.NO_COLOR ? 'always' : 'never';
    const files = [`${from.name}.ts`, `${to.name}.ts`];
    const diff = (...options: string[]) =>
      git(folder, ['diff', '--no-index', '-w', ...options, '--', ...files]);
    const [added, removed] = diff('--numstat').split('\t');
    const lines = diff(`--color=${colour}`, '--no-prefix').split('\n').slice(2).join('\n');
    return `${lines}\nSince ${from.name}: ${added} lines added, ${removed} removed, indentation aside.\n`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function git(folder: string, options: string[]): string {
  const { stdout, error } = spawnSync('git', options, { cwd: folder, encoding: 'utf8' });
  if (error) fail(`Cannot compare steps: git ${(error as NodeJS.ErrnoException).code}`);
  return stdout;
}
