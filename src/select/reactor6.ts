// reactor6: many clients, one thread, and callbacks.
//
// New since select6: each socket is registered with a callback, the function that handles its events. So the loop at
//   the end knows neither listeners nor clients, and only calls. This is a reactor. Its loop never changes again.
// Try: what you tried with select6.
// Still wrong: each new kind of server has to write the queue and the interest anew. select9 has classes for both.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { Splitter } from '../protocol/splitter.ts';
import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import { type Key, READ, Selector, WRITE } from '../sockets/selector.ts';
import type { Address, Socket } from '../sockets/socket.ts';

const { selector: mechanism, ...options } = readOptions({ selector: selectorOption });

type Callback = (key: Key<Callback>) => void;

const selector = new Selector<Callback>(mechanism);
const NEWLINE = Buffer.from('\n');

class Client {
  readonly key: Key<Callback>;
  readonly address: Address;
  readonly splitter = new Splitter();
  readonly unsent: Buffer[] = [];
  ended = false;

  constructor(socket: Socket, address: Address) {
    socket.setBlocking(false);
    this.address = address;
    this.key = selector.register(socket, READ, () => this.serve());
    log(`${address} connected`);
  }

  serve(): void {
    try {
      if (this.key.ready & READ) this.read();
      if (this.key.ready & WRITE || !(this.key.interest & WRITE)) this.write();
      this.updateInterest();
    } catch (error) {
      this.disconnect(error);
    }
  }

  read(): void {
    const bytes = this.key.socket.tryRecv(4096);
    if (bytes === 'would-block') return;
    for (const line of this.splitter.push(bytes)) {
      log(() => `${this.address} sent ${quote(line.toString())}`);
      this.unsent.push(line, NEWLINE);
    }
    if (bytes.length > 0) return;
    const { unfinished } = this.splitter;
    if (unfinished.length > 0) log(`${this.address} discarded an unfinished line: ${quote(unfinished)}`);
    this.ended = true;
  }

  write(): void {
    this.key.socket.trySendPieces(this.unsent);
  }

  updateInterest(): void {
    if (this.ended && this.unsent.length === 0) this.disconnect('end of stream');
    else selector.modify(this.key, (this.ended ? 0 : READ) | (this.unsent.length > 0 ? WRITE : 0));
  }

  disconnect(why: unknown): void {
    log(`${this.address} disconnected: ${why}`);
    selector.unregister(this.key);
    this.key.socket.close();
  }
}

function accept({ socket: listener }: Key<Callback>): void {
  const accepted = acceptOrReject(listener, (address, why) => log(`${address} rejected: ${why}`));
  if (accepted !== 'would-block') new Client(...accepted);
}

const listener = listen(options);
listener.setBlocking(false);
selector.register(listener, READ, accept);
while (true) {
  for (const key of selector.select()) key.data(key);
}
