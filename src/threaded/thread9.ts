// thread9: the server of single9, threaded in one line.
//
// New since single9: Server has moved to tcp-server.ts. Its constructor takes the class that handles a client. A mixin,
//   threaded(), handles each client in a thread of its own: class ThreadedServer is the one line. Connection does not
//   change, except that its table of commands is a Dispatcher: the Map and the dispatch() of single9, for all steps.
//   A new command, FIB n, computes for long. In a thread of its own, it delays no other user.
// Try: nc localhost 12345 in two terminals, with HELP, TIME, QUIT. FIB 40 in one of them does not delay the other.
//   Then take threaded(...) away: that is single9 again, and the second user waits until the first leaves.
// Still wrong: this works because a thread may block anywhere. No later mechanism can be mixed in like this: each needs a
//   handler of another kind. See select9.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { isMainThread } from '../parallel/thread.ts';
import { Dispatcher } from '../protocol/dispatcher.ts';
import { answerFib } from '../protocol/fibonacci.ts';
import { Splitter } from '../protocol/splitter.ts';
import type { Address, Socket } from '../sockets/socket.ts';
import { TcpServer, threaded } from './tcp-server.ts';

const commands = new Dispatcher<Connection>([
  ['ECHO', (connection, text) => connection.send(text)],
  ['TIME', (connection) => connection.send(new Date().toISOString())],
  ['HELP', (connection) => connection.send(commands.names.join(' '))],
  ['QUIT', (connection) => connection.quit()],
  ['FIB', (connection, text) => connection.send(answerFib(text))],
]);

class ThreadedServer extends threaded(TcpServer) {}

export class Connection {
  readonly client: Socket;
  readonly address: Address;
  readonly splitter = new Splitter();

  constructor(client: Socket, address: Address) {
    this.client = client;
    this.address = address;
  }

  serve(): void {
    log(`${this.address} connected`);
    try {
      while (!this.client.closed) {
        const bytes = this.client.recv(4096);
        if (bytes.length === 0) break;
        for (const line of this.splitter.push(bytes)) {
          if (!this.client.closed) this.received(line);
        }
      }
      const { unfinished } = this.splitter;
      if (unfinished.length > 0) log(`${this.address} discarded an unfinished line: ${quote(unfinished)}`);
      log(`${this.address} disconnected: ${this.client.closed ? 'QUIT' : 'end of stream'}`);
    } catch (error) {
      log(`${this.address} disconnected: ${error}`);
    } finally {
      this.client.close();
    }
  }

  received(line: Buffer): void {
    log(`${this.address} sent ${quote(line.toString())}`);
    commands.dispatch(this, line.toString());
  }

  send(text: string): void {
    this.client.sendAll(Buffer.from(`${text}\n`));
  }

  quit(): void {
    this.send('BYE');
    this.client.lingeringClose();
  }
}

if (isMainThread) new ThreadedServer(listen(), Connection).run();
