// What the coroutine steps show, beyond the behaviours that all steps are held to.

import { describe, expect, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import { AsyncLoop } from '../src/coroutine/async-loop.ts';
import { pair, runScript, serving } from './harness.ts';

const hello = Buffer.from('hello');
describe('AsyncLoop', () => {
  test('lets the timers and signals of Node have their turn, while nothing comes', async () => {
    const loop = new AsyncLoop();
    const [one, other] = pair();
    const seen: string[] = [];
    const timer = setInterval(() => seen.push('timer'), 5);
    const heard = () => {
      seen.push('signal');
      other.trySend(hello);
    };
    process.once('SIGUSR2', heard);
    const reader = async () => {
      await loop.readable(one);
      seen.push(`${one.tryRecv(100)}`);
    };
    loop.spawn(reader());
    setTimeout(() => process.kill(process.pid, 'SIGUSR2'), 50);
    await loop.run();
    clearInterval(timer);
    expect(seen[0]).toBe('timer');
    expect(seen.filter((what) => what !== 'timer')).toEqual(['signal', 'hello']);
    loop.close(one);
    loop.close(other);
  });
});

describe('generator4', () => {
  test('takes a message when the second client connects, answers when the third does, and then waits for the second', () =>
    serving('generator4', async (server) => {
      const first = await Client.connect(server.port);
      await server.logged(/ connected$/);
      await first.send('hello\n');
      await nothing(server, first);
      const second = await Client.connect(server.port);
      expect(await server.log()).toMatch(/ sent "hello\\n"$/);
      await server.logged(/ connected$/);
      await nothing(server, first);
      const third = await Client.connect(server.port);
      expect(await first.line()).toBe('hello');
      await nothing(server, third); // It sits in recv() for the second: the third is in, but not even logged.
      await second.send('hi\n');
      expect(await server.log()).toMatch(/ sent "hi\\n"$/);
      expect(await server.log()).toMatch(/ connected$/);
    }));

  /** Sees that for a while nothing is logged, and nothing comes. */
  async function nothing(server: { stdout: { waiting: string } }, client: Client): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect([server.stdout.waiting, client.waiting]).toEqual(['', '']);
  }
});

describe.concurrent('a client that half-closes', () => {
  for (const step of ['generator6', 'await6', 'callback6', 'stream6']) {
    test(`leaves ${step} in good order, its last line reported if it has no end`, () =>
      serving(step, async (server) => {
        const client = await Client.connect(server.port);
        await client.send('last words\nand th');
        client.end();
        expect(await client.rest()).toBe('last words\n');
        expect(await server.log()).toMatch(/ connected$/);
        expect(await server.log()).toMatch(/ sent "last words"$/);
        expect(await server.log()).toMatch(/ discarded an unfinished line: "and th"$/);
        expect(await server.log()).toMatch(/ disconnected: end of stream$/);
      }));
  }
});

describe.concurrent('sync-vs-async', () => {
  for (const [way, how] of [
    ['sync', 'one after the other'],
    ['async', 'both at once'],
  ] as const) {
    test(`${way} talks to two clients of three seconds each, ${how}`, async () => {
      const begin = performance.now();
      const { exit, stdout } = await runScript('src/coroutine/sync-vs-async.ts', way);
      const took = performance.now() - begin;
      expect(exit).toBe(0);
      const lines = stdout.trimEnd().split('\n');
      expect(lines.map((line) => line.slice(9))).toEqual([
        'begin',
        'talked to client 1',
        'talked to client 2',
        'end',
      ]);
      // The time of day, in whole seconds: one may begin just before the next.
      const [, one = 0, two = 0] = lines.map((line) => Date.parse(`1970-01-01T${line.slice(0, 8)}Z`) / 1000);
      const between = (two - one + 86_400) % 86_400;
      if (way === 'sync') expect(between).toBeGreaterThan(1);
      else expect(between).toBeLessThanOrEqual(1);
      expect(took).toBeGreaterThanOrEqual(way === 'sync' ? 6000 : 3000);
    });
  }
});
