// select6: many clients, one thread, one message per line.
//
// New since select3: two buffers for each client. The splitter keeps the beginning of a line until its end arrives.
//   The queue keeps replies until the kernel takes them. While the queue is not empty, the selector also watches for
//   room to write. So a client that does not read costs memory, but no other client waits.
// Try: nc localhost 12345 in three terminals. Then with --quiet, for a few seconds only, a client that talks and
//   never reads: bash -c 'yes the quick brown fox > /dev/tcp/localhost/12345'. The others go on; top shows the memory
//   grow.
// Still wrong: the queue of a client that does not read grows without a limit, and so does a line that never ends:
//   select12 bounds both. And one file does everything; reactor6 and select9 take it apart.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { Splitter } from '../protocol/splitter.ts';
import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import { type Key, READ, Selector, WRITE } from '../sockets/selector.ts';
import type { Address, Socket } from '../sockets/socket.ts';

const { selector: mechanism, ...options } = readOptions({ selector: selectorOption });

type State = {
  address: Address;
  splitter: Splitter;
  /** Replies that the kernel has not taken yet, in order. */
  unsent: Buffer[];
  /** Whether the client's stream has ended. Then the connection stays until `unsent` is empty. */
  ended: boolean;
};
type Client = Key<State | undefined> & { data: State };

const selector = new Selector<State | undefined>(mechanism);
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

const listener = listen(options);
listener.setBlocking(false);
selector.register(listener, READ, undefined);
while (true) {
  for (const key of selector.select()) {
    if (key.socket === listener) accept(listener);
    else serve(key as Client);
  }
}
