// The selector, by each of its mechanisms, in one thread with both ends of its connections.

import { closeSync, openSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Program } from '../src/behaviours/program.ts';
import { runnable } from '../src/behaviours/server.ts';
import { mechanisms, READ, Selector, WRITE } from '../src/sockets/selector.ts';
import { Socket } from '../src/sockets/socket.ts';
import { systemCalls } from '../src/sockets/system-call.ts';

describe.each(mechanisms)('Selector, by %s', (mechanism) => {
  /** A selector, and both ends of three connections, the servers' non-blocking. */
  function setUp() {
    const selector = new Selector<string>(mechanism);
    const listener = Socket.listen({ host: '127.0.0.1', port: 0 });
    const pairs = ['a', 'b', 'c'].map((name) => {
      const client = Socket.connect(listener.localAddress());
      const [server] = listener.accept();
      server.setBlocking(false);
      return { name, client, server };
    });
    listener.setBlocking(false); // A test that expects too much shall fail, not wait.
    const sockets = [listener, ...pairs.flatMap(({ client, server }) => [client, server])];
    const tearDown = () => {
      selector.close();
      for (const socket of sockets) socket.close();
    };
    return { selector, listener, pairs, tearDown };
  }

  const ready = (selector: Selector<string>, timeout = 0) =>
    selector
      .select(timeout)
      .map(({ data, ready }) => `${data}${ready & READ ? 'r' : ''}${ready & WRITE ? 'w' : ''}`);

  test('returns the keys of those that are ready, with their data', () => {
    const { selector, listener, pairs, tearDown } = setUp();
    for (const { name, server } of pairs) selector.register(server, READ, name);
    selector.register(listener, READ, 'listener');
    expect(ready(selector)).toEqual([]);
    pairs[1]?.client.sendAll(Buffer.from('hello'));
    expect(ready(selector)).toEqual(['br']);
    expect(ready(selector)).toEqual(['br']); // It is ready until the bytes are read.
    const late = Socket.connect(listener.localAddress());
    expect(ready(selector).sort()).toEqual(['br', 'listenerr']);
    late.close();
    tearDown();
  });

  test('waits as long as it was told to, though signals interrupt it', async () => {
    const args = [...runnable('test/fixtures/timeout.ts'), mechanism];
    const program = new Program(process.execPath, args);
    try {
      expect(await program.stdout.line()).toBe('waiting');
      // Signals until it ends: if each made it wait for a second from there on, it never would.
      const signals = setInterval(() => {
        program.kill('SIGSTOP');
        program.kill('SIGCONT');
      }, 100);
      const took = program.stdout.line().finally(() => clearInterval(signals));
      expect(Number(await took)).toBeGreaterThan(999);
    } finally {
      await program.stop();
    }
  });

  test('waits for what was asked for, and for nothing else', () => {
    const { selector, pairs, tearDown } = setUp();
    const [a, b] = pairs.map(({ name, server }) => selector.register(server, READ, name));
    if (!a || !b) throw new Error();
    selector.modify(a, READ | WRITE);
    expect(ready(selector)).toEqual(['aw']);
    pairs[0]?.client.sendAll(Buffer.from('hello'));
    expect(ready(selector)).toEqual(['arw']);
    selector.modify(a, 0);
    expect(ready(selector)).toEqual([]);
    selector.modify(a, READ);
    expect(ready(selector)).toEqual(['ar']);
    selector.unregister(a);
    const begin = performance.now();
    expect(ready(selector, 50)).toEqual([]); // It waits: the kernel, too, has forgotten what could be read.
    expect(performance.now() - begin).toBeGreaterThanOrEqual(49);
    selector.unregister(a);
    expect(selector.size).toBe(2);
    for (const { client } of pairs) client.sendAll(Buffer.from('hello'));
    expect(ready(selector).sort()).toEqual(['br', 'cr']);
    tearDown();
  });

  test('makes no system call to modify what stays as it is', () => {
    const { selector, pairs, tearDown } = setUp();
    const key = selector.register((pairs[0] as (typeof pairs)[0]).server, READ, 'a');
    let calls = 0;
    const count = () => calls++;
    systemCalls.end.subscribe(count);
    selector.modify(key, READ);
    expect(calls).toBe(0);
    selector.modify(key, READ | WRITE);
    systemCalls.end.unsubscribe(count);
    expect(calls).toBe(mechanism === 'epoll' ? 1 : 0);
    tearDown();
  });

  test('forgets at once, even in the middle of a turn', () => {
    const { selector, pairs, tearDown } = setUp();
    for (const { name, server, client } of pairs) {
      selector.register(server, READ, name);
      client.sendAll(Buffer.from('hello'));
    }
    const keys = selector.select(0);
    expect(keys.length).toBe(3);
    const [first, second] = keys as [(typeof keys)[0], (typeof keys)[0]];
    selector.unregister(second);
    second.socket.close();
    expect([first.ready, second.ready]).toEqual([READ, 0]);
    expect(ready(selector).length).toBe(2);
    tearDown();
  });

  test('says that a broken connection is ready, whatever was asked for', () => {
    const { selector, pairs, tearDown } = setUp();
    const [pair] = pairs;
    if (!pair) throw new Error();
    const key = selector.register(pair.server, READ, 'a');
    pair.server.trySend(Buffer.from('unread'));
    pair.client.close(); // Something was left to read: an RST.
    expect(ready(selector, 1000)).toEqual(['ar']);
    selector.modify(key, 0);
    expect(ready(selector)).toEqual(['arw']);
    expect(() => pair.server.tryRecv(1)).toThrow('ECONNRESET');
    tearDown();
  });

  test('waits as long as it was told to', () => {
    const { selector, pairs, tearDown } = setUp();
    for (const { name, server } of pairs) selector.register(server, READ, name);
    const begin = performance.now();
    expect(ready(selector, 100)).toEqual([]);
    expect(performance.now() - begin).toBeGreaterThanOrEqual(99);
    tearDown();
  });

  test('refuses what would confuse it', () => {
    const { selector, pairs, tearDown } = setUp();
    const [a, b] = pairs as [(typeof pairs)[0], (typeof pairs)[0]];
    selector.register(a.server, READ, 'a');
    expect(() => selector.register(a.server, READ, 'a')).toThrow('registered already');
    b.server.close();
    expect(() => selector.register(b.server, READ, 'b')).toThrow('EBADF');
    const key = selector.register(b.client, READ, 'b');
    b.client.close();
    expect(() => selector.unregister(key)).toThrow('closed');
    tearDown();
  });

  test('gives its descriptor back', () => {
    const lowest = () => {
      const fd = openSync('/dev/null', 'r'); // the smallest number that is free
      closeSync(fd);
      return fd;
    };
    const before = lowest();
    new Selector(mechanism).close();
    expect(lowest()).toBe(before);
  });

  test('holds hundreds, and finds the one', () => {
    const { selector, listener, tearDown } = setUp();
    const sockets = Array.from({ length: 300 }, (_, i) => {
      const client = Socket.connect(listener.localAddress());
      selector.register(client, READ, `${i}`);
      return client;
    });
    const servers = sockets.map(() => listener.accept()[0]);
    servers[217]?.sendAll(Buffer.from('you'));
    expect(ready(selector, 1000).length).toBe(1);
    for (const socket of [...sockets, ...servers]) socket.close();
    tearDown();
  });
});

describe('Socket.startConnect', () => {
  test('tells by readiness how it went', () => {
    const selector = new Selector<string>();
    const listener = Socket.listen({ host: '127.0.0.1', port: 0 });
    const address = listener.localAddress();
    const good = Socket.startConnect(address);
    selector.register(good, WRITE, 'good');
    expect(selector.select(1000).length).toBe(1);
    expect(good.connectError()).toBeUndefined();
    listener.close();
    const bad = Socket.startConnect(address);
    const key = selector.register(bad, WRITE, 'bad');
    expect(selector.select(1000)).toContain(key);
    expect(bad.connectError()).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect' });
    expect(bad.connectError()).toBeUndefined();
    for (const socket of [good, bad]) socket.close();
    selector.close();
  });
});
