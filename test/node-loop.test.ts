// The steps on Node's own loop, beyond what loops.test.ts asks of every loop.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import type { Server } from '../src/behaviours/server.ts';
import { BACKLOG } from '../src/sockets/socket.ts';
import { installed, request, run, serving } from './harness.ts';

describe.concurrent('on the loop of Node', () => {
  for (const step of ['callback6', 'callback10', 'callback11', 'stream6', 'stream10', 'stream11']) {
    const isChat = step.endsWith('11');
    const chat = isChat
      ? ', and is heard while it talks without end: the lines of a tick are one write()'
      : '';
    test(`${step} has the backlog that it was given; a mistake while one client is served ends its connection, and the other goes on${chat}`, () =>
      serving(
        step,
        async (server) => {
          if (installed('ss')) expect(await backlog(server)).toBe(Math.min(BACKLOG, mostBacklog()));
          const [one, other] = [await Client.connect(server.port), await Client.connect(server.port)];
          await one.send(request(step, 'boom'));
          await server.logged(/ disconnected: Error: a mistake$/);
          expect(await one.rest()).not.toContain('boom');
          await other.send(request(step, 'still here'));
          await other.has('still here\n');
          if (!isChat) return;
          const listener = await Client.connect(server.port);
          await listener.has('* welcome, ');
          const before = listener.received;
          const lines = 50_000;
          void other.send(`${'SAY x\n'.repeat(lines)}ECHO that was all\n`);
          await other.has('that was all');
          // As a piece for each line, a tenth would have been sent by now.
          expect(listener.received - before).toBeGreaterThan(lines * '<guest2> x\n'.length * 0.3);
        },
        { nodeArgs: ['--import', './test/fixtures/mistake.ts'] },
      ));
  }
});

/** Node's own backlog is 511. When a crowd comes, the kernel lets the others try again seconds later. */
async function backlog({ port }: Server): Promise<number> {
  const { stdout } = await run('ss', ['-ltnH', `sport = :${port}`]);
  return Number(stdout.trim().split(/\s+/)[2]); // State, Recv-Q, Send-Q: ss(8)
}

function mostBacklog(): number {
  return Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'));
}
