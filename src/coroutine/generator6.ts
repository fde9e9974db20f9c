// generator6: many clients, one thread, a generator for each, and one message per line.
//
// New since loop4: lines. recvLine() and sendLine() are generators, and `yield*` calls them. So serve() reads like
//   that of single6, from top to bottom. The loop has moved to loop.ts and generator-loop.ts. It leaves a socket
//   registered from one wait to the next, and a coroutine can also wait for a time: ['sleep', milliseconds].
// Try: nc localhost 12345 in three terminals. Then with --quiet, a client that talks and never reads:
//   bash -c 'yes > /dev/tcp/localhost/12345'
//   Soon its coroutine waits in sendLine(), and receives no more. It costs neither CPU time nor more memory, and the
//   others go on. With --stats 1000 the log counts the coroutines, and with them those that accept and count.
// Still wrong: each line is a send() of its own, even when a hundred arrive at once: generator10 sends them together.
//   A line that never ends grows the buffer for ever, as in single6. And while this loop waits in the kernel, Node's
//   own loop does not run, with its timers and signals: await6 lets it run.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { Splitter } from '../protocol/splitter.ts';
import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import type { Address, Socket } from '../sockets/socket.ts';
import { type Coroutine, GeneratorLoop } from './generator-loop.ts';

const { selector, stats, ...options } = readOptions({
  selector: selectorOption,
  stats: { default: 0, help: 'log the numbers of tasks and sockets every so many milliseconds, 0 never' },
});
const loop = new GeneratorLoop(selector);
const NEWLINE = Buffer.from('\n');

class Client {
  readonly socket: Socket;
  readonly splitter = new Splitter();
  lines: Buffer[] = []; // received, but not yet returned by recvLine(); the last one is first

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setBlocking(false);
  }

  *recvLine(): Coroutine<Buffer | undefined> {
    while (this.lines.length === 0) {
      yield ['read', this.socket];
      const bytes = this.socket.tryRecv(4096);
      if (bytes === 'would-block') continue;
      if (bytes.length === 0) return;
      this.lines = this.splitter.push(bytes).reverse();
    }
    return this.lines.pop();
  }

  *sendLine(line: Buffer): Coroutine {
    const unsent = [line, NEWLINE];
    while (unsent.length > 0) {
      if (this.socket.trySendPieces(unsent) === 'would-block') yield ['write', this.socket];
    }
  }

  close(): void {
    loop.close(this.socket);
  }
}

function* serve(client: Client, address: Address): Coroutine {
  log(`${address} connected`);
  try {
    while (true) {
      const line = yield* client.recvLine();
      if (!line) break;
      log(() => `${address} sent ${quote(line.toString())}`);
      yield* client.sendLine(line);
    }
    const { unfinished } = client.splitter;
    if (unfinished.length > 0) log(`${address} discarded an unfinished line: ${quote(unfinished)}`);
    log(`${address} disconnected: end of stream`);
  } catch (error) {
    log(`${address} disconnected: ${error}`);
  }
  client.close();
}

function* acceptAll(listener: Socket): Coroutine {
  listener.setBlocking(false);
  while (true) {
    yield ['read', listener];
    const accepted = acceptOrReject(listener, (address, why) => log(`${address} rejected: ${why}`));
    if (accepted === 'would-block') continue;
    const [socket, address] = accepted;
    loop.spawn(serve(new Client(socket), address));
  }
}

function* countAll(): Coroutine {
  while (true) {
    yield ['sleep', stats];
    log(`${loop.tasks} tasks, ${loop.sockets} sockets`);
  }
}

loop.spawn(acceptAll(listen(options)));
if (stats > 0) loop.spawn(countAll());
loop.run();
