// io_uring: the ring, the operations that the steps submit, and the line that they print where there is no io_uring.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import { runnable, type Server } from '../src/behaviours/server.ts';
import { type Operation, Ring } from '../src/completion/ring.ts';
import { noRing } from '../src/completion/support.ts';
import { pin } from '../src/sockets/memory.ts';
import { Socket } from '../src/sockets/socket.ts';
import type { SystemCall } from '../src/sockets/trace-event.ts';
import { canTrace, connection, pair, run, serving, temporaryFolder, until } from './harness.ts';

const LATE = 'late';

/** A ring with a timeout in it: wait() blocks the thread, so vitest can't end a test that waits for ever. */
function newRing(entries?: number): Ring<string> {
  const ring = new Ring<string>(entries);
  ring.timeout(60_000, LATE);
  return ring;
}

/** Waits until so many operations are complete. Returns their results in order: `recv 5`. */
function complete(ring: Ring<string>, count: number): string[] {
  const completed: string[] = [];
  while (completed.length < count) completed.push(...ring.wait().map(told));
  return completed;
}

function told({ name, data, result, error }: Operation<string>): string {
  if (data === LATE) throw new Error('Nothing else is complete after a minute');
  return `${data}: ${name} ${error?.code ?? result}`;
}

describe.runIf(noRing === undefined)('a ring', () => {
  test('accepts a client, receives and sends, each with one submission and one completion', () => {
    const ring = newRing();
    const listener = Socket.listen({ host: '127.0.0.1', port: 0 });
    const client = Socket.connect(listener.localAddress());
    ring.accept(listener, 'a');
    const [accepted] = ring.wait();
    const [server, address] = (accepted as Operation<string>).accepted();
    expect(`${address}`).toBe(`${client.localAddress()}`);
    const memory = pin(100);
    ring.recv(server, memory, 'b');
    client.send(Buffer.from('hello'));
    expect(complete(ring, 1)).toEqual(['b: recv 5']);
    ring.send(server, memory, 5, 'c');
    expect(complete(ring, 1)).toEqual(['c: send 5']);
    expect(`${client.recv(100)}`).toBe('hello');
    client.close();
    ring.recv(server, memory, 'd');
    expect(complete(ring, 1)).toEqual(['d: recv 0']);
  });

  test('completes a send when the kernel has taken all of it, however slowly the other end reads', () => {
    const ring = newRing();
    const { client, server } = connection();
    const [other] = pair();
    ring.send(server, pin(20_000_000), 20_000_000, 'much'); // more than the kernel has room for: tcp(7)
    /** Other operations are complete meanwhile. */
    const little = () => {
      ring.send(other, pin(1), 1, 'little');
      return ring.wait().map(told);
    };
    for (let i = 0; i < 3; i++) expect(little()).toEqual(['little: send 1']);
    client.setBlocking(false);
    const seen = new Set<string>();
    while (seen.size < 2) {
      while (client.tryRecv(65_536) !== 'would-block');
      for (const what of little()) seen.add(what);
    }
    expect([...seen].sort()).toEqual(['little: send 1', 'much: send 20000000']);
  });

  test('goes on with a recv when its socket is closed: close() gives back the number, and no more', () => {
    const ring = newRing();
    const { client, server } = connection();
    ring.recv(server, pin(10), 'a');
    ring.send(server, pin(1), 1, 'b');
    expect(complete(ring, 1)).toEqual(['b: send 1']); // By now the kernel knows of both.
    server.close();
    client.send(Buffer.from('hello'));
    expect(complete(ring, 1)).toEqual(['a: recv 5']);
  });

  test('cancels a recv that is in flight, and does not find one that is complete', () => {
    const ring = newRing();
    const { client, server } = connection();
    const memory = pin(10);
    const first = ring.recv(server, memory, 'first');
    ring.cancel(first, 'question');
    expect(complete(ring, 2).sort()).toEqual(['first: recv ECANCELED', 'question: cancel 0']);
    const second = ring.recv(server, memory, 'second');
    client.send(Buffer.from('hello'));
    ring.cancel(second, 'question');
    expect(complete(ring, 2).sort()).toEqual(['question: cancel ENOENT', 'second: recv 5']);
  });

  test('completes a timeout when its time is over, unless it is cancelled', () => {
    const ring = newRing();
    const long = ring.timeout(30_000, 'long');
    const begin = performance.now();
    ring.timeout(20, 'short');
    expect(complete(ring, 1)).toEqual(['short: timeout errno 62']); // ETIME, which Node has no name for
    expect(performance.now() - begin).toBeGreaterThanOrEqual(19);
    ring.cancel(long, 'question');
    expect(complete(ring, 2).sort()).toEqual(['long: timeout ECANCELED', 'question: cancel 0']);
  });

  test('takes more operations than its queues have room for, and loses none', () => {
    const ring = newRing(1); // Two completions have room.
    const pairs = Array.from({ length: 100 }, pair);
    for (const [i, [, server]] of pairs.entries()) ring.recv(server, pin(10), `${i}`);
    for (const [client] of pairs) client.trySend(Buffer.from('hello'));
    const expected = pairs.map((_, i) => `${i}: recv 5`);
    expect(complete(ring, 100).sort()).toEqual(expected.sort());
  });

  test('that the kernel does not set up is an error, which says what the kernel lacks', () => {
    const why = 'EINVAL, invalid argument: this kernel is too old, it takes Linux 6.1';
    expect(() => new Ring(0)).toThrow(`Cannot set up io_uring: ${why}`);
  });
});

describe.runIf(noRing === undefined).concurrent('what is in flight', () => {
  const folder = temporaryFolder();

  /** The operations that a step completes, and the calls that it makes, in their order. */
  async function calls(step: string, use: (server: Server) => Promise<void>): Promise<SystemCall[]> {
    const file = join(folder, `${step}.jsonl`);
    const read = () =>
      readFileSync(file, 'utf8')
        .split(/\n(?=.)/)
        .map((line): SystemCall => JSON.parse(line))
        .filter(({ took }) => took !== undefined); // Each call is there twice: when it began, and when it was over.
    const accepted = () => read().filter(({ call }) => call === 'accept').length;
    const useAndWait = async (server: Server) => {
      await use(server);
      // When another client is in the trace, so is all that was before it.
      const before = accepted();
      await Client.connect(server.port);
      await until(() => accepted() > before);
    };
    await serving('test/fixtures/watched.ts', useAndWait, { env: { STEP: step, TRACE: file } });
    const all = read();
    return all.slice(
      0,
      all.findLastIndex(({ call }) => call === 'accept'),
    );
  }

  test('at ring3 is a recv or a send of a client, in turns', async () => {
    const seen = await calls('ring3', async ({ port }) => {
      const client = await Client.connect(port);
      for (let i = 0; i < 5; i++) {
        await client.send(`${i}\n`);
        await client.expect(`${i}\n`);
      }
      client.end();
      await client.rest();
    });
    const names = seen.map(({ call }) => call).filter((call) => ['recv', 'send', 'close'].includes(call));
    expect(names.join(' ')).toBe(`${'recv send '.repeat(5)}recv close`);
  });

  test('at ring6 is one send of a client at a time, with the answers to all lines that came before it', async () => {
    const seen = await calls('ring6', async ({ port }) => {
      const client = await Client.connect(port);
      await client.send('one\ntwo\nthree\n');
      await client.has('one\ntwo\nthree\n');
      client.end();
      await client.rest();
    });
    expect(seen.filter(({ call }) => call === 'send').map(({ result }) => result)).toEqual([14]);
  });

  test('at ring11 is the same, and when one user talks, one send to each of the others, submitted by one system call', async () => {
    const USERS = 20;
    const answers = 'one\ntwo\nthree\n';
    const said = '<guest1> one\n<guest1> two\n<guest1> three\n';
    const seen = await calls('ring11', async ({ port }) => {
      const users: Client[] = [];
      for (let i = 1; i <= USERS; i++) {
        users.push(await Client.connect(port));
        for (const user of users) await user.has(`guest${i}`);
      }
      await users[0]?.send('ECHO one\nECHO two\nECHO three\n');
      await users[0]?.has(answers);
      await users[0]?.send('SAY one\nSAY two\nSAY three\n');
      for (const user of users.slice(1)) await user.has(said);
    });
    const sent = seen.filter(({ call }) => call === 'send');
    expect(sent.filter(({ result }) => result === answers.length).length).toBe(1);
    const sends = sent.filter(({ result }) => result === said.length);
    expect(sends.length).toBe(USERS - 1);
    const first = seen.indexOf(sends[0] as SystemCall);
    const between = seen.slice(first, seen.indexOf(sends.at(-1) as SystemCall));
    expect(between.filter(({ call }) => call === 'io_uring_enter').length).toBeLessThan(USERS / 2);
  });

  test('is cancelled when a connection fails, and completes before its socket is closed', async () => {
    const seen = await calls('throwing', async (server) => {
      const client = await Client.connect(server.port);
      await client.send('first'); // The answer is larger than the buffers of the kernel.
      await client.take(1);
      client.socket.pause();
      await client.send('second'); // At this, the server throws.
      await server.logged(/^disconnected: Error: that was one too many$/);
    });
    const own = seen.filter(({ call }) => ['recv', 'send', 'cancel', 'close'].includes(call));
    const told = own.map(({ call, result = 0 }) => `${call} ${result}`);
    expect(told.slice(0, 2)).toEqual(['recv 5', 'recv 6']);
    expect(told.slice(2, -1).sort()).toEqual(['cancel 0', expect.stringMatching(/^send /)]);
    expect(told.at(-1)).toBe('close 0');
  });
});

describe.concurrent('where there is no io_uring', () => {
  for (const [code, why] of [
    ['EPERM', 'operation not permitted: io_uring is forbidden here'],
    ['ENOSYS', 'function not implemented: this kernel has no io_uring, which takes Linux 6.1'],
  ] as const) {
    test.runIf(canTrace())(`ring3 says so in one line, and ends with exit code 1: ${code}`, async () => {
      const inject = ['-e', 'trace=io_uring_setup', '-e', `inject=io_uring_setup:error=${code}`];
      const node = [process.execPath, ...runnable('src/completion/ring3.ts'), '--port', '0'];
      const { exit, stdout, stderr } = await run('strace', ['-f', '-o', '/dev/null', ...inject, ...node]);
      expect({ exit, stdout }).toEqual({ exit: 1, stdout: '' });
      expect(stderr.split('\n').length).toBe(2);
      const message = `Cannot set up io_uring: ${code}, ${why}`;
      expect(stderr.slice(0, message.length)).toBe(message);
    });
  }

  for (const step of ['ring3', 'ring6', 'ring10', 'ring11']) {
    test(`${step} says so on another system`, async () => {
      const node = runnable(`src/completion/${step}.ts`, ['--import', './test/fixtures/platform.ts']);
      const { exit, stdout, stderr } = await run(process.execPath, node, { env: { PLATFORM: 'darwin' } });
      expect({ exit, stdout }).toEqual({ exit: 1, stdout: '' });
      expect(stderr).toBe('Cannot set up io_uring on darwin: only Linux has it\n');
    });
  }
});
