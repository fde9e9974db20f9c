// The selector, by each of its mechanisms, in one thread with both ends of its connections.

import { closeSync, openSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Program } from '../src/behaviours/program.ts';
import { runnable } from '../src/behaviours/server.ts';
import { mechanisms, READ, Selector, WRITE } from '../src/sockets/selector.ts';
import { Socket } from '../src/sockets/socket.ts';
import { systemCalls } from '../src/sockets/system-call.ts';
import { connection, pair } from './harness.ts';

describe.each(mechanisms)('Selector, by %s', (mechanism) => {
  /** A selector, and the clients and keys of three non-blocking connections a, b and c, registered for reading. */
  function setUp() {
    const selector = new Selector<string>(mechanism);
    const [a, b, c] = [pair(), pair(), pair()];
    onTestFinished(() => {
      selector.close();
      for (const socket of [...a, ...b, ...c]) socket.close();
    });
    const register = ([, server]: typeof a, name: string) => selector.register(server, READ, name);
    const keys = [register(a, 'a'), register(b, 'b'), register(c, 'c')] as const;
    return { selector, clients: [a[0], b[0], c[0]] as const, keys };
  }

  const ready = (selector: Selector<string>, timeout = 0) =>
    selector
      .select(timeout)
      .map(({ data, ready }) => `${data}${ready & READ ? 'r' : ''}${ready & WRITE ? 'w' : ''}`);

  test('returns the keys of the ready sockets, with their data', () => {
    const { selector, clients } = setUp();
    const listener = Socket.listen({ host: '127.0.0.1', port: 0 });
    selector.register(listener, READ, 'listener');
    expect(ready(selector)).toEqual([]);
    clients[1].sendAll(Buffer.from('hello'));
    expect(ready(selector)).toEqual(['br']);
    expect(ready(selector)).toEqual(['br']); // The socket is ready until its bytes are read.
    const late = Socket.connect(listener.localAddress());
    expect(ready(selector).sort()).toEqual(['br', 'listenerr']);
    for (const socket of [late, listener]) socket.close();
  });

  test('waits for the whole timeout, though signals interrupt it', async () => {
    const args = [...runnable('test/fixtures/timeout.ts'), mechanism];
    const program = new Program(process.execPath, args);
    try {
      expect(await program.stdout.line()).toBe('waiting');
      // Signals arrive until the wait ends. If each began the second again, it would never end.
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

  test('waits for the registered events, and for no others', () => {
    const { selector, clients, keys } = setUp();
    const [a] = keys;
    selector.modify(a, READ | WRITE);
    expect(ready(selector)).toEqual(['aw']);
    clients[0].sendAll(Buffer.from('hello'));
    expect(ready(selector)).toEqual(['arw']);
    selector.modify(a, 0);
    expect(ready(selector)).toEqual([]);
    selector.modify(a, READ);
    expect(ready(selector)).toEqual(['ar']);
    selector.unregister(a);
    const begin = performance.now();
    expect(ready(selector, 50)).toEqual([]); // It waits: the kernel, too, has forgotten the old interest.
    expect(performance.now() - begin).toBeGreaterThanOrEqual(49);
    selector.unregister(a);
    expect(selector.size).toBe(2);
    for (const client of clients) client.sendAll(Buffer.from('hello'));
    expect(ready(selector).sort()).toEqual(['br', 'cr']);
  });

  test('makes no system call to modify an interest that stays the same', () => {
    const { selector, keys } = setUp();
    let calls = 0;
    const count = () => calls++;
    systemCalls.end.subscribe(count);
    selector.modify(keys[0], READ);
    expect(calls).toBe(0);
    selector.modify(keys[0], READ | WRITE);
    systemCalls.end.unsubscribe(count);
    expect(calls).toBe(mechanism === 'epoll' ? 1 : 0);
  });

  test('returns no socket that was unregistered, even in the middle of a turn', () => {
    const { selector, clients } = setUp();
    for (const client of clients) client.sendAll(Buffer.from('hello'));
    const [first, second, ...others] = selector.select(0);
    expect(others.length).toBe(1);
    if (second) selector.unregister(second);
    second?.socket.close();
    expect([first?.ready, second?.ready]).toEqual([READ, 0]);
    expect(ready(selector).length).toBe(2);
  });

  test('returns a broken connection as ready, whatever its interest', () => {
    const { selector, clients, keys } = setUp();
    const { socket } = keys[0];
    socket.trySend(Buffer.from('unread'));
    clients[0].close(); // With unread bytes, close() sends an RST.
    expect(ready(selector, 1000)).toEqual(['ar']);
    selector.modify(keys[0], 0);
    expect(ready(selector)).toEqual(['arw']);
    expect(() => socket.tryRecv(1)).toThrow('ECONNRESET');
  });

  test('refuses sockets that are registered twice, or closed', () => {
    const { selector, clients, keys } = setUp();
    expect(() => selector.register(keys[0].socket, READ, 'a')).toThrow('registered already');
    const key = selector.register(clients[0], READ, 'client');
    clients[0].close();
    expect(() => selector.unregister(key)).toThrow('closed');
    expect(() => selector.register(clients[0], READ, 'client')).toThrow('EBADF');
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

  test('finds the ready socket among hundreds', () => {
    const { selector } = setUp();
    const connections = Array.from({ length: 300 }, () => connection());
    for (const { client } of connections) selector.register(client, READ, `${client.fd}`);
    connections[217]?.server.sendAll(Buffer.from('you'));
    expect(ready(selector, 1000)).toEqual([`${connections[217]?.client.fd}r`]);
    for (const { client, server } of connections) for (const socket of [client, server]) socket.close();
  });
});

test('Socket.startConnect makes a socket ready when the connection is made or has failed', () => {
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
