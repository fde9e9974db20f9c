// Every behaviour against every step. A step that passes where it is meant to fail is as wrong as one that
// fails where it is meant to pass.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { matrix, withMatrix } from '../scripts/matrix-table.ts';
import { findSteps, levelOf, root } from '../scripts/steps.ts';
import type { BehaviourName } from '../src/behaviours/behaviours.ts';
import { type Expectation, expectations } from '../src/behaviours/expectations.ts';
import { PATIENCE } from '../src/behaviours/inbox.ts';
import { lasts, outcome, SHORT_PATIENCE } from '../src/behaviours/outcome.ts';
import { serving } from './harness.ts';

test('the README shows what is expected', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  expect(withMatrix(readme, matrix(expectations))).toBe(readme);
});

test('every step has its row in the table', () => {
  expect([...expectations.keys()].sort()).toEqual([...findSteps().keys()].sort());
});

const withMark = (row: Map<BehaviourName, Expectation>, mark: Expectation) =>
  [...row].filter(([, expectation]) => expectation === mark).map(([name]) => name);

for (const [step, row] of expectations) {
  const level = levelOf(step);
  const passes = withMark(row, '✔');
  const fails = withMark(row, '✘');

  describe.concurrent(step, () => {
    if (lasts(level) && passes.length > 0) {
      test(`${step} passes, all with the same server: ${passes.join('; ')}`, () =>
        serving(step, async (server) => {
          for (const name of passes) {
            server.stdout.forget();
            expect(await outcome(name, level, server, PATIENCE), name).toBe('passes');
          }
        }));
    }

    for (const name of lasts(level) ? [] : passes) {
      test(`${step} passes: ${name}`, async () => {
        expect(await serving(step, (server) => outcome(name, level, server, PATIENCE))).toBe('passes');
      });
    }

    for (const name of fails) {
      test(`${step} is meant to fail: ${name}`, async () => {
        const expected = /^fails/;
        expect(await serving(step, (server) => outcome(name, level, server, SHORT_PATIENCE))).toMatch(
          expected,
        );
      });
    }
  });
}
