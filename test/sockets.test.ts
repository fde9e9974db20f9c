// The sockets, against each other, in one thread.

import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { acceptOrReject } from '../src/sockets/accept-or-reject.ts';
import { c } from '../src/sockets/libc.ts';
import { Address, Socket } from '../src/sockets/socket.ts';
import { libraryFunction, systemCalls } from '../src/sockets/system-call.ts';
import type { SystemCall } from '../src/sockets/trace-event.ts';
import { connection as connected, onLinux, pair } from './harness.ts';
import { moved } from './moved.ts';

const open: Socket[] = [];

afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

function listen(): Socket {
  const listener = Socket.listen({ host: '127.0.0.1', port: 0 });
  open.push(listener);
  return listener;
}

/** Both ends of a connection, closed after the test. */
function connection(host?: string): { client: Socket; server: Socket; address: Address } {
  const ends = connected(host);
  open.push(ends.client, ends.server);
  return ends;
}

const hello = Buffer.from('hello');

describe('Socket', () => {
  test('listens on a free port for port 0, and says on which; accepts a client, and returns its address', () => {
    const listener = listen();
    const { host, port } = listener.localAddress();
    expect([host, `${listener.localAddress()}`]).toEqual(['127.0.0.1', `127.0.0.1:${port}`]);
    expect(port).toBeGreaterThan(0);
    const { client, address } = connection();
    expect(address).toEqual(client.localAddress());
    expect(address).toBeInstanceOf(Address);
  });

  test('takes a name for an address', () => {
    const listener = Socket.listen({ host: 'localhost', port: 0 });
    open.push(listener);
    expect(listener.localAddress().host).toBe('127.0.0.1');
    open.push(Socket.connect({ host: 'localhost', port: listener.localAddress().port }));
  });

  test('speaks IPv6, and writes its addresses in brackets', () => {
    const { client, server, address } = connection('::1');
    expect(address).toEqual(client.localAddress());
    expect(`${server.localAddress()}`).toBe(`[::1]:${server.localAddress().port}`);
    server.sendAll(hello);
    expect(client.recv(100).toString()).toBe('hello');
  });

  test.runIf(onLinux)('is closed in a child process, which would keep the connection open', () => {
    const { client } = connection();
    const [, flags = ''] =
      /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${client.fd}`, 'utf8')) ?? [];
    expect(Number.parseInt(flags, 8) & c.SOCK_CLOEXEC).toBe(c.SOCK_CLOEXEC);
  });

  test("has pairs that are connected to each other, and end each other's stream", () => {
    const [one, other] = Socket.pair();
    one.sendAll(Buffer.from('hello'));
    expect(`${other.recv(100)}`).toBe('hello');
    other.sendAll(Buffer.from('to you, too'));
    expect(`${one.recv(100)}`).toBe('to you, too');
    one.close();
    expect(other.recv(100).length).toBe(0);
    expect(() => other.send(Buffer.from('x'))).toThrow('send EPIPE');
    other.close();
  });

  test('has addresses that go through shared memory as numbers', () => {
    for (const address of ['127.0.0.1', '::1', '2001:db8::2:1', '::ffff:192.0.2.1']) {
      const numbers = new Address(address, 65_535).toNumbers();
      expect(numbers.length).toBe(Address.NUMBERS);
      expect(Address.fromNumbers([...Int32Array.from(numbers)])).toEqual(new Address(address, 65_535));
    }
  });

  test('can listen again on a port that was in use a moment ago', () => {
    const listener = listen();
    const { port } = listener.localAddress();
    const client = Socket.connect({ host: '127.0.0.1', port });
    const [server] = listener.accept();
    for (const socket of [listener, server, client]) socket.close(); // The first to close keeps its port: TIME_WAIT, tcp(7).
    const again = Socket.listen({ host: '127.0.0.1', port });
    open.push(again);
    expect(again.localAddress().port).toBe(port);
  });

  test('receives the bytes that have arrived, but no more than `size`', () => {
    const { client, server } = connection();
    client.sendAll(hello);
    expect(server.recv(2).toString()).toBe('he');
    expect(server.recv(100).toString()).toBe('llo');
  });

  test('receives into slabs: small pieces lie side by side, and none changes when its slab is full', () => {
    const { client, server } = connection();
    const pieces = Array.from({ length: 100 }, (_, i) => {
      client.sendAll(Buffer.alloc(1000, i));
      return server.recv(16 * 1024);
    });
    for (const [i, piece] of pieces.entries()) expect(piece.equals(Buffer.alloc(1000, i))).toBe(true);
    expect(new Set(pieces.map(({ buffer }) => buffer)).size).toBeLessThan(15);
  });

  test('sends bytes that it has just received, bytes of another slab, and bytes that lie anywhere', () => {
    const { client, server } = connection();
    const received = Array.from({ length: 40 }, (_, i) => {
      const bytes = Buffer.alloc(1000, i);
      client.sendAll(bytes);
      const piece = server.recv(4096);
      server.sendAll(piece);
      expect(client.recv(4096).equals(bytes)).toBe(true);
      return piece;
    });
    for (const piece of [...received, Buffer.from('anywhere'), new Uint8Array([1, 2, 3])]) {
      server.sendAll(piece.subarray(1));
      expect(client.recv(4096).equals(piece.subarray(1))).toBe(true);
    }
  });

  test('sends a queue as one, and leaves in it what the kernel did not take', () => {
    const { client, server } = connection();
    const queue = ['one, ', '', 'two, ', 'three'].map((text) => Buffer.from(text));
    expect(client.trySendPieces(queue)).toBe(15);
    expect(queue).toEqual([]);
    expect(server.recv(100).toString()).toBe('one, two, three');
    expect(client.trySendPieces(queue)).toBe(0);
    client.setBlocking(false);
    const all = Buffer.alloc(12_000_000, Buffer.from(Array.from({ length: 251 }, (_, i) => i)));
    const long = [all.subarray(0, 5), all.subarray(5, 100_005), all.subarray(100_005)];
    let sent = 0;
    for (let count = client.trySendPieces(long); count !== 'would-block'; ) {
      sent += count;
      count = client.trySendPieces(long);
    }
    expect(Buffer.concat(long).equals(all.subarray(sent))).toBe(true);
    client.shutdown('write');
    const pieces: Buffer[] = [];
    for (let bytes = server.recv(16_384); bytes.length > 0; bytes = server.recv(16_384)) pieces.push(bytes);
    expect(Buffer.concat(pieces).equals(all.subarray(0, sent))).toBe(true);
  });

  test('moves each piece of a long queue about once, and keeps their order', () => {
    const pieces = Array.from({ length: 250 }, (_, i) => Buffer.alloc(32, i));
    const [client, server] = pair();
    open.push(client, server);
    const queue = Array.from({ length: 250_000 }, (_, i) => pieces[i % 250] as Buffer);
    const all = Buffer.concat(queue);
    const received: Buffer[] = [];
    const send = () => {
      for (let left = all.length; left > 0; ) {
        client.trySendPieces(queue);
        const bytes = server.tryRecv(16_384);
        if (bytes !== 'would-block') received.push(bytes);
        left -= bytes === 'would-block' ? 0 : bytes.length;
      }
    };
    expect(moved(send)).toBeLessThan(500_000); // To move all the others with each send() would be 15 million.
    expect(Buffer.concat(received).equals(all)).toBe(true);
  });

  test('receives an empty buffer at the end of the stream, again and again, and can still send', () => {
    const { client, server } = connection();
    client.shutdown('write');
    for (let i = 0; i < 2; i++) expect(server.recv(100).length).toBe(0);
    server.sendAll(hello);
    expect(client.recv(100).toString()).toBe('hello');
  });

  test('does not wait when it is non-blocking, until it is blocking again', () => {
    const listener = listen();
    listener.setBlocking(false);
    expect(listener.tryAccept()).toBe('would-block');
    const client = Socket.connect(listener.localAddress());
    open.push(client);
    const [server] = listener.accept();
    open.push(server);
    server.setBlocking(false);
    expect(server.tryRecv(100)).toBe('would-block');
    client.sendAll(hello);
    expect(server.tryRecv(100).toString()).toBe('hello');
    expect(() => server.recv(100)).toThrow(expect.objectContaining({ code: 'EAGAIN', syscall: 'recv' }));
    server.setBlocking(true);
    client.close();
    expect(server.recv(100).length).toBe(0);
  });

  test('returns how many bytes of a large send the kernel took, and would-block when it takes no more', () => {
    const { client, server } = connection();
    client.setBlocking(false);
    const large = Buffer.alloc(32 * 1024 * 1024, 'x');
    const first = client.send(large);
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(large.length);
    let sent = first;
    for (let more = client.trySend(large); more !== 'would-block'; more = client.trySend(large)) sent += more;
    client.shutdown('write');
    let received = 0;
    for (let bytes = server.recv(1e6); bytes.length > 0; bytes = server.recv(1e6)) received += bytes.length;
    expect(received).toBe(sent);
  });

  test('keeps few unsent bytes for a peer that does not read, with maxUnsent', () => {
    const kept = (maxUnsent?: number) => {
      const listener = Socket.listen({ host: '127.0.0.1', port: 0, maxUnsent });
      const client = Socket.connect(listener.localAddress());
      const [server] = listener.accept();
      open.push(listener, client, server);
      server.setBlocking(false);
      let sent = 0;
      const bytes = Buffer.alloc(8 * 1024);
      for (let more = server.trySend(bytes); more !== 'would-block'; more = server.trySend(bytes))
        sent += more;
      return sent;
    };
    expect(kept(16 * 1024)).toBeLessThan(kept() / 2);
  });

  test('can be made from a descriptor, is closed once, and has no descriptor then', () => {
    const { client, server } = connection();
    client.sendAll(hello);
    expect(new Socket(server.fd).recv(100).toString()).toBe('hello');
    expect(client.closed).toBe(false);
    client.close();
    client.close();
    expect(client).toMatchObject({ closed: true, fd: -1 });
    expect(() => client.recv(1)).toThrow(expect.objectContaining({ code: 'EBADF' }));
    expect(server.recv(1).length).toBe(0);
  });
});

describe('a failed call throws as Node does:', () => {
  /** Of each failure, a call that fails, and its error. */
  const failures: Record<string, () => [call: () => unknown, error: Record<string, unknown>]> = {
    'a port in use': () => {
      const { port } = listen().localAddress();
      const message = `Cannot listen on 127.0.0.1:${port}: EADDRINUSE, address already in use`;
      const errno = onLinux ? -98 : -48;
      const error = { message, code: 'EADDRINUSE', errno, syscall: 'bind' };
      return [() => Socket.listen({ host: '127.0.0.1', port }), error];
    },
    'a port on which no socket listens': () => {
      const listener = listen();
      const address = listener.localAddress();
      listener.close();
      const message = `Cannot connect to ${address}: ECONNREFUSED, connection refused`;
      return [() => Socket.connect(address), { message, code: 'ECONNREFUSED', syscall: 'connect' }];
    },
    'a name that is none': () => {
      const message = expect.stringMatching(/^Cannot connect to no such name:1: ENOTFOUND, ./);
      const error = { message, code: 'ENOTFOUND', syscall: 'getaddrinfo' };
      return [() => Socket.connect({ host: 'no such name', port: 1 }), error];
    },
    'a connection that the peer broke': () => {
      const { client, server } = connection();
      client.sendAll(hello);
      server.close(); // There was something to read: the kernel answers with an RST.
      const error = { message: 'recv ECONNRESET', code: 'ECONNRESET', syscall: 'recv' };
      return [() => client.recv(100), error];
    },
    'a half that has ended': () => {
      const { client } = connection();
      client.shutdown('write');
      return [() => client.send(hello), { message: 'send EPIPE', code: 'EPIPE', syscall: 'send' }];
    },
  };
  test.each(Object.entries(failures))('%s', (_, fail) => {
    const [call, error] = fail();
    expect(call).toThrow(expect.objectContaining(error));
  });

  test('and leaves no descriptor open', () => {
    const { port } = listen().localAddress();
    const descriptors = () => readdirSync('/dev/fd').length;
    const before = descriptors();
    for (let i = 0; i < 50; i++) expect(() => Socket.listen({ host: '127.0.0.1', port })).toThrow();
    expect(descriptors()).toBeLessThan(before + 25); // Other threads of this process may open some.
  });
});

describe.runIf(onLinux)('acceptOrReject', () => {
  const limit = (name: string, limits: Uint32Array) =>
    libraryFunction<(resource: number, limits: Uint8Array) => number>(
      `int ${name}(int resource, void *limits)`,
    )(7, new Uint8Array(limits.buffer)); // RLIMIT_NOFILE: how many descriptors this process may have

  /** Calls `act` while all descriptors are taken. */
  function withoutDescriptors(act: () => void): void {
    const limits = new Uint32Array(4); // two numbers of 64 bits: the limit, and what it may be raised to
    limit('getrlimit', limits);
    const taken = [openSync('/dev/null', 'r')];
    try {
      limit('setrlimit', Uint32Array.from([(taken[0] as number) + 20, 0, ...limits.subarray(2)]));
      expect(() => {
        while (true) taken.push(openSync('/dev/null', 'r'));
      }).toThrow('EMFILE');
      act();
    } finally {
      limit('setrlimit', limits);
      for (const fd of taken) closeSync(fd);
    }
  }

  test('throws any other error, and keeps the descriptor in reserve for the next test', () => {
    const listener = listen();
    listener.shutdown('both');
    expect(() => acceptOrReject(listener, () => {})).toThrow('EINVAL');
  });

  test('rejects every client that there is no descriptor for, and accepts again when there is one', () => {
    const listener = listen();
    listener.setBlocking(false);
    const rejected: string[] = [];
    const accept = () =>
      acceptOrReject(listener, (address, why) => {
        rejected.push(`${address} ${why}`);
      });
    expect(accept()).toBe('would-block');
    const clients = [1, 2, 3].map(() => Socket.connect(listener.localAddress()));
    open.push(...clients);
    withoutDescriptors(() => {
      for (let i = 0; i < 4; i++) expect(accept()).toBe('would-block');
    });
    const why = 'no descriptor left (EMFILE), ulimit -n says how many there may be';
    expect(rejected).toEqual(clients.map((client) => `${client.localAddress()} ${why}`));
    for (const client of clients) expect(client.recv(1).length).toBe(0);
    const late = Socket.connect(listener.localAddress());
    const [accepted] = accept() as [Socket, Address];
    open.push(late, accepted);
    expect(rejected.length).toBe(3);
  });
});

describe('system calls', () => {
  test('are published, with how long they took, to a subscriber', () => {
    const { client, server } = connection();
    const seen: SystemCall[] = [];
    const listener = (call: unknown) => seen.push(call as SystemCall);
    systemCalls.end.subscribe(listener);
    client.sendAll(hello);
    server.recv(100);
    server.setBlocking(false);
    server.tryRecv(100);
    systemCalls.end.unsubscribe(listener);
    client.sendAll(hello);
    expect(seen.map(({ call, fd, result, error }) => ({ call, fd, result, error }))).toEqual([
      { call: 'send', fd: client.fd, result: 5, error: undefined },
      { call: 'recv', fd: server.fd, result: 5, error: undefined },
      { call: 'fcntl', fd: server.fd, result: 2, error: undefined },
      { call: 'fcntl', fd: server.fd, result: 0, error: undefined },
      { call: 'recv', fd: server.fd, result: -1, error: 'EAGAIN' },
    ]);
    const [send, recv] = seen as [Required<SystemCall>, Required<SystemCall>];
    expect(recv.begin).toBeGreaterThanOrEqual(send.begin + send.took);
  });

  test('leave their error to the caller, whatever a subscriber does', () => {
    const { server } = connection();
    server.setBlocking(false);
    const listener = () => existsSync('/no such file'); // It fails inside, with an error of its own.
    systemCalls.end.subscribe(listener);
    expect(server.tryRecv(1)).toBe('would-block');
    systemCalls.end.unsubscribe(listener);
  });
});
