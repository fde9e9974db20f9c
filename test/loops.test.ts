// What every server with one thread for all clients has to do, with any mechanism.

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import { pour } from '../src/behaviours/pour.ts';
import { Program } from '../src/behaviours/program.ts';
import type { Server } from '../src/behaviours/server.ts';
import {
  canTrace as mayTrace,
  onLinux,
  request,
  runsHere,
  serving,
  servingWithin,
  until,
} from './harness.ts';

const canTrace = mayTrace();

/** Coroutines on the project's own loop. With --stats, they count themselves in the log. */
const counted = ['generator6', 'task6', 'await6'];
/** Loops of the project. */
const ownLoops = [
  ...['poll3', 'select3', 'select6', 'select9', 'reactor6', 'ring3', 'ring6'].filter(runsHere),
  'loop4',
  ...counted,
];
/** Those on Node's own loop. */
const nodeLoops = ['callback6', 'stream6'];

/** The project's selector, its ring, and Node's loop have a thousand clients. The others are made of these. */
const manyFor = ['select3', 'ring6', 'callback6'];

/** Options with which a step has patience with clients that a busy machine keeps silent: task6 says goodbye to others. */
const patient = (step: string) => (step === 'task6' ? ['--warn-after', '1000', '--close-after', '1000'] : []);

describe.concurrent('many at once', () => {
  for (const [step = '', ...args] of [
    ...[...ownLoops, ...nodeLoops].map((step) => [step]),
    ...['select3', 'await6'].map((step) => [step, '--selector', 'poll']),
  ]) {
    const count = manyFor.includes(step) ? 1000 : 100;
    const traces = canTrace && args.length === 0;
    const then = traces ? '; then, with clients connected, it makes no system call' : '';
    test(`${[step, ...args].join(' ')} answers ten lines of each of ${count} clients, each its own${then}`, () =>
      serving(
        step,
        async (server) => {
          const clients = await Promise.all(Array.from({ length: count }, () => Client.connect(server.port)));
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
          const [first, second, ...rest] = clients as [Client, Client, ...Client[]];
          for (const client of rest) client.end();
          for (const client of rest) expect(await client.rest()).toBe('');
          if (traces) await sleeps(server);
          for (const client of [first, second]) {
            await client.send(request(step, 'still here'));
            expect(await client.line()).toBe('still here');
          }
        },
        { args: [...args, ...patient(step), '--quiet'] },
      ));
  }

  /** Waits until the server makes no call in a second. Now and then a thread of Node's own writes to the main one: not every second. */
  async function sleeps(server: Server): Promise<void> {
    let calls = await callsOf(server);
    for (let i = 0; i < 3 && calls.length > 0; i++) calls = await callsOf(server);
    expect(calls).toEqual([]);
  }

  /** The calls that it makes in a second. */
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
});

describe.concurrent('a client that does not read', () => {
  const SIZE = 16_000_000; // more than the buffers of the kernel hold on both sides, there and back: tcp(7)
  const LINE = 'x'.repeat(3999);

  for (const step of [
    'select6',
    ...['ring6', 'ring10'].filter(runsHere),
    ...['loop4', 'generator6', 'generator10', 'task6', 'await6', 'await10'],
    ...['callback6', 'callback10', 'stream6', 'stream10'],
  ]) {
    const pushesBack = !step.startsWith('select');
    const what = `is ${pushesBack ? 'not read, either,' : 'read, and its answers kept,'} by ${step}`;
    test(`${what}, and receives every byte when it reads; a client that never stops sending leaves others their turns`, () =>
      serving(
        step,
        async (server) => {
          const client = await Client.connect(server.port);
          client.socket.pause();
          const piece = Buffer.from(request(step, LINE).repeat(50));
          const { all } = await pour(client, Array(SIZE / 200_000).fill(piece), { program: server });
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
        { args: [...patient(step), '--quiet'] },
      ));
  }
});

describe.runIf(onLinux).concurrent('a hundred resets', () => {
  const RESETS = 100;
  const chats = ['select11', 'ring11', 'generator11', 'callback11'].filter(runsHere);
  for (const step of [...ownLoops, ...nodeLoops, ...chats]) {
    const counts = counted.includes(step);
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
        counts ? { args: ['--stats', '50', ...patient(step)] } : {},
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
  const ways = ['poll3', 'select9', 'ring6', 'loop4', 'generator6', 'await6', 'callback6'];
  for (const step of ways.filter(runsHere)) {
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
