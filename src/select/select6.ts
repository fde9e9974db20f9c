// select6: many clients, one thread, one message per line.
//
// New since select3: two buffers for each client. One keeps what has come of a line that has not ended, as in single6.
//   The other keeps what the kernel would not take: then, and only then, the selector is asked to say when there is room
//   again. So a client that does not read costs memory, but nobody's time. A third, for all, puts the replies of a turn
//   together: three lines in one packet are one send().
// Try: nc localhost 12345 in three terminals. Then with --quiet, and for a few seconds only, somebody who talks and never
//   listens: bash -c 'yes the quick brown fox > /dev/tcp/localhost/12345'. The others go on; top shows the memory grow.
// Still wrong: what a client does not read grows without a limit, and so does a line that never ends: to bound both is an
//   exercise in README.md. And one file does everything; reactor6 and select9 take it apart.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { Splitter } from '../protocol/splitter.ts';
import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import { type Key, READ, Selector, WRITE } from '../sockets/selector.ts';
import { type Address, pin, type Socket } from '../sockets/socket.ts';

const { selector: mechanism, ...options } = readOptions({ selector: selectorOption });

type State = {
  address: Address;
  splitter: Splitter;
  /** What the kernel would not take yet, in order. */
  unsent: Buffer[];
  /** Whether the stream has ended, and the client is only there for what it is still owed. */
  ended: boolean;
};
type Client = Key<State | undefined> & { data: State };

const selector = new Selector<State | undefined>(mechanism);
const received = pin(64 * 1024); // One for all: its lines are dealt with before the next client is looked at.
const replies = pin(64 * 1024); // One for all: the replies of one turn, for one send().
let replied = 0; // how many bytes of it

function accept(listener: Socket): void {
  const accepted = acceptOrReject(listener, (address, why) => log(`${address} rejected: ${why}`));
  if (accepted === 'would-block') return;
  const [client, address] = accepted;
  client.setBlocking(false);
  selector.register(client, READ, { address, splitter: new Splitter(), unsent: [], ended: false });
  log(`${address} connected`);
}

function read(client: Client): void {
  const { address, splitter } = client.data;
  const count = client.socket.tryRecvInto(received);
  if (count === 'would-block') return;
  if (count === 0) {
    const { unfinished } = splitter;
    if (unfinished.length > 0) log(`${address} discarded an unfinished line: ${quote(unfinished)}`);
    client.data.ended = true;
  }
  for (const line of splitter.push(received.bytes.subarray(0, count))) {
    log(() => `${address} sent ${quote(line.toString())}`);
    reply(client, line);
  }
  flush(client);
}

/** Puts a line to those that are sent at the end of this turn. */
function reply(client: Client, line: Buffer): void {
  const end = line.length + 1;
  if (replied + end > replies.bytes.length) flush(client);
  if (end > replies.bytes.length) {
    client.data.unsent.push(Buffer.concat([line, NEWLINE])); // too long for that: it goes the other way
    return;
  }
  line.copy(replies.bytes, replied);
  replies.bytes[replied + line.length] = 0x0a;
  replied += end;
}

/** Sends the replies of this turn, unless others are still waiting: those go first. */
function flush(client: Client): void {
  const { unsent } = client.data;
  let sent = 0;
  if (unsent.length === 0 && replied > 0) {
    const count = client.socket.trySendFrom(replies, 0, replied);
    if (count !== 'would-block') sent = count;
  }
  if (sent < replied) unsent.push(Buffer.from(replies.bytes.subarray(sent, replied)));
  replied = 0;
  updateInterest(client);
}

/** There is room again: sends what has been waiting, as much as there is room for. */
function write(client: Client): void {
  const { unsent } = client.data;
  while (unsent.length > 0) {
    const first = unsent[0] as Buffer;
    const count = client.socket.trySend(first);
    if (count === 'would-block') break;
    if (count < first.length) unsent[0] = first.subarray(count);
    else unsent.shift();
  }
  updateInterest(client);
}

/** What to wait for now. To wait for room when there is nothing to send would be to turn round and round. */
function updateInterest(client: Client): void {
  const { unsent, ended } = client.data;
  if (ended && unsent.length === 0) leave(client, 'end of stream');
  else selector.modify(client, (ended ? 0 : READ) | (unsent.length > 0 ? WRITE : 0));
}

function leave(client: Client, why: unknown): void {
  log(`${client.data.address} disconnected: ${why}`);
  selector.unregister(client); // Before it is closed: the next client may get the same descriptor.
  client.socket.close();
}

function serve(client: Client): void {
  try {
    if (client.ready & READ) read(client);
    if (client.ready & WRITE) write(client);
  } catch (error) {
    replied = 0;
    leave(client, error);
  }
}

const NEWLINE = Buffer.from('\n');
const listener = listen(options);
listener.setBlocking(false);
selector.register(listener, READ, undefined);
while (true) {
  for (const key of selector.select()) {
    if (key.socket === listener) accept(listener);
    else serve(key as Client);
  }
}
