// The loops under the coroutines: generators, and async functions.

import { readdirSync, readlinkSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AsyncLoop } from '../src/coroutine/async-loop.ts';
import { type Coroutine, GeneratorLoop } from '../src/coroutine/generator-loop.ts';
import { GeneratorSocket } from '../src/coroutine/generator-socket.ts';
import { mechanisms } from '../src/sockets/selector.ts';
import type { Socket } from '../src/sockets/socket.ts';
import { type Suspended, waits } from '../src/sockets/waits.ts';
import { onLinux, pair, runScript } from './harness.ts';

const hello = Buffer.from('hello');

describe('a suspended coroutine', () => {
  test('keeps the bytes that it received last, and one slab with them, which is small', () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage: () => void = runInNewContext('gc');
    const memory = () => {
      for (let i = 0; i < 2; i++) collectGarbage(); // The second frees the memory of the buffers that the first has found.
      return process.memoryUsage().arrayBuffers;
    };
    const idle = 200;
    const loop = new GeneratorLoop();
    function* serve(socket: Socket): Coroutine {
      const client = new GeneratorSocket(loop, socket);
      while (true) yield* client.recv();
    }
    const clients = Array.from({ length: idle }, pair);
    const busy = pair();
    const before = memory();
    const [sender] = busy;
    for (const [, server] of [...clients, busy]) loop.spawn(serve(server));
    for (const [client] of clients) {
      client.trySend(hello);
      loop.tick();
      for (let sent = 0; sent < 300_000; loop.tick()) sent += Number(sender.trySend(Buffer.alloc(30_000)));
    }
    expect((memory() - before) / idle).toBeLessThan(32 * 1024);
    for (const socket of [...clients, busy].flat()) socket.close();
  });
});

test.runIf(onLinux)(
  'a loop opens its epoll when it first waits, and closes it when all coroutines have ended',
  () => {
    const isEpoll = (fd: string) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`) === 'anon_inode:[eventpoll]';
      } catch {
        return false; // It is closed: the folder was read by it.
      }
    };
    const epolls = () => readdirSync('/proc/self/fd').filter(isEpoll).length;
    const before = epolls();
    const loop = new GeneratorLoop('epoll');
    let meanwhile = 0;
    function* sleeper(): Coroutine {
      yield ['sleep', 1];
      meanwhile = epolls();
    }
    for (let runs = 0; runs < 2; runs++) {
      loop.spawn(sleeper());
      loop.run();
      expect([meanwhile, epolls()]).toEqual([before + 1, before]);
    }
  },
);

test('a wait is published when it begins, and once when it is over, whether it is woken or cancelled', () => {
  const loop = new AsyncLoop();
  const [one, other] = pair();
  const seen: string[] = [];
  const tell = (message: unknown) => {
    const { event } = message as Suspended;
    seen.push(`${event.wait} ${event.fd === one.fd} ${event.took === undefined ? 'begins' : 'is over'}`);
  };
  for (const channel of [waits.start, waits.end]) channel.subscribe(tell);
  const cancel = loop.wait(['read', one], () => seen.push('woken'));
  cancel();
  cancel();
  const woken = loop.wait(['write', one], () => seen.push('woken'));
  loop.tick();
  woken();
  for (const channel of [waits.start, waits.end]) channel.unsubscribe(tell);
  for (const socket of [one, other]) loop.close(socket);
  const write = ['write true begins', 'write true is over', 'woken'];
  expect(seen).toEqual(['read true begins', 'read true is over', ...write]);
});

describe.each(mechanisms)('GeneratorLoop, by %s', (mechanism) => {
  let loop: GeneratorLoop;
  let one: Socket;
  let other: Socket;
  let seen: unknown[];
  beforeEach(() => {
    loop = new GeneratorLoop(mechanism);
    [one, other] = pair();
    seen = [];
  });
  afterEach(() => {
    for (const socket of [one, other]) loop.close(socket);
    expect([loop.tasks, loop.sockets]).toEqual([0, 0]);
  });

  test('resumes each coroutine when its wait is over, two of them on one socket, and ends when all have ended', () => {
    function* recv(): Coroutine<string> {
      yield ['read', one];
      return String(one.tryRecv(100));
    }
    function* reader(): Coroutine {
      seen.push('reads');
      seen.push(yield* recv());
    }
    function* writer(): Coroutine {
      yield ['write', one];
      seen.push('writes');
    }
    function* sender(): Coroutine {
      yield ['write', other];
      yield ['sleep', 20];
      other.trySend(hello);
    }
    for (const task of [reader(), writer(), sender()]) loop.spawn(task);
    expect([loop.tasks, loop.sockets]).toEqual([3, 2]);
    loop.run();
    expect(seen).toEqual(['reads', 'writes', 'hello']);
  });

  test('sleeps in the kernel, without a busy loop for a ready socket that no coroutine waits for', () => {
    function* reader(): Coroutine {
      other.trySend(hello);
      yield ['read', one];
      yield ['sleep', 100]; // and there is still something to read
      yield ['write', one];
      one.trySend(hello);
      other.close(); // with something unread: the connection is broken, which no change of interest turns off
      yield ['sleep', 100];
      yield ['read', one];
      seen.push(String(one.tryRecv(100)));
    }
    loop.spawn(reader());
    let turns = 0;
    for (; loop.tasks > 0; turns++) loop.tick();
    expect(seen).toEqual(['hello']);
    expect(turns).toBeLessThan(15);
  });

  /** Waits once. If the wait fails, it goes on. */
  function* waiter(what: 'read' | 'write'): Coroutine {
    try {
      yield [what, one];
      seen.push(one.closed ? 'finds it closed' : 'is woken');
    } catch (error) {
      seen.push(`${error}`);
      yield ['sleep', 0];
      seen.push('goes on');
    }
  }

  test('wakes the coroutines that wait for a socket when another coroutine closes it', () => {
    function* closer(): Coroutine {
      yield ['sleep', 20];
      seen.push('closes');
      loop.close(one);
    }
    while (one.trySend(Buffer.alloc(100_000)) !== 'would-block');
    for (const task of [waiter('read'), waiter('write'), closer()]) loop.spawn(task);
    loop.run();
    expect(seen).toEqual(['closes', 'finds it closed', 'finds it closed']);
  });

  test('wakes no coroutine whose wait is cancelled, and leaves no interest behind', () => {
    const wake = (what: string) => () => seen.push(what);
    const cancels = [
      loop.wait(['read', one], wake('reads')),
      loop.wait(['write', one], wake('writes')),
      loop.wait(['sleep', 0], wake('sleeps')),
    ];
    other.trySend(hello);
    for (const cancel of cancels) cancel();
    expect(loop.sockets).toBe(0);
    loop.tick(20);
    expect(seen).toEqual([]);
  });

  test('cancels one of two waits for a socket, and the other goes on', () => {
    const wake = (what: string) => () => seen.push(what);
    for (const what of ['read', 'write'] as const) {
      const left = what === 'read' ? 'write' : 'read';
      const cancel = loop.wait([what, one], wake('is cancelled'));
      loop.wait([left, one], wake(left));
      cancel();
      other.trySend(hello);
      loop.tick(20);
    }
    expect(seen).toEqual(['write', 'read']);
  });

  test('does not cancel a wait that is over, nor the next wait for the same socket', () => {
    const wake = () => seen.push('woken');
    other.trySend(hello);
    const cancels = [loop.wait(['read', one], wake), loop.wait(['sleep', 0], wake)];
    while (seen.length < 2) loop.tick();
    loop.wait(['read', one], wake);
    loop.wait(['sleep', 0], wake);
    for (const cancel of cancels) cancel();
    for (let i = 0; i < 10; i++) loop.tick(5);
    expect(seen).toHaveLength(4);
  });

  test('lets a coroutine that wakes cancel another that is ready, too', () => {
    const cancels: (() => void)[] = [];
    const wake = (what: string, i: number) => () => {
      seen.push(what);
      cancels[i]?.();
    };
    cancels.push(loop.wait(['read', one], wake('one', 1)), loop.wait(['read', other], wake('other', 0)));
    for (const socket of [one, other]) socket.trySend(hello);
    loop.tick();
    loop.tick(20);
    expect(seen).toHaveLength(1);
  });

  test('throws into a coroutine that yields an impossible wait', () => {
    for (const task of [waiter('read'), waiter('read')]) loop.spawn(task);
    other.trySend(hello);
    loop.run();
    const twice = 'Error: Cannot wait for a socket to read: a coroutine does already';
    expect(seen.splice(0)).toEqual([twice, 'is woken', 'goes on']);
    loop.close(one);
    loop.spawn(waiter('read'));
    loop.run();
    expect(seen).toEqual([expect.stringContaining('EBADF'), 'goes on']);
  });
});

describe('a coroutine that throws', () => {
  for (const way of ['generators', 'async']) {
    test(`is logged, and ends no other: ${way}`, async () => {
      const { exit, stdout } = await runScript('test/fixtures/failing.ts', way);
      expect(exit).toBe(0);
      expect(stdout).toMatch(/^a coroutine has failed: Error: at once\n {4}at .*failing\.m?[tj]s/);
      expect(stdout).toMatch(/\na coroutine has failed: Error: after a while\n {4}at .*failing\.m?[tj]s/);
      expect(stdout).toMatch(/\na coroutine has failed: no Error at all\n/);
      expect(stdout).toMatch(/\nthe other is done, 0 tasks left\n$/);
    });
  }

  test('in a task is logged once, with its stack, unless a coroutine joins it in time, or it comes out of its group', async () => {
    const { exit, stdout } = await runScript('test/fixtures/failing.ts', 'tasks');
    expect(exit).toBe(0);
    const failures = stdout.split(/^a coroutine has failed: Error: /m).slice(1);
    for (const failure of failures) expect(failure).toMatch(/^.+\n {4}at .*failing\.m?[tj]s/);
    expect(failures.map((failure) => failure.split('\n', 1)[0]).sort()).toEqual([
      'joined too late',
      'no more joined',
      'not joined, after a while',
      'not joined, at once',
      'of a group, after 20 ms',
      'of a group, after 20 ms',
      'of a group, after 50000 ms',
      'of a group, after 60000 ms',
    ]);
    expect(stdout.match(/^caught .*/gm)?.sort()).toEqual([
      'caught Cancelled',
      'caught Error: joined 0',
      'caught Error: joined 10',
      'caught Error: joined too late',
      'caught Error: of a group, after 0 ms',
      'caught Error: of a group, after 10 ms',
    ]);
  });
});

describe('AsyncLoop', () => {
  test('sleeps, awaits room to write, and rejects impossible waits', async () => {
    const loop = new AsyncLoop();
    const [one, other] = pair();
    const begin = performance.now();
    const writer = async () => {
      await loop.sleep(30);
      await loop.writable(one);
    };
    loop.spawn(writer());
    await loop.run();
    expect(performance.now() - begin).toBeGreaterThanOrEqual(30);
    const first = loop.readable(one);
    await expect(loop.readable(one)).rejects.toThrow('a coroutine does already');
    loop.close(one);
    await first; // It is woken,
    await expect(loop.readable(one)).rejects.toThrow('EBADF'); // and finds it closed.
    other.close();
  });
});
