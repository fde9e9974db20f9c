// What the coroutine steps do, beyond the behaviours of all steps. readme.test.ts runs leaving.ts and sync-vs-async.ts.

import { describe, expect, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import { pour } from '../src/behaviours/pour.ts';
import { AsyncLoop } from '../src/coroutine/async-loop.ts';
import { pair, serving } from './harness.ts';

const hello = Buffer.from('hello');
describe('AsyncLoop', () => {
  test('lets the timers and signals of Node run while no client sends', async () => {
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
      await nothing(server, third); // It blocks in recv() for the second. The third is accepted, but not even logged.
      await second.send('hi\n');
      expect(await server.log()).toMatch(/ sent "hi\\n"$/);
      expect(await server.log()).toMatch(/ connected$/);
    }));

  /** Expects no log line, and no answer, for a while. */
  async function nothing(server: { stdout: { waiting: string } }, client: Client): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect([server.stdout.waiting, client.waiting]).toEqual(['', '']);
  }
});

describe.concurrent('a client that half-closes', () => {
  for (const step of ['generator6', 'task6', 'await6', 'callback6', 'stream6']) {
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

describe.concurrent('task6', () => {
  test('asks a silent client, and says goodbye if it stays silent; serves on a client that answers', () =>
    serving('task6 --warn-after 1 --close-after 3', async (server) => {
      const begin = performance.now();
      const [silent, there] = [await Client.connect(server.port), await Client.connect(server.port)];
      await there.send('hello\n');
      expect(await there.line()).toBe('hello');
      for (const client of [silent, there]) expect(await client.line()).toBe('* are you still there?');
      expect(performance.now() - begin).toBeGreaterThan(900);
      await there.send('yes\n');
      expect(await there.line()).toBe('yes');
      expect(await there.line()).toBe('* are you still there?');
      expect(await silent.rest()).toBe('* goodbye\n');
      expect(performance.now() - begin).toBeGreaterThan(2900);
      await server.logged(/ disconnected: Error: silent for 3 s$/);
      expect(there.ended).toBe(false);
    }));

  test('ends the watcher of a client that leaves, while the watcher of another still sleeps', () =>
    serving('task6 --stats 20 --warn-after 3600', async (server) => {
      const counted = (what: string) => server.logged(new RegExp(`^${what}$`));
      await counted('2 tasks, 1 sockets');
      const begin = performance.now();
      const [one, other] = [await Client.connect(server.port), await Client.connect(server.port)];
      await counted('8 tasks, 3 sockets');
      one.close();
      await counted('5 tasks, 2 sockets');
      other.reset();
      await counted('2 tasks, 1 sockets');
      expect(performance.now() - begin).toBeLessThan(60_000); // which the watchers would have slept
    }));

  test('on Ctrl-C, says goodbye to all clients, waits a second for one that does not read, accepts no other, and exits with 0', () =>
    serving('task6', async (server) => {
      const deaf = await Client.connect(server.port, { keepsLittle: true });
      deaf.socket.pause();
      const { all } = await pour(deaf, Array(30).fill(`${'x'.repeat(99_999)}\n`), { program: server });
      all.catch(() => {}); // The server closes the connection before all bytes are sent.
      const clients = [await Client.connect(server.port), await Client.connect(server.port)];
      for (const client of clients) {
        await client.send('hello\nwor');
        expect(await client.line()).toBe('hello');
      }
      server.kill('SIGINT');
      server.kill('SIGINT'); // Twice does nothing.
      for (const client of clients) expect(await client.rest()).toBe('* goodbye\n');
      await expect(Client.connect(server.port)).rejects.toThrow('ECONNREFUSED'); // while one client does not read
      expect(await server.exited()).toBe(0);
      const lines = (await server.stdout.rest()).trimEnd().split('\n');
      const left = lines.filter((line) => line.endsWith(' disconnected: Cancelled'));
      expect([left.length, lines.at(-1)]).toEqual([3, 'all tasks have ended']);
    }));
});
