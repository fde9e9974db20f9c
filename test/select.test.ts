// What the readiness steps show, beyond the behaviours that all steps are held to.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, type Socket as NetSocket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import { Program } from '../src/behaviours/program.ts';
import { runnable, type Server } from '../src/behaviours/server.ts';
import { mechanisms, READ, Selector, WRITE } from '../src/sockets/selector.ts';
import { Socket } from '../src/sockets/socket.ts';
import { run, runScript, serving, until } from './harness.ts';

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
    expect(ready(selector)).toEqual(['br']); // It is ready as long as nobody has read.
    const late = Socket.connect(listener.localAddress());
    expect(ready(selector).sort()).toEqual(['br', 'listenerr']);
    late.close();
    tearDown();
  });

  test('waits as long as it was told to, though a signal interrupts it', async () => {
    const args = [...runnable('test/fixtures/timeout.ts'), mechanism];
    const program = new Program(process.execPath, args);
    try {
      expect(await program.stdout.line()).toBe('waiting');
      await new Promise((resolve) => setTimeout(resolve, 700)); // most of the wait
      program.kill('SIGSTOP');
      program.kill('SIGCONT');
      const took = Number(await program.stdout.line());
      expect(took).toBeGreaterThan(999);
      expect(took).toBeLessThan(1600); // not a second more from there on
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
    expect(ready(selector)).toEqual([]);
    selector.unregister(a);
    expect(selector.size).toBe(2);
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
    selector.register(pair.server, READ, 'a');
    pair.server.trySend(Buffer.from('unread'));
    pair.client.close(); // Something was left to read: an RST.
    expect(ready(selector, 1000)).toEqual(['ar']);
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

describe.concurrent('--selector', () => {
  test('a mechanism that does not exist is one line, and exit code 1', async () => {
    const { exit, stderr } = await runScript('src/select/select6.ts', '--selector', 'kqueue');
    expect(exit).toBe(1);
    expect(stderr).toBe(`Cannot use --selector "kqueue": it is one of ${mechanisms.join(', ')}\n`);
  });
});

describe.concurrent('a client that does not read', () => {
  const SIZE = 24_000_000; // more than the buffers of the kernel hold
  /** Sends a lot, reads nothing until all is sent, and then counts what comes. */
  const unread = async ({ port }: Server) => {
    const client = await Client.connect(port);
    client.socket.pause();
    const line = Buffer.from(`${'x'.repeat(999)}\n`.repeat(SIZE / 1000));
    await client.send(line);
    client.end();
    client.socket.resume();
    return (await client.rest()).length;
  };

  test('loses bytes at select3, which does not care what the kernel takes', () =>
    serving('select3', async (server) => {
      expect(await unread(server)).toBeLessThan(SIZE);
    }));
});

describe.concurrent('async-chat', () => {
  const chat = './test/fixtures/chat.ts';

  test('changes its terminator from one message to the next, however they are cut', () =>
    serving(chat, async (server) => {
      const stream = 'LINE\r\na\rb\nCOUNT 5\r\n1\r\n\n5LINE\r\nc\nCOUNT 1\r\n\rBYE\r\nLINE\r\nignored\n';
      const whole = await Client.connect(server.port);
      await whole.send(stream);
      const answer = await whole.rest();
      expect(answer).toBe('a\rb\n1\r\n\n5\nc\n\r\n');
      const slow = await Client.connect(server.port);
      for (const byte of stream.slice(0, stream.indexOf('BYE') + 5)) await slow.send(byte);
      expect(await slow.rest()).toBe(answer);
    }));

  test('refuses a count that is none, which ends that conversation, and no other', () =>
    serving(chat, async (server) => {
      for (const count of ['0', '-1', '1.5', 'many']) {
        const client = await Client.connect(server.port);
        await client.send(`COUNT ${count}\r\nmore`);
        expect(await client.rest()).toBe('');
        expect(await server.log()).toMatch(/^over: RangeError: Cannot wait for /);
      }
    }));

  test('cuts message after message by a number of bytes that was asked for once', () =>
    serving(chat, async (server) => {
      const client = await Client.connect(server.port);
      await client.send('EACH 5\r\nhellowor');
      await client.has('hello|');
      await client.send('ldagainand');
      client.end();
      expect(await client.rest()).toBe('hello|world|again|');
    }));

  test('can wait for nothing but the end', () =>
    serving(chat, async (server) => {
      const client = await Client.connect(server.port);
      await client.send(`ALL\r\n${'x\r\n'.repeat(10_000)}`);
      client.end();
      expect(await client.rest()).toBe('30000\n');
    }));

  test('asks a producer for more only when there is room', () =>
    serving(chat, async (server) => {
      const client = await Client.connect(server.port);
      client.socket.pause();
      await client.send('BIG 100000000\r\nBYE\r\n');
      const other = await Client.connect(server.port);
      await other.send('LINE\r\nme?\n');
      expect(await other.line()).toBe('me?');
      client.close();
      await server.stdout.until('its end', () => server.stdout.waiting.includes('over: '));
      const made = server.stdout.waiting.match(/made 65536/g)?.length ?? 0;
      expect(made).toBeGreaterThan(0);
      expect(made * 65536).toBeLessThan(50_000_000);
    }));

  test('sends 15 MB to one client, and answers another in the meantime', () =>
    serving(chat, async (server) => {
      const [big, small] = [await Client.connect(server.port), await Client.connect(server.port)];
      let arrived = 0;
      big.socket.on('data', (bytes: Buffer) => {
        arrived += bytes.length;
      });
      await big.send('BIG 15000000\r\nBYE\r\n');
      for (let part = 1; part < 6; part++) {
        await until(() => arrived >= part * 2_500_000);
        big.socket.pause();
        await small.send('LINE\r\nme?\n');
        expect(await small.line()).toBe('me?');
        big.socket.resume();
      }
      expect((await big.rest()).length).toBe(15_000_000);
    }));
});

describe.concurrent('select9', () => {
  test('answers a barrage of commands, each of them', () =>
    serving('select9', async (server) => {
      const client = await Client.connect(server.port);
      const commands = Array.from({ length: 20_000 }, (_, i) => `ECHO ${i}`);
      void client.send(`${commands.join('\n')}\nQUIT\n`);
      const answers = commands.map((_, i) => `${i}\n`).join('');
      expect(await client.rest()).toBe(`${answers}BYE\n`);
    }));
});

describe.concurrent('finger.ts', () => {
  const finger = (...args: string[]) => runScript('src/clients/finger.ts', ...args);

  /** Serves one finger client at a time, on a free port, as this function does. */
  async function fingerServer(
    serve: (socket: NetSocket) => void,
    use: (port: number) => Promise<void>,
    port = 0,
  ): Promise<void> {
    const server = createServer({ pauseOnConnect: true }, serve);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
    try {
      await use((server.address() as { port: number }).port);
    } finally {
      server.close();
    }
  }

  test('sends its question as RFC 1288 has it, and prints the answer', () =>
    fingerServer(
      (socket) => {
        socket.once('data', (question) => {
          socket.write(`you asked ${JSON.stringify(`${question}`)}\r\n`);
          setImmediate(() => socket.end('second line\r\nand \x1b[2J\r\n'));
        });
        socket.resume();
      },
      async (port) => {
        for (const [args, question] of [
          [[`alice@localhost:${port}`], 'alice\\r\\n'],
          [['-l', `alice@localhost:${port}`], '/W alice\\r\\n'],
          [[`@localhost:${port}`], '\\r\\n'],
          [['-l', `@127.0.0.1:${port}`], '/W\\r\\n'],
        ] as [string[], string][]) {
          const { exit, stdout, stderr } = await finger(...args);
          expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
          expect(stdout).toBe(`you asked "${question}"\nsecond line\nand ?[2J\n`);
        }
      },
    ));

  test.runIf(existsSync('/usr/sbin/efingerd'))('talks to efingerd', () =>
    fingerServer(
      // As inetd does it: a process for each client, with the connection for its standard input and output.
      (socket) => {
        spawn('/usr/sbin/efingerd', ['-n'], { stdio: [socket, socket, 'ignore'] }).on('exit', () =>
          socket.destroy(),
        );
      },
      async (port) => {
        const { exit, stdout } = await finger(`root@localhost:${port}`);
        expect(exit).toBe(0);
        expect(stdout).toMatch(/root/);
      },
    ),
  );

  // The real one knows no other port than 79, which only root may listen on.
  const hasFinger = spawnSync('which', ['finger']).status === 0 && process.getuid?.() === 0;

  test.runIf(hasFinger)('prints what finger prints', () =>
    fingerServer(
      (socket) => {
        let question = '';
        socket.on('data', (bytes) => {
          question += bytes; // The real one sends it in pieces.
          if (question.endsWith('\n')) {
            socket.end(`you asked ${JSON.stringify(question)}\r\n\r\nand that is all\r\n`);
          }
        });
        socket.resume();
      },
      async () => {
        for (const args of [['alice@localhost'], ['-l', 'alice@localhost'], ['@localhost']]) {
          // But for \r: it passes them on, and a terminal does not show them.
          const { stdout } = await run('finger', args);
          expect((await finger(...args)).stdout).toBe(stdout.replaceAll('\r', ''));
        }
      },
      79,
    ),
  );

  test('says in one line what is wrong', async () => {
    const free = await serving('select3', async ({ port }) => port);
    for (const [args, message] of [
      [[`alice@localhost:${free}`], /^Cannot finger localhost: ECONNREFUSED\n$/],
      [['alice@no-such-host.invalid'], /^Cannot connect to no-such-host\.invalid:79: \w+, .+\n$/],
      [['alice'], /^Usage: .+\n$/],
      [['-x', 'alice@localhost'], /^Unknown option '-x': .+\n$/],
      [[], /^Usage: .+\n$/],
    ] as [string[], RegExp][]) {
      const { exit, stderr } = await finger(...args);
      expect(exit).toBe(1);
      expect(stderr).toMatch(message);
    }
  });
});
