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
    'Cancelled true 0',
    'true true Cannot compute: 256 jobs wait already 2',
    'Error: Cannot compute die: its thread has died Error: Cannot compute die: its thread has died 2 2',
    '0 0',
    '',
  ]);
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
});

describe.concurrent.each(['generator7', 'work7', 'thread9'])('%s', (step) => {
  test('answers the lines of one client in their order, numbers among them', () =>
    serving(step, async (server) => {
      const lines = 'FIB 25\nECHO one\nfib 3\r\n\nFIB 0\nECHO two\nQUIT\nECHO three\n';
      expect(await say(server, lines)).toBe('75025\none\n2\n0\ntwo\nBYE\n');
    }));

  test('rejects a number that is no number, or would take too long', () =>
    serving(step, async (server) => {
      expect(await say(server, 'FIB\nFIB -1\nFIB 1.5\nFIB 41\nFIB ten\n')).toBe(
        ['', '-1', '1.5', '41', 'ten'].map((text) => `ERROR bad number: ${text} (0 to 40)\n`).join(''),
      );
    }));
});

describe.concurrent('work7', () => {
  test('computes for as many users at once as --workers says, and for the next user after that', () =>
    serving(
      'work7',
      async (server) => {
        const users = [await Client.connect(server.port), await Client.connect(server.port)];
        await users[0]?.send('FIB 36\n');
        await users[1]?.send('FIB 1\nECHO later\n');
        await users[1]?.expect('1\nlater\n');
        expect(users[0]?.waiting).toBe('14930352\n');
      },
      { args: ['--workers', '1'] },
    ));

  test('ends by Ctrl-C while a thread computes, and while another waits for work', () =>
    serving('work7', async (server) => {
      await say(server, 'FIB 1\n');
      const client = await Client.connect(server.port);
      await client.send('FIB 40\n');
      await server.logged(/FIB 40/);
      server.kill('SIGINT');
      await client.expectEnd();
      expect(await server.exited()).toBe('SIGINT');
    }));

  test('goes on when a user disconnects while its number is being computed', () =>
    serving('work7', async (server) => {
      const client = await Client.connect(server.port);
      await client.send('FIB 32\n');
      client.reset();
      expect(await say(server, 'FIB 10\n')).toBe('55\n');
    }));
});
