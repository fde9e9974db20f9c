// multi6: select6 in as many processes as there are cores.
//
// New since select6: the first process opens the listener, starts the others, and replaces one that dies, as in prefork4.
//   Each of the others inherits the listener, and runs the loop of select6. When a client connects, the listener is
//   ready in all of them: the first to call accept() gets the client.
// Try: npm start multi6 -- --processes 2, and nc localhost 12345 in a few terminals. ss -tnp (or lsof -nPi :12345) names
//   the process of each connection. kill -9 one of them: its users are cut off, the others notice nothing.
// Still wrong: the processes share no memory, so a user can't talk to a user of another process. And a client stays with the
//   process that has accepted it, even if that is busy and another one is idle.

import { availableParallelism } from 'node:os';
import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { inheritedListeners, supervise } from '../parallel/children.ts';
import { Splitter } from '../protocol/splitter.ts';
import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import { type Key, READ, Selector, WRITE } from '../sockets/selector.ts';
import type { Address, Socket } from '../sockets/socket.ts';

const options = readOptions({
  selector: selectorOption,
  processes: { default: availableParallelism(), min: 1, max: 100, help: 'the number of processes' },
});

type State = {
  address: Address;
  splitter: Splitter;
  /** Replies that the kernel has not taken yet, in order. */
  unsent: Buffer[];
  /** Whether the client's stream has ended. Then the connection stays until `unsent` is empty. */
  ended: boolean;
};
type Client = Key<State | undefined> & { data: State };

const selector = new Selector<State | undefined>(options.selector);
const NEWLINE = Buffer.from('\n');

function accept(listener: Socket): void {
  const accepted = acceptOrReject(listener, (address, why) => log(`${address} rejected: ${why}`));
  if (accepted === 'would-block') return;
  const [client, address] = accepted;
  client.setBlocking(false);
  selector.register(client, READ, { address, splitter: new Splitter(), unsent: [], ended: false });
  log(`${address} connected`);
}

function serve(client: Client): void {
  try {
    if (client.ready & READ) read(client);
    // If the kernel had no room, the selector reports when it has: until then, send() would return 'would-block' again.
    if (client.ready & WRITE || !(client.interest & WRITE)) write(client);
    updateInterest(client);
  } catch (error) {
    disconnect(client, error);
  }
}

function read(client: Client): void {
  const { address, splitter, unsent } = client.data;
  const bytes = client.socket.tryRecv(4096);
  if (bytes === 'would-block') return;
  for (const line of splitter.push(bytes)) {
    log(() => `${address} sent ${quote(line.toString())}`);
    unsent.push(line, NEWLINE);
  }
  if (bytes.length > 0) return;
  const { unfinished } = splitter;
  if (unfinished.length > 0) log(`${address} discarded an unfinished line: ${quote(unfinished)}`);
  client.data.ended = true;
}

/** Hands the queue to the kernel in one send(). What the kernel has no room for stays in the queue. */
function write(client: Client): void {
  client.socket.trySendPieces(client.data.unsent);
}

/** Watches for room only while there is something to send: a socket nearly always has room, and select() would never wait. */
function updateInterest(client: Client): void {
  const { unsent, ended } = client.data;
  if (ended && unsent.length === 0) disconnect(client, 'end of stream');
  else selector.modify(client, (ended ? 0 : READ) | (unsent.length > 0 ? WRITE : 0));
}

function disconnect(client: Client, why: unknown): void {
  log(`${client.data.address} disconnected: ${why}`);
  selector.unregister(client); // Before it is closed: the next client may get the same descriptor.
  client.socket.close();
}

const [inherited] = inheritedListeners();
if (inherited === undefined) supervise(options.processes, [listen(options)]);
else run(inherited);

function run(listener: Socket): never {
  listener.setBlocking(false);
  selector.register(listener, READ, undefined);
  while (true) {
    for (const key of selector.select()) {
      if (key.socket === listener) accept(listener);
      else serve(key as Client);
    }
  }
}
