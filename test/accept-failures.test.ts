// An accept() that fails ends neither the listener nor the server, from level 3 on.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import { installed, onLinux, serving, temporaryFolder } from './harness.ts';

const shim = join(temporaryFolder(), 'accept-fails.so');
/** The ways to accept: accept(), in the main thread and in others, acceptOrReject(), and Node's. A ring never calls accept(). */
const steps = ['single3', 'accept4', 'select3', 'callback6'];

describe.runIf(onLinux && installed('cc')).concurrent('accept() that fails five times', () => {
  beforeAll(() => {
    const args = ['-shared', '-fPIC', '-o', shim, 'test/fixtures/accept-fails.c', '-ldl'];
    const { stderr } = spawnSync('cc', args);
    expect(`${stderr}`).toBe('');
  });

  for (const step of steps) {
    const isLogged = step !== 'callback6'; // Node's own loop does not report such a failure.
    test(`is ${isLogged ? 'logged' : 'survived'} by ${step}, which serves the next client, and the one after`, () =>
      serving(
        step,
        async (server) => {
          for (let i = 0; i < 2; i++) {
            const client = await Client.connect(server.port);
            await client.send('hello\n');
            await client.expect('hello\n');
            client.close();
          }
          const failures = server.stdout.waiting.match(/^cannot accept a client: .*/gm) ?? [];
          expect(failures[0]).toBe(isLogged ? 'cannot accept a client: ENOBUFS, trying again' : undefined);
          expect(server.stderr.waiting).toBe('');
        },
        { env: { LD_PRELOAD: shim } },
      ));
  }
});
