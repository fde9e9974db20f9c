// Every behaviour with every step. A test fails if a step fails where it should pass, passes where it should fail, or fails with
// another symptom.

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { documents, matrix } from '../scripts/matrix-table.ts';
import { findSteps, levelOf, root } from '../scripts/steps.ts';
import { type BehaviourName, behaviours } from '../src/behaviours/behaviours.ts';
import { examine } from '../src/behaviours/examine.ts';
import { expectations, flaw } from '../src/behaviours/expectations.ts';
import { symptoms } from '../src/behaviours/symptoms.ts';
import { runScript, runsHere } from './harness.ts';

test('README.md and results/matrix.md show what is expected', () => {
  const files = documents(expectations);
  expect([...files.keys()].sort()).toEqual(['README.md', 'results/matrix.md']);
  for (const [path, text] of files) expect(text, path).toBe(readFileSync(join(root, path), 'utf8'));
});

test('every step has its row in the table', () => {
  expect([...expectations.keys()].sort()).toEqual([...findSteps().keys()].sort());
});

test('a failure names a step that does it right', () => {
  for (const [name, { step }] of Object.entries(behaviours)) {
    expect(expectations.get(step)?.get(name as BehaviourName), name).toBe('✔');
  }
  for (const { step } of Object.values(symptoms)) if (step) expect([...findSteps().keys()]).toContain(step);
});

describe.concurrent('a step passes each behaviour that it should, and fails the others with the expected symptoms:', () => {
  for (const { name, path } of findSteps().values()) {
    test.runIf(runsHere(name))(name, async () => {
      const expected: Partial<Record<BehaviourName, string>> = {};
      for (const [behaviour, mark] of expectations.get(name) ?? []) {
        if (mark !== '–') expected[behaviour] = mark === '✔' ? '✔' : flaw(name, behaviour).symptom;
      }
      const seen: typeof expected = {};
      await examine({ name, path, level: levelOf(name) }, (behaviour, failure) => {
        if (!failure) seen[behaviour] = '✔';
        else if (failure.symptom === expected[behaviour]) seen[behaviour] = failure.symptom;
        else seen[behaviour] = `${failure.symptom}: ${failure.error.message}`;
      });
      expect(seen).toEqual(expected);
    });
  }
});

describe.concurrent('npm run matrix', () => {
  test('tries a step, prints its row, and writes nothing', async () => {
    const times = () => ['README.md', 'results/matrix.md'].map((path) => statSync(join(root, path)).mtimeMs);
    const before = times();
    const { exit, stdout } = await runScript('scripts/matrix.ts', 'select3');
    expect(stdout).toContain('✘ select3: a slow reader gets every byte: bytes are missing after a pause\n');
    const row = matrix(new Map([...expectations].filter(([step]) => step === 'select3')));
    expect(stdout.endsWith(`\n\n${row}\n`)).toBe(true);
    expect(exit).toBe(0);
    expect(times()).toEqual(before);
  });

  test('writes the table only with all steps in it', async () => {
    const { exit, stderr } = await runScript('scripts/matrix.ts', 'select3', '--write');
    expect({ exit, stderr }).toEqual({
      exit: 1,
      stderr: 'Cannot write a part of the table: --write takes all steps\n',
    });
  });
});
