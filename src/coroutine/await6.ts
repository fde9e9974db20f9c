// await6: many clients, one thread, an async function for each, and the same loop.
//
// New since generator6: `await` for `yield*`, and `async` for the star. The loop makes a promise for each wait, and
//   resolves it when there is something to read, or room to write. And the loop is a guest in Node's own: a loop
//   within a loop. An epoll has a descriptor, which is readable when one of its sockets is ready. Node's loop waits
//   for this descriptor, as for timers and signals. So setInterval() counts for the statistics here, and fetch() and
//   process.on('SIGTERM') work as well.
// Try: what you tried with generator6. Then strace -p "$(pgrep -nf await6)": while all are silent, the thread is in
//   epoll_pwait(), and makes no other call. Press Enter in one nc, and the thread wakes: epoll_pwait() returns our
//   descriptor, epoll_wait() the client's. And read await6 beside generator6: npm run step await6.
// Still wrong: two loops, each with its own epoll, make two calls to wait where one would do. callback6 has one loop,
//   Node's. poll has no descriptor: with --selector poll, this loop sleeps for 10 ms at a time, and Node's
//   timers may be late by that. And a line that never ends grows the buffer for ever, as in single6.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { Splitter } from '../protocol/splitter.ts';
import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import type { Address, Socket } from '../sockets/socket.ts';
import { AsyncLoop } from './async-loop.ts';

const { selector, stats, ...options } = readOptions({
  selector: selectorOption,
  stats: { default: 0, help: 'log the numbers of tasks and sockets every so many milliseconds, 0 never' },
});
const loop = new AsyncLoop(selector);
const NEWLINE = Buffer.from('\n');

class Client {
  readonly socket: Socket;
  readonly splitter = new Splitter();
  lines: Buffer[] = []; // received, but not yet returned by recvLine(); the last one is first

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setBlocking(false);
  }

  async recvLine(): Promise<Buffer | undefined> {
    while (this.lines.length === 0) {
      await loop.readable(this.socket);
      const bytes = this.socket.tryRecv(4096);
      if (bytes === 'would-block') continue;
      if (bytes.length === 0) return;
      this.lines = this.splitter.push(bytes).reverse();
    }
    return this.lines.pop();
  }

  async sendLine(line: Buffer): Promise<void> {
    const unsent = [line, NEWLINE];
    while (unsent.length > 0) {
      if (this.socket.trySendPieces(unsent) === 'would-block') await loop.writable(this.socket);
    }
  }

  close(): void {
    loop.close(this.socket);
  }
}

async function serve(client: Client, address: Address): Promise<void> {
  log(`${address} connected`);
  try {
    while (true) {
      const line = await client.recvLine();
      if (!line) break;
      log(() => `${address} sent ${quote(line.toString())}`);
      await client.sendLine(line);
    }
    const { unfinished } = client.splitter;
    if (unfinished.length > 0) log(`${address} discarded an unfinished line: ${quote(unfinished)}`);
    log(`${address} disconnected: end of stream`);
  } catch (error) {
    log(`${address} disconnected: ${error}`);
  }
  client.close();
}

async function acceptAll(listener: Socket): Promise<void> {
  listener.setBlocking(false);
  while (true) {
    await loop.readable(listener);
    const accepted = acceptOrReject(listener, (address, why) => log(`${address} rejected: ${why}`));
    if (accepted === 'would-block') continue;
    const [socket, address] = accepted;
    loop.spawn(serve(new Client(socket), address));
  }
}

loop.spawn(acceptAll(listen(options)));
if (stats > 0) setInterval(() => log(`${loop.tasks} tasks, ${loop.sockets} sockets`), stats);
await loop.run();
