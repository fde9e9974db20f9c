// Every behaviour against every step. A step that passes where it is meant to fail is as wrong as one that
// fails where it is meant to pass.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findSteps, root } from '../scripts/steps.ts';
import type { BehaviourName } from './behaviours.ts';
import { type Expectation, expectations } from './expectations.ts';
import { PATIENCE, serving } from './harness.ts';
import { matrix, withMatrix } from './matrix.ts';
import { lasts, outcome, SHORT_PATIENCE } from './outcome.ts';

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
  const passes = withMark(row, '✔');
  const fails = withMark(row, '✘');

  describe.concurrent(step, () => {
    if (lasts(step) && passes.length > 0) {
      test(`${step} passes, all with the same server: ${passes.join('; ')}`, () =>
        serving(step, async (server) => {
          for (const name of passes) {
            server.stdout.forget();
            expect(await outcome(name, step, server, PATIENCE), name).toBe('passes');
          }
        }));
    }

    for (const name of lasts(step) ? [] : passes) {
      test(`${step} passes: ${name}`, async () => {
        expect(await serving(step, (server) => outcome(name, step, server, PATIENCE))).toBe('passes');
      });
    }

    for (const name of fails) {
      test(`${step} is meant to fail: ${name}`, async () => {
        const expected = /^fails/;
        expect(await serving(step, (server) => outcome(name, step, server, SHORT_PATIENCE))).toMatch(
          expected,
        );
      });
    }
  });
}
