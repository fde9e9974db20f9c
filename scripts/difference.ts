// What a step adds to the one before it: the lines of its code, and the files that are new beside it.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fail } from '../src/cli/fail.ts';
import { importsOf, type Step } from './steps.ts';

/** The files that a step needs and its predecessor does not. Files of its own chapter come first. */
export function newFiles(step: Step, before: Step | undefined): string[] {
  const old = before ? filesOf(before) : new Set();
  const added = [...filesOf(step)].filter((path) => !old.has(path));
  const isBeside = (path: string) => dirname(path) === dirname(step.path);
  return [...added.filter(isBeside), ...added.filter((path) => !isBeside(path))];
}

/** The files that a step imports, and those that files of its own chapter import. */
export function filesOf({ path: step }: Step): Set<string> {
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
export function difference(from: Step, to: Step): string {
  return comparing(from, to, (diff) => {
    const colour = process.stdout.isTTY && !process.env.NO_COLOR ? 'always' : 'never';
    const [added, removed] = diff('--numstat').split('\t');
    const lines = diff(`--color=${colour}`, '--no-prefix').split('\n').slice(2).join('\n');
    return `${lines}\nSince ${from.name}: ${added} lines added, ${removed} removed, indentation aside.\n`;
  });
}

/** The numbers of a step's new lines, and of the lines before which lines were removed. */
export type Changes = { added: number[]; removed: { before: number; text: string }[] };

/** The changed lines of {@link difference}, as places in the file of the later step. */
export function changes(from: Step, to: Step): Changes {
  const lines = comparing(from, to, (diff) => diff('--no-color', '-U100000')).split('\n');
  const changes: Changes = { added: [], removed: [] };
  // The compared code begins behind the header and one or more empty lines.
  let line = `${to.header}${/^\s*/.exec(to.code)}`.split('\n').length;
  for (const text of lines.slice(lines.findIndex((text) => text.startsWith('@@')) + 1)) {
    if (text.startsWith('-')) changes.removed.push({ before: line, text: text.slice(1) });
    if (text.startsWith('+')) changes.added.push(line);
    if (text.startsWith('+') || text.startsWith(' ')) line++;
  }
  return changes;
}

function comparing<Result>(
  from: Step,
  to: Step,
  use: (diff: (...options: string[]) => string) => Result,
): Result {
  const folder = mkdtempSync(join(tmpdir(), 'step-'));
  try {
    for (const { name, code } of [from, to]) writeFileSync(join(folder, `${name}.ts`), code.trimStart());
    const files = [`${from.name}.ts`, `${to.name}.ts`];
    return use((...options) =>
      git(folder, ['diff', '--no-index', '-w', '--no-ext-diff', ...options, '--', ...files]),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function git(folder: string, options: string[]): string {
  const { stdout, error } = spawnSync('git', options, { cwd: folder, encoding: 'utf8' });
  if (error) fail(`Cannot compare steps: git ${(error as NodeJS.ErrnoException).code}`);
  return stdout;
}
