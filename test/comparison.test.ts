// Every behaviour against every step. A step that passes where it is meant to fail is as wrong as one that
// fails where it is meant to pass.

import { describe, expect, test } from 'vitest';
import { findSteps } from '../scripts/steps.ts';
import { type BehaviourName, behaviours } from './behaviours.ts';
import { type Expectation, expectations } from './expectations.ts';
import { Client, Disappointment, PATIENCE, type Server, serving } from './harness.ts';

/** How long to wait for an answer that is not expected to come, in milliseconds. */
const SHORT_PATIENCE = 500;

test('every step has its row in the table', () => {
  expect([...expectations.keys()].sort()).toEqual([...findSteps().keys()].sort());
});

const withMark = (row: Map<BehaviourName, Expectation>, mark: Expectation) =>
  [...row].filter(([, expectation]) => expectation === mark).map(([name]) => name);

/** What comes of it: `passes`, or how it fails. */
async function outcome(name: BehaviourName, step: string, server: Server, patience: number): Promise<string> {
  const clients: Client[] = [];
  const connect = async () => {
    const client = await Client.connect(server.port, patience);
    clients.push(client);
    return client;
  };
  try {
    await behaviours[name]({ server, level: Number(/\d+$/.exec(step)), connect });
    return 'passes';
  } catch (error) {
    if (error instanceof Disappointment) return `fails: ${error.message}`;
    throw error;
  } finally {
    for (const client of clients) client.close();
  }
}

for (const [step, row] of expectations) {
  const passes = withMark(row, '✔');
  const fails = withMark(row, '✘');
  // From level 3 on a server survives whatever it is meant to survive: so it has to, one behaviour after the other.
  if (passes.length + fails.length === 0) continue;
  const lasts = Number(/\d+$/.exec(step)) >= 3;

  describe.concurrent(step, () => {
    if (lasts && passes.length > 0) {
      test(`${step} passes, all with the same server: ${passes.join('; ')}`, () =>
        serving(step, async (server) => {
          for (const name of passes) {
            server.stdout.forget();
            expect(await outcome(name, step, server, PATIENCE), name).toBe('passes');
          }
        }));
    }

    for (const name of lasts ? [] : passes) {
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
