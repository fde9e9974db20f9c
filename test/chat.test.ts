// The chat on every mechanism. chat-rules.test.ts has the rules.

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
    const users = step === 'thread11' ? 4 : 8;

    test(`${step} lets ${users} say 50 lines each, all at once: each user receives all lines of the others, whole, once, in order`, () =>
      serving(
        step,
        async (server) => {
          const clients: Client[] = [];
          for (let i = 0; i < users; i++) clients.push(await enter(server));
          // All have joined when all know of the last one.
          await Promise.all(clients.slice(0, -1).map((client) => client.has(`* guest${users} joined`)));
          for (const [who, client] of clients.entries()) {
            const lines = Array.from(
              { length: 50 },
              (_, n) => `SAY ${who} says ${n} ${'x'.repeat(n)}\n`,
            ).join('');
            // Some in one piece, some in many: these are cut within lines.
            for (let at = 0; at < lines.length; at += 100 + who * 500) {
              void client.send(lines.slice(at, at + 100 + who * 500));
            }
          }
          for (const [who, client] of clients.entries()) {
            const next = clients.map(() => 0);
            for (let heard = 0; heard < (users - 1) * 50; ) {
              const line = await client.line();
              if (line.startsWith('* ')) continue;
              const [, name, speaker, n, rest] = /^<guest(\d+)> (\d+) says (\d+) (x*)$/.exec(line) ?? [];
              const good = Number(name) - 1 === Number(speaker) && Number(n) === next[Number(speaker)];
              if (!good || rest?.length !== Number(n))
                expect(line).toBe(`line ${next[Number(speaker)]} of ${speaker}`);
              next[Number(speaker)] = Number(n) + 1;
              heard++;
            }
            expect(next).toEqual(clients.map((_, other) => (other === who ? 0 : 50)));
          }
          // And nothing comes behind it.
          for (const client of clients) await client.send('ECHO that was all\n');
          for (const client of clients) expect(await client.line()).toBe('that was all');
        },
        { args: ['--quiet'] },
      ));

    test(`${step} tells once that a user has left, by QUIT, by half-closing, by closing, by a reset, or by a line without end`, () =>
      serving(step, async (server) => {
        const stays = await enter(server);
        const leave: [string, (client: Client) => void][] = [
          ['guest2', (client) => void client.send('QUIT\n')],
          ['guest3', (client) => client.end()],
          ['guest4', (client) => client.close()],
          ['guest5', (client) => client.reset()],
          ['guest6', (client) => void client.send('half a line').then(() => client.reset())],
          ['guest7', (client) => void client.send(`SAY ${'\x01'.repeat(2 ** 20)}`)],
        ];
        for (const [name, goes] of leave) {
          const client = await enter(server);
          expect(await stays.line()).toBe(`* ${name} joined`);
          goes(client);
          expect(await stays.line()).toBe(`* ${name} left`);
        }
        await stays.send('WHO\n');
        expect(await stays.line()).toBe('WHO guest1');
      }));

    test(`${step} ${step === 'thread11' ? 'is stopped by a client that does not read: no user receives a line' : 'does not wait for a client that does not read'}`, () =>
      serving(
        step,
        async (server) => {
          const [deaf, speaker, listener] = [await enter(server), await enter(server), await enter(server)];
          deaf.socket.pause();
          listener.socket.resume();
          const said = 10_000_000; // more than the kernel keeps for a client: tcp(7), tcp_wmem
          const line = `SAY ${'x'.repeat(3991)}\n`;
          void speaker.send(line.repeat(said / 4000));
          void speaker.send('SAY are you there?\n');
          if (step === 'thread11') await stalls(listener);
          else await listener.has('are you there?');
          expect(listener.waiting.includes('are you there?')).toBe(step !== 'thread11');
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
