// task6: many clients, one thread, and for each client two coroutines, which end each other.
//
// New since generator6: tasks. spawn() returns a Task, and its cancel() throws Cancelled where the coroutine waits. So each
//   `finally` on the way out runs. withGroup() returns when all tasks in its group have ended. When one task fails, it
//   cancels the others. When its caller is cancelled, it cancels all. Each client has a group of two tasks: one echoes
//   the client's lines, the other watches how long the client is silent. All clients are in one group, and Ctrl-C
//   cancels it. (Node runs no signal handler while the thread waits in a call of ours. So this loop is a guest in Node's
//   own, as that of await6 is.)
// Try: npm start task6 -- --warn-after 3 --close-after 6 --stats 1000, nc localhost 12345, and say nothing. Then leave
//   with Ctrl-C in nc: at once, the log counts three tasks less. Then Ctrl-C here: each nc shows a goodbye.
// Still wrong: each line is a send() of its own, and a line that never ends grows the buffer, as in generator6. And
//   cancel() can't reach a coroutine while it computes, as one of generator7 does.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { Splitter } from '../protocol/splitter.ts';
import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import type { Address, Socket } from '../sockets/socket.ts';
import type { Coroutine } from './generator-loop.ts';
import { type Group, withGroup } from './group.ts';
import { TaskLoop, withTimeout } from './task.ts';

const { selector, stats, ...options } = readOptions({
  'warn-after': { default: 10, help: 'ask a client that has been silent for so many seconds' },
  'close-after': { default: 20, help: 'say goodbye after so many seconds of silence' },
  selector: selectorOption,
  stats: { default: 0, help: 'log the numbers of tasks and sockets every so many milliseconds, 0 never' },
});
const loop = new TaskLoop(selector);
const [WARN_AFTER, CLOSE_AFTER] = [1000 * options['warn-after'], 1000 * options['close-after']];
const NEWLINE = Buffer.from('\n');

class Client {
  readonly socket: Socket;
  readonly splitter = new Splitter();
  lines: Buffer[] = []; // received, but not yet returned by recvLine(); the last one is first
  readonly unsent: Buffer[] = [];
  active = performance.now(); // when the client last sent or read something

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setBlocking(false);
  }

  *recvLine(): Coroutine<Buffer | undefined> {
    while (this.lines.length === 0) {
      yield ['read', this.socket];
      this.active = performance.now();
      const bytes = this.socket.tryRecv(4096);
      if (bytes === 'would-block') continue;
      if (bytes.length === 0) return;
      this.lines = this.splitter.push(bytes).reverse();
    }
    return this.lines.pop();
  }

  *sendLine(line: Buffer): Coroutine {
    this.unsent.push(line, NEWLINE);
    while (this.unsent.length > 0) {
      if (this.socket.trySendPieces(this.unsent) === 'would-block') yield ['write', this.socket];
      this.active = performance.now();
    }
  }

  /** Sends without waiting. Bytes that the kernel has no room for are left to sendLine(). */
  tell(text: string): void {
    this.unsent.push(Buffer.from(`${text}\n`));
    this.socket.trySendPieces(this.unsent);
  }

  *goodbye(): Coroutine {
    try {
      yield* withTimeout(1000, this.sendLine(Buffer.from('* goodbye')));
    } catch {} // The client does not read, or has left.
  }

  close(): void {
    loop.close(this.socket);
  }
}

function* serve(client: Client, address: Address): Coroutine {
  log(`${address} connected`);
  try {
    yield* withGroup(function* (group) {
      group.spawn(watch(client));
      while (true) {
        const line = yield* client.recvLine();
        if (!line) break;
        log(() => `${address} sent ${quote(line.toString())}`);
        yield* client.sendLine(line);
      }
      group.cancel(); // The client has left. So watch() ends, too.
    });
    const { unfinished } = client.splitter;
    if (unfinished.length > 0) log(`${address} discarded an unfinished line: ${quote(unfinished)}`);
    log(`${address} disconnected: end of stream`);
  } catch (error) {
    log(`${address} disconnected: ${error}`);
    yield* client.goodbye();
  } finally {
    client.close();
  }
}

/** Asks a client that is silent, and fails if it stays silent. */
function* watch(client: Client): Coroutine {
  while (true) {
    const { active } = client;
    yield ['sleep', active + WARN_AFTER - performance.now()];
    if (client.active !== active) continue;
    client.tell('* are you still there?');
    yield ['sleep', active + CLOSE_AFTER - performance.now()];
    if (client.active === active) throw new Error(`silent for ${CLOSE_AFTER / 1000} s`);
  }
}

function* acceptAll(listener: Socket, group: Group): Coroutine {
  listener.setBlocking(false);
  try {
    while (true) {
      yield ['read', listener];
      const accepted = acceptOrReject(listener, (address, why) => log(`${address} rejected: ${why}`));
      if (accepted === 'would-block') continue;
      const [socket, address] = accepted;
      group.spawn(serve(new Client(socket), address));
    }
  } finally {
    loop.close(listener);
  }
}

const server = loop.spawn(withGroup((group) => acceptAll(listen(options), group)));
if (stats > 0) setInterval(() => log(`${loop.tasks} tasks, ${loop.sockets} sockets`), stats).unref();
process.on('SIGINT', () => server.cancel());
await loop.runInNode();
log('all tasks have ended');
