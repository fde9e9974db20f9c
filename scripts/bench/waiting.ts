// The memory of a function that waits, or of an object in its place. The table `suspended` runs it.
//
//   node --expose-gc waiting.mjs KIND COUNT
//
// Makes COUNT functions that wait for a line, as the servers of level 6 do. Prints the bytes of each, with the bytes that a
// loop keeps to wake it. All share one socket and one splitter, which do not count. It runs as JavaScript, because tsx adds a
// property of 250 bytes to each function.

import { fail } from '../../src/cli/fail.ts';

type Wake = () => void;
type Line = string | undefined;

/** What the loop keeps to wake the functions. */
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

/** The five callbacks of callback6. They share the variables of the function around them. */
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

/** The ways to wait. What a function returns is kept, too. */
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

const [, , name = '', typed] = process.argv;
const kind = kinds[name];
const count = Number(typed);
if (!kind || !count || !globalThis.gc)
  fail(`Usage: node --expose-gc waiting.mjs ${Object.keys(kinds).join('|')} COUNT`);
for (let i = 0; i < count / 10; i++) kind(); // so that V8 compiles the functions
waiters.length = 0;
const kept: unknown[] = new Array(count).fill(undefined);
const before = used();
for (let i = 0; i < count; i++) kept[i] = kind();
const bytes = (used() - before) / count;
if (kept.length + waiters.length > 0) console.log(Math.round(bytes)); // V8 drops an object after its last use.
