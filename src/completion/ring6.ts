// ring6: many clients, one thread, one message per line.
//
// New since ring3: lines, and two operations of a client in flight at once. The kernel receives into one memory while it
//   sends from another. A second send is never in flight: the kernel might do it first. While a send is in flight, later
//   replies stay in the memory in which their lines arrived, and the server submits no recv into it.
// Try: nc localhost 12345 in three terminals. Then with --quiet, a client that talks and never reads:
//   bash -c 'yes the quick brown fox > /dev/tcp/localhost/12345'. Its send stays in flight, the server receives no more
//   from it, and top shows that the memory does not grow.
// Still wrong: a line that never ends grows the splitter for ever. And only the client can end the connection: close()
//   would not end operations in flight. ring10 cancels them.

import { orFail } from '../cli/fail.ts';
import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { Splitter } from '../protocol/splitter.ts';
import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import { type Pinned, pin } from '../sockets/memory.ts';
import type { Address, Socket } from '../sockets/socket.ts';
import { type Operation, Ring } from './ring.ts';

const options = readOptions();

type State = {
  socket: Socket;
  address: Address;
  splitter: Splitter;
  /** Belongs to the kernel while a recv is in flight. */
  incoming: Pinned;
  receiving: boolean;
  /** Belongs to the kernel while a send is in flight. */
  outgoing: Pinned;
  sending: boolean;
  /** Replies that are in no send yet, in order. They lie in `incoming`. */
  unsent: Buffer[];
  /** Why to disconnect the client, as soon as nothing of it is in flight. */
  over?: 'end of stream' | Error;
};

const ring = orFail(() => new Ring<State | undefined>());
const NEWLINE = Buffer.from('\n');

function accept(operation: Operation<State | undefined>): void {
  // The kernel has accepted a client. If it could not, for want of a descriptor, acceptOrReject() turns one away.
  const accepted =
    operation.result >= 0
      ? operation.accepted()
      : acceptOrReject(listener, (address, why) => log(`${address} rejected: ${why}`));
  ring.accept(listener, undefined);
  if (accepted === 'would-block') return;
  const [socket, address] = accepted;
  const memory = { incoming: pin(4096), receiving: false, outgoing: pin(0), sending: false };
  goOn({ socket, address, splitter: new Splitter(), ...memory, unsent: [] });
  log(`${address} connected`);
}

function serve({ name, data, result, error }: Operation<State | undefined>): void {
  const client = data as State;
  if (name === 'recv') client.receiving = false;
  else client.sending = false;
  if (error) {
    client.over = error;
    client.unsent.length = 0;
  } else if (name === 'recv') read(client, result);
  goOn(client);
}

function read(client: State, count: number): void {
  const { address, splitter, incoming, unsent } = client;
  for (const line of splitter.push(incoming.bytes.subarray(0, count))) {
    log(() => `${address} sent ${quote(line.toString())}`);
    unsent.push(line, NEWLINE);
  }
  if (count > 0) return;
  const { unfinished } = splitter;
  if (unfinished.length > 0) log(`${address} discarded an unfinished line: ${quote(unfinished)}`);
  client.over = 'end of stream';
}

/** Submits what can be in flight now. When nothing is left to do, disconnects the client. */
function goOn(client: State): void {
  const { socket, address, incoming, unsent } = client;
  if (unsent.length > 0 && !client.sending) {
    const length = gather(client);
    ring.send(socket, client.outgoing, length, client);
    client.sending = true;
  }
  if (unsent.length === 0 && !client.receiving && !client.over) {
    ring.recv(socket, incoming, client);
    client.receiving = true;
  }
  if (client.receiving || client.sending) return;
  log(`${address} disconnected: ${client.over}`);
  socket.close();
}

/** Copies the replies to `outgoing`, and enlarges it if need be. Returns how many bytes they are. */
function gather(client: State): number {
  const { unsent } = client;
  const length = unsent.reduce((sum, piece) => sum + piece.length, 0);
  if (length > client.outgoing.bytes.length) client.outgoing = pin(Math.max(length, 4096));
  let at = 0;
  for (const piece of unsent) {
    client.outgoing.bytes.set(piece, at);
    at += piece.length;
  }
  unsent.length = 0;
  return length;
}

const listener = listen(options);
listener.setBlocking(false);
ring.accept(listener, undefined);
while (true) {
  for (const operation of ring.wait()) {
    if (operation.name === 'accept') accept(operation);
    else serve(operation);
  }
}
