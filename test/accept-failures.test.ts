// An accept() that fails ends neither the listener nor the server, from level 3 on.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { levelOf } from '../scripts/steps.ts';
import { Client } from '../src/behaviours/client.ts';
import { installed, onLinux, request, serving, temporaryFolder } from './harness.ts';

const shim = join(temporaryFolder(), 'accept-fails.so');
/** Of each way to accept, one step. With a ring, the kernel accepts, and the step never calls accept(). */
const steps = ['single3', 'accept4', 'prefork4', 'select3', 'select12', 'generator4', 'await11', 'callback6'];

describe.runIf(onLinux && installed('cc')).concurrent('accept() that fails five times', () => {
  beforeAll(() => {
    const { stderr } = spawnSync('cc', [
      '-shared',
      '-fPIC',
      '-o',
      shim,
      'test/fixtures/accept-fails.c',
      '-ldl',
    ]);
    expect(`${stderr}`).toBe('');
  });

  for (const step of steps) {
    const isLogged = step !== 'callback6'; // Node's own loop does not report such a failure.
    test(`is ${isLogged ? 'logged' : 'survived'} by ${step}, which serves the next client, and the one after`, () =>
      serving(
        step,
        async (server) => {
          const wakes = step === 'generator4' ? 3 : 0; // It answers a client only when others connect: that is its lesson.
          for (let i = 0; i < 2; i++) {
            const client = await Client.connect(server.port, { notices: levelOf(step) >= 11 });
            await client.send(request(step, 'hello'));
            const others = Array.from({ length: wakes }, () => Client.connect(server.port));
            await client.expect('hello\n');
            for (const other of [client, ...(await Promise.all(others))]) other.close();
          }
          const failures = server.stdout.waiting.match(/^cannot accept a client: .*/gm) ?? [];
          expect(failures[0]).toBe(isLogged ? 'cannot accept a client: ENOBUFS, trying again' : undefined);
          expect(server.stderr.waiting).toBe('');
        },
        { env: { LD_PRELOAD: shim } },
      ));
  }
});
