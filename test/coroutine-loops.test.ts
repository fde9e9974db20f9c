// The loops under the coroutines: generators, and async functions.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { AsyncLoop } from '../src/coroutine/async-loop.ts';
import { type Coroutine, GeneratorLoop } from '../src/coroutine/generator-loop.ts';
import { GeneratorSocket } from '../src/coroutine/generator-socket.ts';
import { mechanisms } from '../src/sockets/selector.ts';
import type { Socket } from '../src/sockets/socket.ts';
import { pair, runScript } from './harness.ts';

const hello = Buffer.from('hello');

describe('a suspended coroutine', () => {
  test('keeps the bytes that it received last, and one slab with them, which is small', () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage: () => void = runInNewContext('gc');
    const idle = 200;
    const loop = new GeneratorLoop();
    function* serve(socket: Socket): Coroutine {
      const client = new GeneratorSocket(loop, socket);
      while (true) {
        const bytes = yield* client.recv();
        if (bytes.length === 0) return;
      }
    }
    const clients = Array.from({ length: idle }, pair);
    const [sender, receiver] = pair();
    for (const [, server] of [...clients, [sender, receiver] as const]) loop.spawn(serve(server));
    for (const [client] of clients) {
      client.trySend(hello);
      loop.tick();
      for (let sent = 0; sent < 300_000; loop.tick()) sent += Number(sender.trySend(Buffer.alloc(30_000)));
    }
    for (let i = 0; i < 2; i++) collectGarbage(); // The second frees the memory of the buffers that the first has found.
    expect(process.memoryUsage().arrayBuffers / idle).toBeLessThan(32 * 1024);
    for (const socket of [sender, ...clients.map(([client]) => client)]) socket.close();
    loop.run(); // until each has seen the end of its stream
    for (const socket of [receiver, ...clients.map(([, server]) => server)]) loop.close(socket);
  });
});

describe.each(mechanisms)('GeneratorLoop, by %s', (mechanism) => {
  test('lets each go on when what it waits for has come, and ends when all have ended', () => {
    const loop = new GeneratorLoop(mechanism);
    const [one, other] = pair();
    const seen: string[] = [];
    function* recv(): Coroutine<string> {
      yield ['read', one];
      return String(one.tryRecv(100));
    }
    function* reader(): Coroutine {
      seen.push('reads');
      seen.push(yield* recv());
    }
    function* writer(): Coroutine {
      yield ['write', other];
      seen.push('writes');
      other.trySend(hello);
    }
    loop.spawn(reader());
    loop.spawn(writer());
    expect([loop.tasks, loop.sockets]).toEqual([2, 2]);
    loop.run();
    expect(seen).toEqual(['reads', 'writes', 'hello']);
    loop.close(one);
    loop.close(other);
    expect([loop.tasks, loop.sockets]).toEqual([0, 0]);
  });

  test('wakes sleepers in the order of their times, and not before', () => {
    const loop = new GeneratorLoop(mechanism);
    const begin = performance.now();
    const woken: number[] = [];
    let tooEarly = false;
    function* sleeper(ms: number): Coroutine {
      yield ['sleep', ms];
      woken.push(ms);
      tooEarly ||= performance.now() - begin < ms;
    }
    for (const ms of [60, 20, 0, 40, 20.5, 0]) loop.spawn(sleeper(ms));
    loop.run();
    expect(woken).toEqual([0, 0, 20, 20.5, 40, 60]);
    expect(tooEarly).toBe(false);
  });

  test('sleeps in the kernel, and does not turn round and round for a socket that no coroutine waits for', () => {
    const loop = new GeneratorLoop(mechanism);
    const [one, other] = pair();
    let received = '';
    function* reader(): Coroutine {
      other.trySend(hello);
      yield ['read', one];
      yield ['sleep', 100]; // and there is still something to read
      yield ['write', one];
      one.trySend(hello);
      other.close(); // with something unread: the connection is broken, which no change of interest turns off
      yield ['sleep', 100];
      yield ['read', one];
      received = String(one.tryRecv(100));
    }
    loop.spawn(reader());
    let turns = 0;
    for (; loop.tasks > 0; turns++) loop.tick();
    expect(received).toBe('hello');
    expect(turns).toBeLessThan(15);
    loop.close(one);
  });

  test('lets one read from a socket while another writes to it', () => {
    const loop = new GeneratorLoop(mechanism);
    const [one, other] = pair();
    const done: string[] = [];
    function* reader(): Coroutine {
      yield ['read', one];
      done.push(`read ${one.tryRecv(100)}`);
    }
    function* writer(): Coroutine {
      yield ['write', one];
      done.push('wrote');
      yield ['sleep', 20];
      other.trySend(hello);
    }
    loop.spawn(reader());
    loop.spawn(writer());
    loop.run();
    expect(done).toEqual(['wrote', 'read hello']);
    loop.close(one);
    loop.close(other);
  });

  test('wakes the coroutines that wait for a socket which another closes', () => {
    const loop = new GeneratorLoop(mechanism);
    const [one, other] = pair();
    const failures: unknown[] = [];
    function* waiter(what: 'read' | 'write'): Coroutine {
      try {
        while (true) {
          yield [what, one];
          if (what === 'read') one.tryRecv(100);
          else one.trySend(Buffer.alloc(100_000));
        }
      } catch (error) {
        failures.push((error as NodeJS.ErrnoException).code);
      }
    }
    function* closer(): Coroutine {
      yield ['sleep', 20];
      loop.close(one);
    }
    for (const task of [waiter('read'), waiter('write'), closer()]) loop.spawn(task);
    loop.run();
    expect(failures).toEqual(['EBADF', 'EBADF']);
    other.close();
  });

  test('throws into a coroutine that waits for what it cannot wait for', () => {
    const loop = new GeneratorLoop(mechanism);
    const [one, other] = pair();
    const failures: string[] = [];
    function* waiter(socket: Socket): Coroutine {
      try {
        yield ['read', socket];
      } catch (error) {
        failures.push(`${error}`);
        yield ['sleep', 0]; // and it may go on
        failures.push('goes on');
      }
    }
    loop.spawn(waiter(one));
    loop.spawn(waiter(one));
    other.trySend(hello);
    loop.run();
    loop.close(one);
    loop.spawn(waiter(one));
    loop.run();
    expect(failures).toEqual([
      'Error: Cannot wait for a socket to read: a coroutine does already',
      'goes on',
      expect.stringContaining('EBADF'),
      'goes on',
    ]);
    other.close();
  });
});

describe('a coroutine that throws', () => {
  for (const way of ['generators', 'async']) {
    test(`is logged, and takes only itself along: ${way}`, async () => {
      const { exit, stdout } = await runScript('test/fixtures/failing.ts', way);
      expect(exit).toBe(0);
      expect(stdout).toMatch(/^a coroutine has failed: Error: at once\n {4}at .*failing\.m?[tj]s/);
      expect(stdout).toMatch(/\na coroutine has failed: Error: after a while\n {4}at .*failing\.m?[tj]s/);
      expect(stdout).toMatch(/\na coroutine has failed: no Error at all\n/);
      expect(stdout).toMatch(/\nthe other is done, 0 tasks left\n$/);
    });
  }
});

describe('AsyncLoop', () => {
  test('sleeps, and awaits room to write', async () => {
    const loop = new AsyncLoop();
    const [one, other] = pair();
    const begin = performance.now();
    loop.spawn(
      (async () => {
        await loop.sleep(30);
        await loop.writable(one);
      })(),
    );
    await loop.run();
    expect(performance.now() - begin).toBeGreaterThanOrEqual(30);
    loop.close(one);
    loop.close(other);
  });

  test('rejects what cannot be waited for', async () => {
    const loop = new AsyncLoop();
    const [one, other] = pair();
    const first = loop.readable(one);
    await expect(loop.readable(one)).rejects.toThrow('a coroutine does already');
    loop.close(one);
    await first; // It is woken,
    await expect(loop.readable(one)).rejects.toThrow('EBADF'); // and finds it closed.
    other.close();
  });
});
