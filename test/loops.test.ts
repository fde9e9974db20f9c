// What every server with one thread for all clients has to do, with any mechanism, beyond the behaviours of all steps.

import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Client, type ClientOptions } from '../src/behaviours/client.ts';
import { pour } from '../src/behaviours/pour.ts';
import type { Server } from '../src/behaviours/server.ts';
import { limitDescriptors, onLinux, request, runsHere, serving, sleeps, until } from './harness.ts';

/** Coroutines on the project's own loop. With --stats, they count themselves in the log. */
const counted = ['generator6', 'task6', 'await6'];
/** On Node's own loop, which logs no client that it rejects. */
const nodeLoops = ['callback6', 'stream6'];
const loops = [
  ...['poll3', 'select3', 'select6', 'select9', 'reactor6', 'ring3', 'ring6', 'loop4'],
  ...[...counted, ...nodeLoops],
];
const chains = ['ring10', 'generator10', 'await10', 'callback10', 'stream10'];
const chats = ['select11', 'ring11', 'generator11', 'callback11', 'await11'];
/** The project's selector and its ring have a thousand clients. The other steps are made of these, or of Node's loop. */
const manyFor = ['select3', 'ring6'];

type Claim = [claim: string, steps: string[], prove: (running: Running) => Promise<void>];

const pushBack = ['ring6', 'loop4', ...counted, ...nodeLoops, ...chains];
const claims: Claim[] = [
  ['answers ten lines of each of many clients, each its own', loops, answersMany],
  ['reads on, and keeps the answers, while a client does not read', ['select6'], isLate],
  ['does not read from a client that does not read', pushBack, isLate],
  ['leaves turns to others while a client never stops sending', ['select6', ...pushBack], isFirehose],
];
const claimsOnLinux: Claim[] = [
  ['keeps nothing of clients that have left, forty by a reset', [...loops, ...chats], isLeft],
  ['sleeps while clients are idle', [...loops, 'await11'], ({ server }) => sleeps(server)],
  [
    'rejects clients when no descriptors are left, and goes on',
    ['poll3', 'select9', 'ring6', 'loop4', 'generator6', 'await6', 'callback6'],
    isFull,
  ],
];

/** A step that runs, and its clients. */
class Running {
  readonly step: string;
  readonly server: Server;
  readonly first: Client;
  /** How many descriptors it had without a client. */
  readonly descriptors: number;
  /** How many clients there were, and how many the log calls connected, and disconnected. */
  readonly clients = { all: 1, connected: 1, disconnected: 0 };

  constructor(step: string, server: Server, first: Client) {
    this.step = step;
    this.server = server;
    this.first = first;
    this.descriptors = onLinux ? this.open() - 1 : 0;
  }

  open(): number {
    return readdirSync(`/proc/${this.server.child.pid}/fd`).length;
  }

  connect(options?: ClientOptions): Promise<Client> {
    this.clients.all++;
    return Client.connect(this.server.port, options);
  }

  connectAll(count: number, options?: ClientOptions): Promise<Client[]> {
    return Promise.all(Array.from({ length: count }, () => this.connect(options)));
  }

  /** Waits for a line of the log that matches. */
  async logged(pattern: RegExp): Promise<string> {
    while (true) {
      const line = await this.server.log();
      if (/ connected$/.test(line)) this.clients.connected++;
      if (/ disconnected: /.test(line)) this.clients.disconnected++;
      if (pattern.test(line)) return line;
    }
  }

  /** Expects the echo of a line. */
  async ask(client: Client, line: string): Promise<void> {
    client.forget(); // a chat tells who comes and leaves
    await client.send(request(this.step, line));
    await client.has(`${line}\n`);
  }
}

describe.concurrent('a loop', () => {
  for (const step of [...loops, ...chains, ...chats].filter(runsHere)) {
    const own = [...claims, ...(onLinux ? claimsOnLinux : [])].filter(([, steps]) => steps.includes(step));
    const args = [
      ...(counted.includes(step) ? ['--stats', '2000'] : []),
      // It says goodbye to clients that a busy machine keeps silent.
      ...(step === 'task6' ? ['--warn-after', '1000', '--close-after', '1000'] : []),
    ];
    test(`${step} ${own.map(([claim]) => claim).join('; ')}`, () =>
      serving(
        step,
        async (server) => {
          // Node's own loop takes a descriptor for itself when it begins: so not before the first client is in.
          const first = await Client.connect(server.port);
          await server.logged(/ connected$/);
          const running = new Running(step, server, first);
          for (const [, , prove] of own) {
            await prove(running);
            await running.ask(first, 'still here');
          }
        },
        { args },
      ));
  }
});

async function answersMany(running: Running): Promise<void> {
  const { step } = running;
  const clients = await running.connectAll(manyFor.includes(step) ? 1000 : 50);
  await Promise.all(
    clients.map(async (client, who) => {
      const lines = Array.from({ length: 10 }, (_, n) => `client ${who}, line ${n}`);
      const stream = lines.map((line) => request(step, line)).join('');
      const cut = 1 + (who % (stream.length - 2));
      await client.send(stream.slice(0, cut));
      await client.send(stream.slice(cut));
      client.end();
      expect(await client.rest()).toBe(lines.map((line) => `${line}\n`).join(''));
    }),
  );
}

const SIZE = 8_000_000; // much more than the kernels keep, there and back: tcp(7)
const PIECE = 200_000;
const LINE = `${'x'.repeat(3999)}\n`;
const ANSWER = Buffer.alloc(PIECE, LINE);

async function isLate(running: Running): Promise<void> {
  const { step, server, first } = running;
  const client = await running.connect({ keepsLittle: true });
  client.socket.pause();
  const piece = Buffer.from(request(step, LINE.trimEnd()).repeat(PIECE / LINE.length));
  const { all } = await pour(client, Array(SIZE / PIECE).fill(piece), { program: server });
  let isTaken = false;
  void all.then(() => {
    isTaken = true;
    client.end();
  });
  await running.ask(first, 'y'.repeat(9999)); // into whatever memory the two may share
  expect(isTaken).toBe(!pushBack.includes(step));
  client.socket.resume();
  for (let i = 0; i < SIZE / PIECE; i++) {
    const answer = await client.take(PIECE);
    expect(answer.equals(ANSWER)).toBe(true); // not toEqual(…), which would print it
  }
  expect(await client.rest()).toBe('');
}

async function isFirehose(running: Running): Promise<void> {
  const firehose = await running.connect();
  const lines = Buffer.from(request(running.step, 'x'.repeat(90)).repeat(1000));
  const sendOn = (error?: Error | null): unknown => error ?? firehose.socket.write(lines, sendOn);
  sendOn();
  for (let i = 0; i < 4; i++) await running.ask(running.first, `${i}`);
  firehose.close();
}

async function isLeft(running: Running): Promise<void> {
  const { step, server, first } = running;
  const stats = async () => {
    if (!counted.includes(step)) return '';
    await running.ask(first, 'count');
    await running.logged(/ sent "count"$/); // What is counted behind this line is counted with it.
    return running.logged(/ tasks, /);
  };
  await until(() => running.open() === running.descriptors + 1);
  const before = await stats();

  // They leave before they have said anything, in the middle of a line, and with answers unread.
  const clients = await running.connectAll(40, { keepsLittle: true });
  const piece = Buffer.from(request(step, LINE.trimEnd()).repeat(5));
  for (const [i, client] of clients.entries()) {
    if (i % 4 === 1) await client.send(request(step, 'half a line').slice(0, -5));
    if (i % 4 === 2) await client.send(piece);
    if (i === 3) {
      // So much that the server has to stop in the middle of an answer.
      client.socket.pause();
      await pour(client, Array(60).fill(piece), { program: server });
    }
  }
  for (const client of clients) client.reset();
  while (running.clients.disconnected < running.clients.all - 1) await running.logged(/ disconnected: /);
  expect(running.clients.connected).toBe(running.clients.all);
  await until(() => running.open() === running.descriptors + 1);
  expect(await stats()).toBe(before);

  await running.connect();
  await running.logged(/ connected$/);
  if (counted.includes(step)) expect(await stats()).not.toBe(before); // or it would prove nothing
}

async function isFull(running: Running): Promise<void> {
  const { step, server } = running;
  limitDescriptors(server, 8);
  const clients: Client[] = [];
  for (let rejections = 0; rejections < 2; ) {
    const client = await running.connect();
    const gone = client.rest().then(() => 'rejected');
    const log = await (nodeLoops.includes(step)
      ? Promise.race([running.logged(/ connected$/), gone])
      : running.logged(/ connected$| rejected: /));
    if (!log.includes('rejected')) {
      clients.push(client);
      continue;
    }
    if (!nodeLoops.includes(step)) expect(log).toMatch(/ rejected: no descriptor left \(EMFILE\)/);
    await gone;
    rejections++;
  }
  // The rejected client does not keep it busy. A ring fails before a client is there: it pauses, and asks again.
  if (!step.startsWith('ring')) await sleeps(server);
  clients.pop()?.close();
  await running.logged(/ disconnected: /);
  await running.connect();
  await running.logged(/ connected$/);
}
