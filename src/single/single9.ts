// single9: a server that accepts, connections that talk, and a table of commands.
//
// New since single8: a table of commands, in place of the methods of an object. And a class Connection, which holds what
//   belongs to one client, so that its methods need no client as an argument.
// Try: nc localhost 12345, then HELP, RUN, CONSTRUCTOR, SERSERVEVE: a word that is not in the table is unknown.
// Still wrong: Connection does everything itself: bytes, lines, text and commands. single10 takes it apart.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { Splitter } from '../protocol/splitter.ts';
import type { Address, Socket } from '../sockets/socket.ts';

// A Map holds only what you put into it. An object inherits a dozen names as well, such as `constructor`.
const commands = new Map<string, (connection: Connection, text: string) => void>([
  ['ECHO', (connection, text) => connection.send(text)],
  ['TIME', (connection) => connection.send(new Date().toISOString())],
  ['HELP', (connection) => connection.send([...commands.keys()].join(' '))],
  ['QUIT', (connection) => connection.quit()],
]);

class Server {
  readonly listener: Socket;

  constructor(listener: Socket) {
    this.listener = listener;
  }

  run(): never {
    while (true) {
      const [client, address] = this.listener.accept();
      new Connection(client, address).serve();
    }
  }
}

class Connection {
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
    this.dispatch(line.toString().replace(/\r$/, ''));
  }

  dispatch(line: string): void {
    const [, word = '', text = ''] = /^\s*(\S+) ?(.*)/s.exec(line) ?? [];
    if (word === '') return; // an empty line
    const command = commands.get(word.toUpperCase());
    if (command) command(this, text);
    else this.send(`ERROR unknown command: ${word}`);
  }

  send(text: string): void {
    this.client.sendAll(Buffer.from(`${text}\n`));
  }

  quit(): void {
    this.send('BYE');
    this.client.lingeringClose();
  }
}

new Server(listen()).run();
