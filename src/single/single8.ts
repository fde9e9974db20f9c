// single8: commands, with the bad words taken out of what the user types.
//
// New since single7: a list of bad words. The dispatcher deletes them from a command before it looks the command up.
// Try: nc localhost 12345, then RUN, SERVE root, CONSTRUCTOR: all unknown commands now. But SERSERVEVE root becomes SERVE
//   by cleaning, and DISPATCH echo inside runs, because DISPATCH is not on the list.
// Still wrong: a list of bad words is never complete, and cleaned input is new input, which may be bad again. Little Bobby
//   Tables (https://xkcd.com/327/) is the same story with SQL. single9 lists the good words.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { Splitter } from '../protocol/splitter.ts';
import type { Address, Socket } from '../sockets/socket.ts';

const BAD_WORDS = /constructor|run|serve/g;

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
    const clean = word.toLowerCase().replace(BAD_WORDS, ''); // Wrong on purpose: what is left may be bad, too. See single9.
    const method = this[clean as 'echo']; // Wrong on purpose: any method will do. See single9.
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
