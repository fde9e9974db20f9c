// generator7: lines are commands, and one of them computes.
//
// New since generator6: a Dispatcher, with the commands of single7 and one more, FIB n. Commands send, so they are
//   coroutines. The dispatcher hands a command to serve(), and `yield*` runs it.
// Try: nc localhost 12345 in two terminals. FIB 32 in one of them takes a moment. Then FIB 40, and in the other one ECHO
//   hello, at once: its answer comes after the number. Meanwhile the server accepts no client.
// Still wrong: answerFib() does not wait, so it has nothing to yield. No other coroutine has a turn until it returns.
//   Coroutines help where functions wait, not where they compute: work7 has threads for that.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { Dispatcher } from '../protocol/dispatcher.ts';
import { answerFib } from '../protocol/fibonacci.ts';
import { Splitter } from '../protocol/splitter.ts';
import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import type { Address, Socket } from '../sockets/socket.ts';
import { type Coroutine, GeneratorLoop } from './generator-loop.ts';

const { selector, ...options } = readOptions({ selector: selectorOption });
const loop = new GeneratorLoop(selector);

const commands: Dispatcher<Client, Coroutine> = new Dispatcher([
  ['ECHO', (client, text) => client.send(text)],
  ['TIME', (client) => client.send(new Date().toISOString())],
  ['HELP', (client) => client.send(commands.names.join(' '))],
  ['QUIT', (client) => client.quit()],
  ['FIB', (client, text) => client.send(answerFib(text))], // Wrong on purpose: all wait until it returns. See work7.
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

loop.spawn(acceptAll(listen(options)));
loop.run();
