// How answers leave a server: one send() for a tick, and no move of a long queue for each answer.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import type { Server } from '../src/behaviours/server.ts';
import type { SystemCall } from '../src/sockets/trace-event.ts';
import { onLinux, request, serving, temporaryFolder } from './harness.ts';

const folder = temporaryFolder();

/** The CPU time that a server has used outside of the kernel, in seconds. */
function userTime({ child }: Server): number {
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[11]) / 100; // utime, in USER_HZ: proc(5)
}

describe.concurrent('the answers to three lines in one packet', () => {
  for (const step of ['select6', 'reactor6', 'select11', 'generator10', 'await10']) {
    test(`are one send() at ${step}`, async () => {
      const file = join(folder, `${step}.jsonl`);
      await serving(
        step,
        async (server) => {
          const client = await Client.connect(server.port);
          await server.logged(/ connected$/);
          if (step === 'select11') await client.has(' welcome, ');
          const lines = ['one', 'two', 'three'];
          await client.send(lines.map((line) => request(step, line)).join(''));
          await client.has('one\ntwo\nthree\n');
          client.end();
          await server.logged(/ disconnected: /); // All earlier calls are in the trace now.
        },
        { env: { TRACE: file } },
      );
      const calls = readFileSync(file, 'utf8').trim().split('\n');
      const sends = calls
        .map((line) => JSON.parse(line) as SystemCall)
        .filter(({ call, took }) => call === 'send' && took !== undefined);
      expect(sends.map(({ result }) => result).slice(step === 'select11' ? 1 : 0)).toEqual([14]);
    });
  }
});

describe.runIf(onLinux).concurrent('a long queue of answers', () => {
  for (const step of ['select6', 'select11']) {
    test(`costs ${step} as much for each answer as a short queue`, () =>
      serving(
        step,
        async (server) => {
          const client = await Client.connect(server.port);
          const line = Buffer.from(request(step, 'x'.repeat(59)));
          client.socket.pause();
          await client.send(Buffer.alloc(line.length * 400_000, line));
          client.end();
          client.socket.resume();
          expect((await client.rest()).length).toBeGreaterThanOrEqual(60 * 400_000);
          expect(userTime(server)).toBeLessThan(8); // To move the whole queue for each answer takes more than 20 s.
        },
        { args: ['--quiet'] },
      ));
  }
});
