// IPv6: a server of each kind, and the clients.

import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, expect, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import { runnable } from '../src/behaviours/server.ts';
import { listening, request, run, runScript, serving } from './harness.ts';

const available = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);

describe.runIf(available).concurrent('IPv6', () => {
  // An address goes to another thread in a message, or as numbers in shared memory; or Node has it, as text.
  for (const step of ['thread9', 'pool4', 'select10', 'stream10']) {
    test(`${step} serves clients of both kinds on ::, and logs IPv6 addresses in brackets`, () =>
      serving(`${step} --host ::`, async (server) => {
        for (const [host, seen] of [
          ['::1', /^\[::1\]:\d+ connected$/],
          ['127.0.0.1', /^\[::ffff:127\.0\.0\.1\]:\d+ connected$/],
        ] as const) {
          const client = await Client.connect(server.port, { host });
          await client.send(request(step, 'hello'));
          expect(await client.line()).toBe('hello');
          expect(await server.logged(/ connected$/)).toMatch(seen);
        }
      }));
  }

  test('nc.ts, ask.ts and finger.ts talk to ::1', () => {
    const server = createServer((socket) =>
      socket.on('data', (bytes) => void (bytes.includes('?') ? socket.write('Ugly.') : socket.end(bytes))),
    );
    const use = async (port: number) => {
      const nc = [...runnable('src/clients/nc.ts'), '::1', `${port}`];
      expect((await run(process.execPath, nc, { input: 'hello\n' })).stdout).toBe('hello\n');
      const { stdout } = await runScript('src/clients/ask.ts', '::1', `${port}`);
      expect(stdout.match(/\? Ugly\.$/gm)?.length).toBe(3);
      expect((await runScript('src/clients/finger.ts', `ada@[::1]:${port}`)).stdout).toBe('ada\n');
    };
    return listening(server, use, { host: '::1' });
  });
});
