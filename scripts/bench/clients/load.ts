// load.c in TypeScript, for where C can't be compiled: the same arguments, the same line of output. It has as much to do
// as the servers that it measures, so quick servers seem more alike than they are.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fail } from '../../../src/cli/fail.ts';

/** In milliseconds, but no more than what is measured. */
const WARM_UP = 300;
const PATIENCE = 30_000;
const BATCH = 64;

const [port, busy, seconds, size, idle] = process.argv.slice(2).map(Number);
if (!port || !busy || !seconds || !size || idle === undefined || !(idle >= 0)) {
  fail('Usage: load.ts PORT BUSY SECONDS SIZE IDLE');
}
const letters = Array.from({ length: size - 1 }, (_, i) => String.fromCharCode(97 + (i % 26)));
const message = Buffer.from(`${letters.join('')}\n`);
let ending = false;

function die(cause: string): never {
  fail(`Cannot measure 127.0.0.1:${port}: ${cause}`);
}

/** A connection that sends a message when it is asked to, and checks what comes back. */
class Connection {
  readonly socket: Socket;
  /** Called when the message is back as a whole. */
  answered: () => void = () => {};
  #received = 0;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes) => this.#receive(bytes));
    socket.on('error', (error: NodeJS.ErrnoException) => ending || die(`${error.code}`));
    socket.on('end', () => ending || die('the server has closed the connection'));
  }

  send(): void {
    this.socket.write(message);
  }

  #receive(bytes: Buffer): void {
    const expected = message.subarray(this.#received, this.#received + bytes.length);
    if (!bytes.equals(expected)) die('what came back is not what was sent');
    this.#received += bytes.length;
    if (this.#received < message.length) return;
    this.#received = 0;
    this.answered();
  }
}

/**
 * Opens connections. The last of each batch has a message echoed: by then the server has accepted those before it, so
 * its backlog never overflows, which would cost a second.
 */
async function openConnections(count: number): Promise<Connection[]> {
  const connections: Connection[] = [];
  for (let i = 0; i < count; i++) {
    const connection = new Connection(connect({ port: port as number, host: '127.0.0.1', noDelay: true }));
    connections.push(connection);
    await once(connection.socket, 'connect');
    if ((i + 1) % BATCH !== 0 && i + 1 !== count) continue;
    await new Promise<void>((resolve) => {
      connection.answered = resolve;
      connection.send();
    });
  }
  return connections;
}

/** Answers each message with the next. Returns how many came back once the connections were warm. */
async function exchange(connections: Connection[], milliseconds: number): Promise<string> {
  let messages = 0;
  for (const connection of connections) {
    connection.answered = () => {
      messages++;
      connection.send();
    };
    connection.send();
  }
  await sleep(Math.min(WARM_UP, milliseconds));
  const warm = messages;
  messages = 0;
  const begin = performance.now();
  await sleep(milliseconds);
  // On a busy machine, a short time may be one in which the server had no turn at all.
  while (messages === 0 && performance.now() < begin + PATIENCE) await sleep(milliseconds);
  if (messages === 0) die('no answer');
  return JSON.stringify({ messages, seconds: (performance.now() - begin) / 1000, all: warm + messages });
}

/** Idle ones are reset, because a proper end keeps the port for a minute. Busy ones wait for the server's end. */
async function end(sleepers: Connection[], connections: Connection[]): Promise<void> {
  let answers = 0;
  ending = true;
  for (const { socket } of sleepers) socket.resetAndDestroy();
  const closed = connections.map(({ socket }) => once(socket, 'close'));
  for (const connection of connections) {
    connection.answered = () => answers++;
    connection.socket.end();
  }
  await Promise.all(closed);
  if (answers !== connections.length) die('the last answer is missing');
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

const patience = () => setTimeout(() => die('no answer'), PATIENCE);
const opening = patience();
const sleepers = await openConnections(idle);
const connections = await openConnections(busy);
clearTimeout(opening);
console.log(await exchange(connections, seconds * 1000));
patience().unref();
await end(sleepers, connections);
