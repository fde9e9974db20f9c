// work7: commands, and threads that compute.
//
// New since generator7: `yield* workers.work(answerFib, text)` in place of `answerFib(text)`. A thread takes the job out of
//   a queue. The coroutine waits for one of two connected sockets, and the thread sends the number through the other one.
//   So epoll_wait() returns, as it does for a client. work.ts has the pool of threads. (A thread loads this file anew:
//   hence isMainThread.)
// Try: what you tried with generator7: FIB 40 in one terminal, ECHO hello in the other, at once. Then npm start work7 --
//   --workers 1, and FIB 40 in two terminals: the second number takes twice as long, and ECHO hello no longer than before.
// Still wrong: the first job of each thread starts it, and for some 40 ms the loop stands still. And when a user leaves,
//   the thread computes on, and sends the number to a socket that is closed.

import { availableParallelism } from 'node:os';
import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { isMainThread } from '../parallel/thread.ts';
import { Dispatcher } from '../protocol/dispatcher.ts';
import { answerFib } from '../protocol/fibonacci.ts';
import { Splitter } from '../protocol/splitter.ts';
import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import type { Address, Socket } from '../sockets/socket.ts';
import { type Coroutine, GeneratorLoop } from './generator-loop.ts';
import { Workers } from './work.ts';

const options = readOptions({
  selector: selectorOption,
  workers: { default: availableParallelism(), min: 1, max: 100, help: 'how many threads may compute' },
});
const loop = new GeneratorLoop(options.selector);
const workers = new Workers(loop, options.workers);

export { answerFib }; // A thread finds it by its name.

const commands: Dispatcher<Client, Coroutine> = new Dispatcher([
  ['ECHO', (client, text) => client.send(text)],
  ['TIME', (client) => client.send(new Date().toISOString())],
  ['HELP', (client) => client.send(commands.names.join(' '))],
  ['QUIT', (client) => client.quit()],
  [
    'FIB',
    function* (client, text) {
      const number = yield* workers.work(answerFib, text);
      yield* client.send(number);
    },
  ],
]);

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

  *send(text: string): Coroutine {
    const unsent = [Buffer.from(`${text}\n`)];
    while (unsent.length > 0) {
      if (this.socket.trySendPieces(unsent) === 'would-block') yield ['write', this.socket];
    }
  }

  *quit(): Coroutine {
    yield* this.send('BYE');
    this.close();
  }

  close(): void {
    loop.close(this.socket);
  }
}

function* serve(client: Client, address: Address): Coroutine {
  log(`${address} connected`);
  try {
    while (!client.socket.closed) {
      const line = yield* client.recvLine();
      if (!line) break;
      log(() => `${address} sent ${quote(line.toString())}`);
      yield* commands.dispatch(client, line.toString()) ?? []; // An empty line is no command.
    }
    const { unfinished } = client.splitter;
    if (unfinished.length > 0) log(`${address} discarded an unfinished line: ${quote(unfinished)}`);
    log(`${address} disconnected: ${client.socket.closed ? 'QUIT' : 'end of stream'}`);
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

if (isMainThread) {
  loop.spawn(acceptAll(listen(options)));
  loop.run();
}
