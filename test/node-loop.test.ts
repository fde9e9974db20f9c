// The steps on Node's own loop, beyond what loops.test.ts asks of every loop.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import { BACKLOG } from '../src/sockets/socket.ts';
import { installed, request, run, serving } from './harness.ts';

const steps = ['callback6', 'callback10', 'callback11', 'stream6', 'stream10', 'stream11'];

describe.concurrent('a mistake while one client is served', () => {
  for (const step of steps) {
    test(`ends the connection of that client at ${step}, and no other`, () =>
      serving(
        step,
        async (server) => {
          const [one, other] = [await Client.connect(server.port), await Client.connect(server.port)];
          await one.send(request(step, 'boom'));
          await server.logged(/ disconnected: Error: a mistake$/);
          expect(await one.rest()).not.toContain('boom');
          await other.send(request(step, 'still here'));
          await other.has('still here\n');
        },
        { nodeArgs: ['--import', './test/fixtures/mistake.ts'] },
      ));
  }
});

describe.concurrent('a user who talks without end', () => {
  for (const step of ['callback11', 'stream11']) {
    test(`is heard at ${step} while it talks: the lines of a tick are one write()`, () =>
      serving(
        step,
        async (server) => {
          const [listener, talker] = [await Client.connect(server.port), await Client.connect(server.port)];
          for (const client of [listener, talker]) await client.has('* welcome, ');
          const before = listener.received;
          const lines = 100_000;
          void talker.send(`${'SAY x\n'.repeat(lines)}ECHO that was all\n`);
          await talker.has('that was all');
          // As a piece for each line, a tenth would have been sent by now.
          expect(listener.received - before).toBeGreaterThan(lines * '<guest2> x\n'.length * 0.5);
        },
        { args: ['--quiet'] },
      ));
  }
});

describe.runIf(installed('ss')).concurrent('the listener', () => {
  for (const step of steps) {
    // Node's own backlog is 511. When a crowd comes, the kernel lets the others try again seconds later.
    test(`of ${step} has the backlog that it was given`, () =>
      serving(step, async ({ port }) => {
        const { stdout } = await run('ss', ['-ltnH', `sport = :${port}`]);
        const [, , backlog] = stdout.trim().split(/\s+/); // State, Recv-Q, Send-Q: ss(8)
        const limit = Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'));
        expect(Number(backlog)).toBe(Math.min(BACKLOG, limit));
      }));
  }
});
