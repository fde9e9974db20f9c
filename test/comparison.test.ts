// Every behaviour against every step. A step that passes where it is meant to fail is as wrong as one that
// fails where it is meant to pass.

import { describe, expect, test } from 'vitest';
import { findSteps } from '../scripts/steps.ts';
import { behaviours } from './behaviours.ts';
import { expectations } from './expectations.ts';
import { Client, Disappointment, PATIENCE, serving } from './harness.ts';

/** How long to wait for an answer that is not expected to come. */
const SHORT_PATIENCE = 500;

test('every step has its row in the table', () => {
  expect([...expectations.keys()].sort()).toEqual([...findSteps().keys()].sort());
});

for (const [step, expected] of expectations) {
  if ([...expected.values()].every((expectation) => expectation === '–')) continue;
  describe.concurrent(step, () => {
    for (const [name, expectation] of expected) {
      if (expectation === '–') continue;
      const holds = expectation === '✔';
      test(`${step} ${holds ? 'passes' : 'is meant to fail'}: ${name}`, async () => {
        const patience = holds ? PATIENCE : SHORT_PATIENCE;
        const outcome = await serving(step, async (server) => {
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
        });
        if (holds) expect(outcome).toBe('passes');
        else expect(outcome).toMatch(/^fails/);
      });
    }
  });
}
