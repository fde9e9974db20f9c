// npm run matrix [-- STEP]: tries every behaviour on steps, and prints the table of what they do.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { examine } from '../src/behaviours/examine.ts';
import { expectations, flaw } from '../src/behaviours/expectations.ts';
import { fail } from '../src/cli/fail.ts';
import { parseOrHelp } from '../src/cli/parse.ts';
import { documents, matrix, type Seen } from './matrix-table.ts';
import { failIfTaken } from './npm.ts';
import { findStep, findSteps, levelOf, root } from './steps.ts';

const usage = `Usage: npm run matrix [-- STEP...] [--write]

  STEP     the steps to try; without any, all
  --write  writes the table into results/matrix.md, and the short one into README.md; only without STEP

Exit code 1: a step does not do what src/behaviours/expectations.ts says.`;

failIfTaken('npm run matrix', { write: '' }, process.argv.slice(2));
const { values, positionals } = parseOrHelp(
  { allowPositionals: true, options: { write: { type: 'boolean' } } },
  usage,
);
if (values.write && positionals.length > 0) fail('Cannot write a part of the table: --write takes all steps');
const steps = positionals.length > 0 ? positionals.map(findStep) : [...findSteps().values()];

let surprises = 0;
const all = new Map<string, Seen>();
for (const { name, path } of steps) {
  const seen: Seen = new Map();
  all.set(name, seen);
  await examine({ name, path, level: levelOf(name) }, (behaviour, failure) => {
    const mark = failure ? '✘' : '✔';
    seen.set(behaviour, mark);
    console.log(`${mark} ${name}: ${behaviour}${failure ? `: ${failure.symptom}` : ''}`);
    const expected = expectations.get(name)?.get(behaviour);
    if (mark === expected && (!failure || flaw(name, behaviour).symptom === failure.symptom)) return;
    surprises++;
    console.log(`  but ${expected} was expected: ${failure?.error.message ?? 'it passes'}`);
  });
}
if (values.write) {
  for (const [path, text] of documents(all)) writeFileSync(join(root, path), text);
} else console.log(`\n${matrix(all)}`);
process.exit(surprises > 0 ? 1 : 0);
