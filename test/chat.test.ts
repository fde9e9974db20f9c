// The chat on every mechanism, beyond the behaviours of all steps. chat-rules.test.ts has the rules.

import { describe, expect, test } from 'vitest';
import { findSteps } from '../scripts/steps.ts';
import { Client } from '../src/behaviours/client.ts';
import type { Server } from '../src/behaviours/server.ts';
import { runsHere, serving } from './harness.ts';

const steps = [...findSteps().keys()].filter((step) => step.endsWith('11') && runsHere(step));

/** Joins, and reads its name. */
async function enter({ port }: Server): Promise<Client> {
  const client = await Client.connect(port);
  expect(await client.line()).toMatch(/^\* welcome, guest\d+$/);
  return client;
}

describe.concurrent('the chat', () => {
  for (const step of steps) {
    const isStopped = step === 'thread11';
    const then = isStopped ? 'is stopped by' : 'does not wait for';
    test(`${step} tells once that a user has left, by QUIT, by half-closing, by closing, by a reset, or by a line without end; it ${then} a client that does not read`, () =>
      serving(
        step,
        async (server) => {
          const stays = await enter(server);
          const leave: ((client: Client) => void)[] = [
            (client) => void client.send('QUIT\n'),
            (client) => client.end(),
            (client) => client.close(),
            (client) => client.reset(),
            (client) => void client.send('half a line').then(() => client.reset()),
            (client) => void client.send(`SAY ${'\x01'.repeat(2 ** 20)}`),
          ];
          for (const [i, goes] of leave.entries()) {
            const client = await enter(server);
            expect(await stays.line()).toBe(`* guest${i + 2} joined`);
            goes(client);
            expect(await stays.line()).toBe(`* guest${i + 2} left`);
          }
          await stays.send('WHO\n');
          expect(await stays.line()).toBe('WHO guest1');

          const deaf = await enter(server);
          deaf.socket.pause();
          const speaker = await enter(server);
          const said = 5_000_000; // more than the kernel keeps for a client: tcp(7), tcp_wmem
          void speaker.send(`SAY ${'x'.repeat(3991)}\n`.repeat(said / 4000));
          void speaker.send('SAY are you there?\n');
          if (isStopped) await stalls(stays);
          else await stays.has('are you there?');
          expect(stays.waiting.includes('are you there?')).toBe(!isStopped);
        },
        { args: ['--quiet'] },
      ));
  }

  /** Resolves when nothing has arrived for a second. */
  async function stalls({ socket }: Client): Promise<void> {
    for (let before = -1; before !== socket.bytesRead; ) {
      before = socket.bytesRead;
      await new Promise((resolve) => setTimeout(resolve, 1000)); // in which more would arrive
    }
  }
});
