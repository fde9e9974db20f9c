// single7: lines are commands: ECHO text, TIME, HELP, QUIT.
//
// New since single6: a dispatcher, which calls the method with the name of the command. To add a command, you write a
//   method. (The splitting of lines has moved to src/protocol, for all later steps.)
// Try: nc localhost 12345, then: echo hello, time, dance, quit. Then methods that are no commands: CONSTRUCTOR throws,
//   and ends your connection, SERVE root makes the log call you root, and after RUN the server answers you no more.
// Still wrong: the user chooses which method is called, and not every method is a command. single8 deletes words known to
//   be bad; single9 looks up words known to be good.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { Splitter } from '../protocol/splitter.ts';
import type { Address, Socket } from '../sockets/socket.ts';

class Server {
  readonly listener: Socket;

  constructor(listener: Socket) {
    this.listener = listener;
  }

  run(): never {
    while (true) {
      const [client, address] = this.listener.accept();
      this.serve(client, address);
    }
  }

  serve(client: Socket, address: Address): void {
    log(`${address} connected`);
    try {
      const splitter = new Splitter();
      while (!client.closed) {
        const bytes = client.recv(4096);
        if (bytes.length === 0) break;
        for (const line of splitter.push(bytes)) {
          if (!client.closed) this.received(client, address, line);
        }
      }
      const { unfinished } = splitter;
      if (unfinished.length > 0) log(`${address} discarded an unfinished line: ${quote(unfinished)}`);
      log(`${address} disconnected: ${client.closed ? 'QUIT' : 'end of stream'}`);
    } catch (error) {
      log(`${address} disconnected: ${error}`);
    } finally {
      client.close();
    }
  }

  received(client: Socket, address: Address, line: Buffer): void {
    log(`${address} sent ${quote(line.toString())}`);
    this.dispatch(client, line.toString().replace(/\r$/, ''));
  }

  dispatch(client: Socket, line: string): void {
    const [, word = '', text = ''] = /^\s*(\S+) ?(.*)/s.exec(line) ?? [];
    if (word === '') return; // an empty line
    const method = this[word.toLowerCase() as 'echo']; // Wrong on purpose: any method will do. See single9.
    if (typeof method === 'function') method.call(this, client, text);
    else this.reply(client, `ERROR unknown command: ${word}`);
  }

  reply(client: Socket, text: string): void {
    client.sendAll(Buffer.from(`${text}\n`));
  }

  echo(client: Socket, text: string): void {
    this.reply(client, text);
  }

  time(client: Socket): void {
    this.reply(client, new Date().toISOString());
  }

  help(client: Socket): void {
    this.reply(client, 'ECHO TIME HELP QUIT'); // Kept by hand: the object would name run and serve as well.
  }

  quit(client: Socket): void {
    this.reply(client, 'BYE');
    client.close();
  }
}

new Server(listen()).run();
