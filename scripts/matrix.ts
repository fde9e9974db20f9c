// npm run matrix: tries every behaviour on every step, and writes what it has seen into the README.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseOrFail } from '../src/cli/parse.ts';
import type { BehaviourName } from '../test/behaviours.ts';
import { expectations } from '../test/expectations.ts';
import { PATIENCE, serving } from '../test/harness.ts';
import { matrix, type Seen, withMatrix } from '../test/matrix.ts';
import { lasts, outcome, SHORT_PATIENCE } from '../test/outcome.ts';
import { root } from './steps.ts';

parseOrFail({}, 'there are none');
let surprises = 0;

/** Tries what applies to a step: one after the other on one server, but with a new one for what might end it. */
async function look(step: string): Promise<Seen> {
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
  const together = lasts(step) ? names.filter((name) => expected.get(name) === '✔') : [];
  if (together.length > 0) {
    await serving(step, async (server) => {
      for (const name of together) {
        server.stdout.forget();
        note(name, await outcome(name, step, server, PATIENCE));
      }
    });
  }
  for (const name of names.filter((name) => !together.includes(name))) {
    const patience = expected.get(name) === '✔' ? PATIENCE : SHORT_PATIENCE;
    note(name, await serving(step, (server) => outcome(name, step, server, patience)));
  }
  return seen;
}

const seen = new Map<string, Seen>();
for (const step of expectations.keys()) seen.set(step, await look(step));
const path = join(root, 'README.md');
const before = readFileSync(path, 'utf8');
const after = withMatrix(before, matrix(seen));
writeFileSync(path, after);
console.log(before === after ? 'The README shows it already.' : 'The README shows it now.');
process.exit(surprises > 0 ? 1 : 0);
