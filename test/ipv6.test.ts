// IPv6: a server of each kind, and the clients.

import { networkInterfaces } from 'node:os';
import { describe, expect, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import { runnable } from '../src/behaviours/server.ts';
import { request, run, runScript, serving } from './harness.ts';

const available = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);

describe.runIf(available).concurrent('IPv6', () => {
  for (const step of [
    'single9',
    'thread9',
    'pool4',
    'prefork4',
    'poll3',
    'select10',
    'await10',
    'stream10',
  ]) {
    test(`${step} serves clients of both kinds on ::, and logs IPv6 addresses in brackets`, () =>
      serving(
        step,
        async (server) => {
          for (const [host, seen] of [
            ['::1', /^\[::1\]:\d+ connected$/],
            ['127.0.0.1', /^\[::ffff:127\.0\.0\.1\]:\d+ connected$/],
          ] as const) {
            const client = await Client.connect(server.port, { host });
            await client.send(request(step, 'hello'));
            expect(await client.line()).toBe('hello');
            client.close(); // single9 has one at a time.
            expect(await server.logged(/ connected$/)).toMatch(seen);
          }
        },
        { args: ['--host', '::'] },
      ));
  }

  test('nc.ts, ask.ts and finger.ts talk to ::1', async () => {
    const args = ['--host', '::1', '--protocol'];
    const answer = (protocol: string, use: (port: number) => Promise<string>) =>
      serving('select10', ({ port }) => use(port), { args: [...args, protocol] });
    const nc = async (port: number) => {
      const command = [...runnable('src/clients/nc.ts'), '::1', `${port}`];
      return (await run(process.execPath, command, { input: 'hello\n' })).stdout;
    };
    expect(await answer('echo', nc)).toBe('hello\n');
    const ask = async (port: number) => (await runScript('src/clients/ask.ts', '::1', `${port}`)).stdout;
    expect((await answer('zen', ask)).match(/\? \w+\.$/gm)?.length).toBe(3);
    const finger = async (port: number) =>
      (await runScript('src/clients/finger.ts', `ada@[::1]:${port}`)).stdout;
    expect(await answer('finger', finger)).toMatch(/Ada Lovelace/);
  });
});
