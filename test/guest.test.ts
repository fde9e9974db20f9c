// A selector as a guest in Node's loop, and the steps that use it.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import { Guest } from '../src/sockets/guest.ts';
import { mechanisms, READ, Selector } from '../src/sockets/selector.ts';
import { onLinux, pair, runScript, serving, until } from './harness.ts';

describe.each(mechanisms)('Guest, by %s', (mechanism) => {
  /** A guest, and a client of it; `turns` are the times of its turns, `heard` what it receives. */
  function setUp() {
    const selector = new Selector(mechanism);
    const [client, server] = pair();
    selector.register(server, READ, '');
    const turns: number[] = [];
    const heard: string[] = [];
    const guest = new Guest(selector, (most) => {
      for (const _ of selector.select(most)) heard.push(`${server.tryRecv(100)}`);
      turns.push(performance.now());
    });
    onTestFinished(() => {
      guest.stop();
      selector.close();
      for (const socket of [client, server]) socket.close();
    });
    return { guest, client, turns, heard };
  }

  test('has turns when a socket is ready, and few while none is', async () => {
    const { client, turns, heard } = setUp();
    await until(() => turns.length > 0);
    for (const word of ['one', 'two', 'three']) {
      client.trySend(Buffer.from(word));
      await until(() => heard.includes(word));
    }
    turns.length = 0;
    await sleep(500);
    expect(turns.length).toBeLessThan(mechanism === 'epoll' ? 20 : 60);
  });

  test('has a turn at each of the times that it asks for, the earliest first, and at once if that time has come', async () => {
    const { guest, turns } = setUp();
    await until(() => turns.length > 0);
    const begin = performance.now();
    const times = [300, 100, 200].map((after) => begin + after);
    for (const time of times) guest.at(time);
    await sleep(0);
    guest.at(0);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(turns.at(-1)).toBeGreaterThan(begin);
    await until(() => turns.some((turn) => turn >= begin + 100));
    // As a loop does: whatever is next, after each turn.
    for (const time of times) guest.at(time);
    await until(() => turns.some((turn) => turn >= begin + 200));
  });

  test('shares the loop with immediates and timers: both have turns while the other is busy', async () => {
    const { client, heard } = setUp();
    let immediates = 0;
    let timers = 0;
    const again = () => {
      immediates++;
      immediate = setImmediate(again);
    };
    let immediate = setImmediate(again);
    const timer = setInterval(() => timers++, 1);
    for (let i = 0; i < 100; i++) {
      client.trySend(Buffer.from(`${i}`));
      await until(() => heard.length > 0);
    }
    await until(() => immediates > 10 && timers > 10);
    clearImmediate(immediate);
    clearInterval(timer);
  });

  test('has no turn after it has stopped, even in one', async () => {
    const selector = new Selector(mechanism);
    let turns = 0;
    const guest = new Guest(selector, () => {
      guest.at(0);
      if (++turns === 3) guest.stop();
    });
    await until(() => turns === 3);
    await sleep(50);
    expect(turns).toBe(3);
    selector.close();
  });
});

test.runIf(onLinux)(
  'a process has one guest for a selector, in its main thread, and ends when the last guest has stopped, with no more descriptors after a thousand of them',
  async () => {
    expect(await runScript('test/fixtures/guest.ts')).toEqual({
      exit: 0,
      stdout: [
        'Error: uv_poll_init EEXIST',
        'Cannot be a guest in a worker: the default loop of libuv is that of the main thread',
        '0 more descriptors',
        '',
      ].join('\n'),
      stderr: '',
    });
  },
);

describe.concurrent.each(mechanisms)('await6, by %s,', (mechanism) => {
  test("handles a signal while no client sends, and keeps the time of Node's setInterval() beside 50 busy clients, who are served", () =>
    serving(
      'await6',
      async (server) => {
        server.child.kill('SIGHUP');
        await server.logged(/^a signal$/);
        const clients = await Promise.all(Array.from({ length: 50 }, () => Client.connect(server.port)));
        let served = 0;
        let over = false;
        const talks = clients.map(async (client) => {
          for (; !over; served++) {
            await client.send('hello\n');
            expect(await client.line()).toBe('hello');
          }
        });
        server.child.kill('SIGUSR2');
        const times: number[] = [];
        while (times.length < 10) {
          times.push(Number((await server.logged(/^tick /)).slice('tick '.length)));
        }
        over = true;
        await Promise.all(talks);
        // The machine may have other things to do. But if the clients starved it, it would hardly ever come.
        const took = (times.at(-1) as number) - (times[0] as number);
        expect(took / 9).toBeGreaterThan(40);
        expect(took / 9).toBeLessThan(1000);
        expect(served).toBeGreaterThan(100);
      },
      {
        args: ['--selector', mechanism, '--quiet'],
        nodeArgs: ['--import', './test/fixtures/beside.ts'],
      },
    ));
});
