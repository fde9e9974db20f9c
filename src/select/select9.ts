// select9: commands, on classes that call you when something happens.
//
// New since reactor6: the loop, the queue and the interest have moved to event-handler.ts and async-chat.ts. This file
//   has a class for the listener and one for a connection, with a method for each event. It is single9, turned
//   inside out: there, serve() calls recv() and waits; here, AsyncChat calls foundTerminator() for each line. The
//   answers of a tick go out together, at its end.
// Try: nc localhost 12345 with HELP, TIME, QUIT. Then a hundred commands at once, with a hundred answers:
//   yes TIME | head -100 | nc -N localhost 12345 | wc -l
// Still wrong: a conversation of several messages has to be cut into methods, and each local variable of single9
//   becomes a field, because no method may wait. generator6 gets the one function back that reads from top to bottom.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { Dispatcher } from '../protocol/dispatcher.ts';
import type { Address, Socket } from '../sockets/socket.ts';
import { AsyncChat } from './async-chat.ts';
import { EventHandler, Loop } from './event-handler.ts';

const { selector: mechanism, ...options } = readOptions({ selector: selectorOption });

const commands = new Dispatcher<Connection>([
  ['ECHO', (connection, text) => connection.send(text)],
  ['TIME', (connection) => connection.send(new Date().toISOString())],
  ['HELP', (connection) => connection.send(commands.names.join(' '))],
  ['QUIT', (connection) => connection.quit()],
]);

class Server extends EventHandler {
  readonly loop: Loop;

  constructor(loop: Loop, listener: Socket) {
    super(loop, listener, 'listening');
    this.loop = loop;
  }

  override onAccept(client: Socket, address: Address): void {
    new Connection(this.loop, client, address);
  }

  override onReject(address: Address, why: string): void {
    log(`${address} rejected: ${why}`);
  }
}

class Connection extends AsyncChat {
  readonly address: Address;

  constructor(loop: Loop, client: Socket, address: Address) {
    super(loop, client);
    this.address = address;
    this.terminator = '\n';
    log(`${address} connected`);
  }

  override foundTerminator(): void {
    const line = this.collected().toString();
    log(() => `${this.address} sent ${quote(line)}`);
    commands.dispatch(this, line);
  }

  override onEnd(why: 'end of stream' | 'closed' | Error, rest: Buffer): void {
    if (rest.length > 0) log(`${this.address} discarded an unfinished line: ${quote(rest)}`);
    log(`${this.address} disconnected: ${why === 'closed' ? 'QUIT' : why}`);
  }

  send(text: string): void {
    this.push(Buffer.from(`${text}\n`));
  }

  quit(): void {
    this.send('BYE');
    this.closeWhenDone();
  }
}

const loop = new Loop(mechanism);
new Server(loop, listen(options));
loop.run();
