// What every server with one thread for all clients has to do, by whatever mechanism.

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import { pour } from '../src/behaviours/pour.ts';
import { Program } from '../src/behaviours/program.ts';
import type { Server } from '../src/behaviours/server.ts';
import { mechanisms } from '../src/sockets/selector.ts';
import { canTrace, onLinux, request, runsHere, serving, servingWithin, until } from './harness.ts';

/** The steps whose loop is the project's own: select steps, and coroutines on a Selector. */
const ownLoops = ['select3', 'select6', 'select9', 'generator6', 'task6', 'await6'];
/** Loops of the project without --selector. */
const others = ['poll3', ...['ring3', 'ring6'].filter(runsHere), 'loop4'];
/** Those on Node's own loop. */
const nodeLoops = ['callback6', 'stream6'];
/** Steps that read no more from a client that does not read. The others keep its answers. */
const pushBack = [
  ...['ring3', 'ring6', 'ring10'].filter(runsHere),
  'loop4',
  'generator6',
  'task6',
  'await6',
  'callback6',
  'stream6',
];
/** The same with a chain of protocols on them. */
const chained = ['select10', 'generator10', 'await10', 'callback10', 'stream10'];

/** The project's selector and Node's loop have a thousand. The others are made of these. */
const manyFor = ['select3', 'ring6', 'callback6'];

describe.concurrent('many at once', () => {
  for (const [step = '', ...args] of [
    ...[...others, ...nodeLoops].map((step) => [step]),
    ...ownLoops.flatMap((step) => mechanisms.map((name) => [step, '--selector', name])),
  ]) {
    const count = manyFor.includes(step) ? 1000 : 100;
    test(`${[step, ...args].join(' ')} answers ten lines of each of ${count} clients, each its own`, () =>
      serving(
        step,
        async ({ port }) => {
          const clients = await Promise.all(Array.from({ length: count }, () => Client.connect(port)));
          await Promise.all(
            clients.map(async (client, who) => {
              const lines = Array.from({ length: 10 }, (_, n) => `client ${who}, line ${n}`);
              const stream = lines.map((line) => request(step, line)).join('');
              const cut = 1 + (who % (stream.length - 2));
              await client.send(stream.slice(0, cut));
              await client.send(stream.slice(cut));
              const answers = lines.map((line) => `${line}\n`).join('');
              expect(`${await client.take(answers.length)}`).toBe(answers);
            }),
          );
          for (const client of clients) client.end();
          for (const client of clients) expect(await client.rest()).toBe('');
        },
        { args: [...args, '--quiet'] },
      ));
  }
});

describe.concurrent('a client that does not read', () => {
  const SIZE = 16_000_000; // more than the buffers of the kernel hold on both sides, there and back: tcp(7)
  const LINE = 'x'.repeat(999);

  for (const step of ['select6', 'select9', ...pushBack, ...chained]) {
    const pushesBack = !step.startsWith('select');
    const what = `is ${pushesBack ? 'not read, either,' : 'read, and its answers kept,'} by ${step}`;
    test(`${what}, and receives every byte when it reads; a client that never stops sending leaves others their turns`, () =>
      serving(
        step,
        async (server) => {
          const client = await Client.connect(server.port);
          client.socket.pause();
          const piece = Buffer.from(request(step, LINE).repeat(50));
          const { all } = await pour(client, Array(SIZE / 50_000).fill(piece), { program: server });
          let isTaken = false;
          void all.then(() => {
            isTaken = true;
            client.end();
          });
          const other = await Client.connect(server.port);
          expect(isTaken).toBe(!pushesBack);
          await other.send(request(step, 'y'.repeat(9999))); // into whatever memory the two may share
          expect(await other.line()).toBe('y'.repeat(9999));
          client.socket.resume();
          const answer = await client.take(SIZE);
          expect(answer.equals(Buffer.alloc(SIZE, `${LINE}\n`))).toBe(true); // not toEqual(…), which would print it
          expect(await client.rest()).toBe('');

          const firehose = await Client.connect(server.port);
          const lines = Buffer.from(request(step, 'x'.repeat(90)).repeat(1000));
          const sendOn = (error?: Error | null): unknown => error ?? firehose.socket.write(lines, sendOn);
          sendOn();
          for (let i = 0; i < 8; i++) {
            await other.send(request(step, `${i}`));
            expect(await other.line()).toBe(`${i}`);
          }
          firehose.close();
        },
        { args: ['--quiet'] },
      ));
  }
});

describe.runIf(onLinux).concurrent('a hundred resets', () => {
  const RESETS = 100;
  const chats = [
    'select11',
    ...['ring11'].filter(runsHere),
    'generator11',
    'await11',
    'callback11',
    'stream11',
  ];
  for (const step of [...others, 'reactor6', ...ownLoops, ...nodeLoops, ...chats]) {
    const counts = ['generator6', 'task6', 'await6'].includes(step);
    const what = counts ? 'descriptor, no coroutine' : 'descriptor';
    test(`leave nothing behind at ${step}: no ${what}, and no client that is not logged as disconnected`, () =>
      serving(
        step,
        async (server) => {
          const descriptors = () => readdirSync(`/proc/${server.child.pid}/fd`).length;
          const stats = () => (counts ? server.logged(/ tasks, /) : '');
          const statsBefore = await stats();
          // Node's own loop takes a descriptor for itself when it begins: so not before the first client is in.
          const first = await Client.connect(server.port);
          await server.logged(/ connected$/);
          const before = descriptors() - 1;
          first.close();
          await server.logged(/ disconnected: /);
          await reset(server, step);
          await until(() => descriptors() === before);
          let came = 0;
          for (let left = 0; left < RESETS; ) {
            const line = await server.log();
            if (/ connected$/.test(line)) came++;
            if (/ disconnected: /.test(line)) left++;
          }
          expect(came).toBe(RESETS);
          await stats(); // It may have been under way when the last one left.
          expect(await stats()).toBe(statsBefore);
          const one = await Client.connect(server.port);
          await server.logged(/ connected$/);
          await one.send(request(step, 'all well'));
          await one.has('all well\n');
          if (!counts) return;
          await server.logged(/ sent "all well"$/); // What is counted behind this line is counted with it.
          expect(await stats()).not.toBe(statsBefore); // or it would prove nothing
        },
        counts ? { args: ['--stats', '50'] } : {},
      ));
  }

  /** Connects as many, and resets them: before they have said anything, in the middle of a line, with answers unread. */
  async function reset(server: Server, step: string): Promise<void> {
    const much = Buffer.alloc(16_000_000, request(step, 'x'.repeat(1000)));
    const clients = await Promise.all(Array.from({ length: RESETS }, () => Client.connect(server.port)));
    for (const [i, client] of clients.entries()) {
      if (i % 4 === 1) await client.send(request(step, 'half a line').slice(0, -5));
      if (i % 4 === 2) await client.send(much.subarray(0, 100_000));
      if (i === 3) {
        // So much that the server has to stop in the middle of an answer.
        client.socket.pause();
        void client.send(much);
      }
    }
    await Promise.race([clients[3]?.send(''), new Promise((resolve) => setTimeout(resolve, 100))]);
    for (const client of clients) client.reset();
  }
});

describe.runIf(onLinux).concurrent('when there are no descriptors left', () => {
  for (const step of [...others, 'reactor6', ...ownLoops, ...nodeLoops]) {
    test(`${step} rejects new clients, and goes on`, () =>
      servingWithin(60, step, async (server) => {
        const clients: Client[] = [];
        // Node's own loop rejects them in the same way, but logs nothing.
        for (let log = ''; !log.includes('rejected'); ) {
          const client = await Client.connect(server.port);
          clients.push(client);
          const gone = nodeLoops.includes(step)
            ? client.rest().then(() => 'rejected')
            : new Promise<never>(() => {});
          log = await Promise.race([server.logged(/ connected$| rejected: /), gone]);
          if (log.includes(' rejected: ')) expect(log).toMatch(/ rejected: no descriptor left \(EMFILE\)/);
        }
        expect(await clients.pop()?.rest()).toBe('');
        const [first] = clients as [Client];
        await first.send(request(step, 'still here'));
        expect(await first.line()).toBe('still here');
        // The loop sleeps: the rejected client does not keep it busy.
        await until(() => /\bState:\s+S/.test(readFileSync(`/proc/${server.child.pid}/status`, 'utf8')));
        clients.pop()?.close();
        await server.logged(/ disconnected: /);
        await Client.connect(server.port);
        await server.logged(/ connected$/);
      }));
  }
});

describe.runIf(canTrace()).concurrent('while nothing happens, with clients connected', () => {
  /** The calls that a server makes in a second. */
  async function callsOf(server: Server): Promise<string[]> {
    const strace = new Program('strace', ['-f', '-p', `${server.child.pid}`]);
    try {
      await strace.stderr.lineLike(/attached/);
      await new Promise((resolve) => setTimeout(resolve, 1000)); // the second in which nothing is to happen
    } finally {
      strace.kill('SIGINT');
    }
    // Each thread is in a call that began before, and ends only with strace. Anything else is a call that was made.
    const calls = (await strace.stderr.rest()).split('\n').filter((line) => / = -?\d+/.test(line));
    return calls.filter((call) => /epoll_p?wait|poll|recv|send|read|write|accept|io_uring/.test(call));
  }

  for (const step of [...others, 'reactor6', ...ownLoops, ...nodeLoops]) {
    test(`${step} makes no system call`, () =>
      serving(step, async (server) => {
        for (let i = 0; i < 3; i++) {
          const client = await Client.connect(server.port);
          await client.send(request(step, 'hello'));
          await server.logged(/ sent /);
        }
        let calls = await callsOf(server);
        // Now and then a thread of Node's own has something to tell the main one. Not every second.
        for (let i = 0; i < 3 && calls.length > 0; i++) calls = await callsOf(server);
        expect(calls).toEqual([]);
      }));
  }
});
