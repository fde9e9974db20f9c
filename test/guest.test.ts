// A selector as a guest in Node's loop, and the steps that use it.

import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import { Program } from '../src/behaviours/program.ts';
import type { Server } from '../src/behaviours/server.ts';
import { Guest } from '../src/sockets/guest.ts';
import { mechanisms, READ, Selector } from '../src/sockets/selector.ts';
import { canTrace, onLinux, pair, request, runScript, say, serving, until } from './harness.ts';

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

describe.runIf(onLinux)('a process with a guest', () => {
  test('ends when the last guest has stopped, and has no more descriptors after a thousand of them', async () => {
    expect(await runScript('test/fixtures/guest.ts', 'ends')).toMatchObject({
      exit: 0,
      stdout: '0 more descriptors\n',
      stderr: '',
    });
  });

  test('cannot have two for one selector', async () => {
    const { exit, stdout } = await runScript('test/fixtures/guest.ts', 'twice');
    expect([exit, stdout]).toEqual([0, 'Error: uv_poll_init EEXIST\n']);
  });

  test('has it in its main thread', async () => {
    const { stdout } = await runScript('test/fixtures/guest.ts', 'worker');
    expect(stdout).toBe(
      'Cannot be a guest in a worker: the default loop of libuv is that of the main thread\n',
    );
  });
});

const steps = ['await6', 'await11'];

describe.runIf(canTrace()).concurrent('with clients who say nothing', () => {
  /** How many system calls its main thread makes in three seconds. */
  async function calls({ child }: Server): Promise<number> {
    const strace = new Program('strace', ['-p', `${child.pid}`]);
    await strace.stderr.lineLike(/attached/);
    await sleep(3000); // the calls of these seconds count
    strace.kill('SIGINT');
    const lines = (await strace.stderr.rest()).split('\n');
    return lines.filter((line) => / = -?\d+/.test(line)).length;
  }

  for (const step of steps) {
    test(`${step} makes fewer than five system calls in three seconds`, () =>
      serving(step, async (server) => {
        for (let i = 0; i < 3; i++) await say(server, request(step, 'hello'));
        await Client.connect(server.port);
        let count = await calls(server);
        // Node's own threads have something to tell now and then, most of it in the beginning.
        for (let i = 0; i < 3 && count >= 5; i++) count = await calls(server);
        expect(count).toBeLessThan(5);
      }));
  }
});

describe.concurrent.each(mechanisms)('await6, by %s,', (mechanism) => {
  const args = ['--selector', mechanism];

  test("keeps the time of Node's setInterval() beside 50 busy clients, who are served", () =>
    serving(
      'await6',
      async (server) => {
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
        while (times.length < 20) {
          await server.logged(/^tick$/);
          times.push(performance.now());
        }
        over = true;
        await Promise.all(talks);
        // The machine may have other things to do. But if the clients starved it, it would hardly ever come.
        const took = (times.at(-1) as number) - (times[0] as number);
        expect(took / 19).toBeGreaterThan(40);
        expect(took / 19).toBeLessThan(200);
        expect(served).toBeGreaterThan(100);
      },
      { args: [...args, '--quiet'], nodeArgs: ['--import', './test/fixtures/beside.ts'] },
    ));

  test('handles SIGTERM while no client sends', () =>
    serving(
      'await6',
      async (server) => {
        await Client.connect(server.port);
        await server.logged(/ connected$/);
        server.child.kill('SIGTERM');
        await server.logged(/^goodbye$/);
      },
      { args, nodeArgs: ['--import', './test/fixtures/beside.ts'] },
    ));
});

describe.runIf(onLinux)('1,000 connections', () => {
  test('leave no descriptor behind at await6', () =>
    serving(
      'await6',
      async (server) => {
        const descriptors = () => readdirSync(`/proc/${server.child.pid}/fd`).length;
        expect(await say(server, 'hello\n')).toBe('hello\n');
        const before = descriptors();
        for (let i = 0; i < 20; i++) {
          await Promise.all(Array.from({ length: 50 }, () => say(server, 'hello\n')));
        }
        await until(() => descriptors() === before);
      },
      { args: ['--quiet'] },
    ));
});
