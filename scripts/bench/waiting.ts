// How much memory a function takes while it waits, or an object in its place: run by the table `suspended`.
//
//   node --expose-gc waiting.mjs KIND
//
// Makes very many that all wait for a line, as the servers of level 6 do, and prints the bytes of each, along with what a
// loop keeps to wake it. A socket and a splitter are there once for all, and do not count. It is run as JavaScript: tsx gives
// each function a property with its name, which takes 250 bytes.

import { fail } from '../../src/cli/fail.ts';

const COUNT = 100_000;

type Wake = () => void;
type Line = string | undefined;

/** What a loop keeps to wake each function. */
const waiters: Wake[] = [];

const client = { address: '127.0.0.1:12345', splitter: {}, lines: [] as string[], closed: false };
type Client = typeof client;

function* recvLine(client: Client): Generator<'read', Line, void> {
  while (true) {
    const line = client.lines.pop();
    if (line) return line;
    yield 'read';
    if (client.closed) return;
  }
}

function* serve(client: Client, address: string): Generator<'read', void, void> {
  try {
    while (true) {
      const line = yield* recvLine(client);
      if (!line) break;
      client.lines.push(line);
    }
  } catch (error) {
    console.log(address, error);
  }
}

function spawn(coroutine: Generator<'read', unknown, void>): void {
  const run = () => {
    const step = coroutine.next();
    if (!step.done) waiters.push(run);
  };
  run();
}

function readable(): Promise<void> {
  return new Promise((resolve) => waiters.push(resolve));
}

async function recvLineAsync(client: Client): Promise<Line> {
  while (true) {
    const line = client.lines.pop();
    if (line) return line;
    await readable();
    if (client.closed) return;
  }
}

async function serveAsync(client: Client, address: string): Promise<void> {
  try {
    while (true) {
      const line = await recvLineAsync(client);
      if (!line) break;
      client.lines.push(line);
    }
  } catch (error) {
    console.log(address, error);
  }
}

/** The five functions of callback6, which share the variables of the one that they stand in. */
function handlers(client: Client): Record<string, (argument?: unknown) => void> {
  const { address, splitter } = client;
  let why: unknown = 'end of stream';
  return {
    data: (bytes) => console.log(client, splitter, bytes),
    drain: () => console.log(client),
    end: () => console.log(client, splitter),
    error: (error) => {
      why = error;
    },
    close: () => console.log(address, why),
  };
}

/** What is returned is kept, too. */
const kinds: Record<string, () => unknown> = {
  state: () => ({ address: client.address, splitter: client.splitter, unsent: [], ended: false }),
  callbacks: () => handlers(client),
  generator: () => spawn(recvLine(client)),
  'generator-in-generator': () => spawn(serve(client, client.address)),
  async: () => void recvLineAsync(client),
  'async-in-async': () => void serveAsync(client, client.address),
};

function used(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

const kind = kinds[process.argv[2] ?? ''];
if (!kind || !globalThis.gc) fail(`Usage: node --expose-gc waiting.mjs ${Object.keys(kinds).join('|')}`);
for (let i = 0; i < COUNT / 10; i++) kind(); // as many as it takes to have them compiled
waiters.length = 0;
const kept: unknown[] = new Array(COUNT).fill(undefined);
const before = used();
for (let i = 0; i < COUNT; i++) kept[i] = kind();
const bytes = (used() - before) / COUNT;
if (kept.length + waiters.length > 0) console.log(Math.round(bytes)); // V8 drops an object after its last use.
