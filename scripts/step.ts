// npm run step STEP: what a step adds, how it differs from the one before it, and what to type.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fail } from '../src/cli/fail.ts';
import { findSteps, type Step } from './steps.ts';

const steps = findSteps();
const [name = ''] = process.argv.slice(2);
const step = steps.get(name);
if (!step) fail(`Unknown step ${JSON.stringify(name)}: the steps are ${[...steps.keys()].join(' ')}`);

console.log(step.header);
const before = step.predecessor === undefined ? undefined : steps.get(step.predecessor);
if (before) console.log(difference(before, step));
else console.log(step.code.trimStart());
console.log(`Start it with\n\n  npx tsx ${step.path}\n`);

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
