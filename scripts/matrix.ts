// npm run matrix: tries every behaviour on every step, and writes what it has seen into the README.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BehaviourName } from '../src/behaviours/behaviours.ts';
import { expectations } from '../src/behaviours/expectations.ts';
import { PATIENCE } from '../src/behaviours/inbox.ts';
import { lasts, outcome, SHORT_PATIENCE } from '../src/behaviours/outcome.ts';
import { serving } from '../src/behaviours/server.ts';
import { parseOrFail } from '../src/cli/parse.ts';
import { matrix, type Seen, withMatrix } from './matrix-table.ts';
import { findSteps, levelOf, root, type Step } from './steps.ts';

parseOrFail({}, 'there are none');
let surprises = 0;

/** Tries what applies to a step: one after the other on one server, but with a new one for what might end it. */
async function look({ name: step, path }: Step): Promise<Seen> {
  const level = levelOf(step);
  const expected = expectations.get(step) ?? new Map();
  const seen: Seen = new Map();
  const note = (name: BehaviourName, result: string) => {
    const mark = result === 'passes' ? '✔' : '✘';
    seen.set(name, mark);
    console.log(`${mark} ${step}: ${name}`);
    if (mark === expected.get(name)) return;
    surprises++;
    console.log(`  but ${expected.get(name)} was expected: ${result}`);
  };
  const names = [...expected.keys()].filter((name) => expected.get(name) !== '–');
  const together = lasts(level) ? names.filter((name) => expected.get(name) === '✔') : [];
  if (together.length > 0) {
    await serving(path, async (server) => {
      for (const name of together) {
        server.stdout.forget();
        note(name, await outcome(name, level, server, PATIENCE));
      }
    });
  }
  for (const name of names.filter((name) => !together.includes(name))) {
    const patience = expected.get(name) === '✔' ? PATIENCE : SHORT_PATIENCE;
    note(name, await serving(path, (server) => outcome(name, level, server, patience)));
  }
  return seen;
}

const seen = new Map<string, Seen>();
for (const step of findSteps().values()) seen.set(step.name, await look(step));
const path = join(root, 'README.md');
const before = readFileSync(path, 'utf8');
const after = withMatrix(before, matrix(seen));
writeFileSync(path, after);
console.log(before === after ? 'The README shows it already.' : 'The README shows it now.');
process.exit(surprises > 0 ? 1 : 0);
