// generator6: many clients, one thread, a generator for each, and a loop that knows what each of them waits for.
//
// New since generator4: a coroutine yields what it waits for, ['read', socket] or ['write', socket], and goes on when that
//   has come: then no call has to wait. recvLine(), sendLine() and accept() are generators that do it, and `yield*` calls
//   them from others. So serve() reads like that of single6, from top to bottom.
// Try: nc localhost 12345 in three terminals. Then with --quiet, somebody who talks and never listens: bash -c
//   'yes > /dev/tcp/localhost/12345'. Soon its coroutine sits in sendAll(), and reads no more of it: no work, no memory, and
//   the others go on. With --stats 1000 the log says how many there are, those that accept and count among them.
// Still wrong: each line is a send() of its own, even of a hundred that have come at once: generator10 sends them together. A
//   line that never ends grows the buffer for ever, as in single6. And while the loop waits in the kernel, Node stands
//   still, with all its timers and signals: await6 lets it breathe.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { Splitter } from '../protocol/splitter.ts';
import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import { type Address, pin, type Socket } from '../sockets/socket.ts';
import { type Coroutine, GeneratorLoop } from './generator-loop.ts';

const { selector, stats, ...options } = readOptions({
  selector: selectorOption,
  stats: { default: 0, help: 'log how many there are every so many milliseconds, 0 never' },
});
const loop = new GeneratorLoop(selector);
const received = pin(4096); // One for all, because nobody else runs until a coroutine yields: then see sendAll().
const NEWLINE = Buffer.from('\n');

class Client {
  readonly socket: Socket;
  readonly splitter = new Splitter();
  lines: Buffer[] = []; // those that have come and were not asked for yet, the last one first

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setBlocking(false);
  }

  /** The next line, undefined at the end of the stream. It is good until the next `yield`: the memory is everybody's. */
  *recvLine(): Coroutine<Buffer | undefined> {
    while (true) {
      const line = this.lines.pop();
      if (line) return line;
      yield ['read', this.socket];
      const count = this.socket.tryRecvInto(received);
      if (count === 'would-block') continue;
      if (count === 0) return;
      this.lines = this.splitter.push(received.bytes.subarray(0, count)).reverse();
    }
  }

  *sendLine(line: Buffer): Coroutine {
    const count = this.socket.trySendPieces([line, NEWLINE]); // Mostly the kernel takes it all, and that is it.
    if (count === line.length + 1) return;
    yield* this.sendAll(Buffer.concat([line, NEWLINE]).subarray(count === 'would-block' ? 0 : count));
  }

  *sendAll(bytes: Buffer): Coroutine {
    // Others will receive while this one waits, so the lines that are still to be read have to move out.
    this.lines = this.lines.map((line) => Buffer.from(line));
    for (let rest = bytes; rest.length > 0; ) {
      yield ['write', this.socket];
      const count = this.socket.trySend(rest);
      if (count !== 'would-block') rest = rest.subarray(count);
    }
  }

  close(): void {
    loop.close(this.socket);
  }
}

function* accept(listener: Socket): Coroutine<[Client, Address]> {
  while (true) {
    yield ['read', listener];
    const accepted = acceptOrReject(listener, (address, why) => log(`${address} rejected: ${why}`));
    if (accepted === 'would-block') continue;
    const [socket, address] = accepted;
    return [new Client(socket), address];
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
    const [client, address] = yield* accept(listener);
    loop.spawn(serve(client, address));
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
