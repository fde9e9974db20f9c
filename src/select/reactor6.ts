// reactor6: many clients who hear each other, and callbacks.
//
// New since select6: what is registered with the selector is what to do, a callback. So the loop at the end knows neither
//   listeners nor clients: it calls. And each line goes to everyone else, which takes no more than a list of all.
// Try: nc localhost 12345 in three terminals, and talk. Then with --quiet --careless, which sends without buffers, as
//   one would at first: stop one of the three with Ctrl-Z, and in another run yes | nc localhost 12345. The third does
//   not even get a word in.
// Still wrong: who connects is told nothing, who leaves is just gone, and nobody has a name: select11 is a chat. And
//   every new kind of server has to write the buffers anew: select9 makes classes of them.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { Splitter } from '../protocol/splitter.ts';
import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import { type Key, READ, Selector, WRITE } from '../sockets/selector.ts';
import { type Address, pin, type Socket } from '../sockets/socket.ts';

const {
  selector: mechanism,
  careless,
  ...options
} = readOptions({
  selector: selectorOption,
  careless: { default: false, help: 'send to each at once, and wait until it is sent' },
});

type Callback = (key: Key<Callback>) => void;

const selector = new Selector<Callback>(mechanism);
const everyone = new Set<Client>();
const received = pin(64 * 1024);
const NEWLINE = Buffer.from('\n');

class Client {
  readonly key: Key<Callback>;
  readonly address: Address;
  readonly splitter = new Splitter();
  readonly unsent: Buffer[] = [];

  constructor(socket: Socket, address: Address) {
    socket.setBlocking(careless);
    this.address = address;
    this.key = selector.register(socket, READ, () => this.ready());
    everyone.add(this);
    log(`${address} connected`);
  }

  ready(): void {
    try {
      if (this.key.ready & READ) this.read();
      if (this.key.ready & WRITE) this.write();
    } catch (error) {
      this.leave(error);
    }
  }

  read(): void {
    const count = this.key.socket.tryRecvInto(received);
    if (count === 'would-block') return;
    if (count === 0) this.leave('end of stream');
    for (const line of this.splitter.push(received.bytes.subarray(0, count))) {
      log(() => `${this.address} sent ${quote(line.toString())}`);
      const message = Buffer.concat([line, NEWLINE]);
      for (const other of everyone) if (other !== this) other.deliver(message);
    }
  }

  /** What somebody else has said. If it can't be sent to this client, that is no fault of the one who spoke. */
  deliver(message: Buffer): void {
    try {
      if (careless) {
        this.key.socket.sendAll(message); // Wrong on purpose: this waits, and so does everybody.
      } else {
        this.unsent.push(message);
        if (this.unsent.length === 1) this.write(); // If others wait already, write() is called when there is room.
      }
    } catch (error) {
      this.leave(error);
    }
  }

  write(): void {
    while (this.unsent.length > 0) {
      const first = this.unsent[0] as Buffer;
      const count = this.key.socket.trySend(first);
      if (count === 'would-block') break;
      if (count < first.length) this.unsent[0] = first.subarray(count);
      else this.unsent.shift();
    }
    selector.modify(this.key, this.unsent.length > 0 ? READ | WRITE : READ);
  }

  leave(why: unknown): void {
    if (!everyone.delete(this)) return;
    const { unfinished } = this.splitter;
    if (unfinished.length > 0) log(`${this.address} discarded an unfinished line: ${quote(unfinished)}`);
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
  for (const key of selector.select()) {
    if (key.ready !== 0) key.data(key); // Whoever has left in this very turn is no longer ready.
  }
}
