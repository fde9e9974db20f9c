// Coroutines that have threads compute: the results, the loop, the threads, and the end of the process.

import { describe, expect, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import { runnable } from '../src/behaviours/server.ts';
import { run, say, serving } from './harness.ts';

test('Workers start as many threads as there is work for, bring back results and errors, replace one that dies, and end with the loop', async () => {
  const env = { QUIET: '1' };
  const { exit, stdout, stderr } = await run(process.execPath, runnable('test/fixtures/work.ts'), { env });
  expect(stdout.split('\n')).toEqual([
    '0',
    '2 3',
    '3000000 1',
    'RangeError: too far',
    'Error: Cannot call unknown in a thread: the step does not export it',
    'Error: () => 1 could not be cloned.',
    'true true Cannot compute: 256 jobs wait already 2',
    'Error: Cannot compute die: its thread has died Error: Cannot compute die: its thread has died 2 2',
    'Cancelled true',
    '0 0',
    '',
  ]);
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
});

describe.concurrent('numbers', () => {
  for (const step of ['generator7', 'work7', 'thread9']) {
    const isWork = step === 'work7';
    const then = isWork ? '; it goes on when a user disconnects meanwhile, and ends by Ctrl-C' : '';
    test(`${step} answers the lines of one client in their order, and rejects what is no number, or would take too long${then}`, () =>
      serving(step, async (server) => {
        const lines =
          'FIB 25\nECHO one\nfib 3\r\n\nFIB 0\nECHO two\nFIB\nFIB -1\nFIB 1.5\nFIB 41\nFIB ten\nQUIT\nECHO three\n';
        const bad = ['', '-1', '1.5', '41', 'ten'].map((text) => `ERROR bad number: ${text} (0 to 40)\n`);
        expect(await say(server, lines)).toBe(`75025\none\n2\n0\ntwo\n${bad.join('')}BYE\n`);
        if (!isWork) return;
        const leaves = await Client.connect(server.port);
        await leaves.send('FIB 32\n');
        leaves.reset();
        expect(await say(server, 'FIB 10\n')).toBe('55\n');
        const stays = await Client.connect(server.port);
        await stays.send('FIB 40\n');
        await server.logged(/FIB 40/); // One thread computes, another waits for work.
        server.kill('SIGINT');
        await stays.expectEnd();
        expect(await server.exited()).toBe('SIGINT');
      }));
  }

  test('work7 computes for as many users at once as --workers says, and for the next user after that', () =>
    serving(
      'work7',
      async (server) => {
        const [one, other] = [await Client.connect(server.port), await Client.connect(server.port)];
        await one.send('FIB 36\n');
        await server.logged(/FIB 36/);
        await other.send('FIB 1\nECHO later\n');
        await other.expect('1\nlater\n');
        await new Promise(setImmediate); // What arrived at the same time counts.
        expect(one.waiting).toBe('14930352\n');
      },
      { args: ['--workers', '1'] },
    ));
});
