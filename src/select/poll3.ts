// poll3: many clients, one thread, and poll(2) as C programs show it.
//
// New since single3: the server waits for all its descriptors at once. An array says which, and for what; poll()
//   sleeps until one of them is ready, and marks it. There is one loop now, for the listener and the clients alike.
// Try: nc localhost 12345 in three terminals. They all get their echo, from one thread. Then, with
//   --quiet, one who talks and never listens: bash -c 'yes > /dev/tcp/localhost/12345'. Soon nobody gets an answer.
// Still wrong: the array is handed to the kernel as a whole, and looked through as a whole, with each call, and keeping
//   it is bookkeeping: select3 leaves that to a Selector. And send() may make everybody wait: select6 mends that.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import * as libc from '../sockets/libc.ts';
import { type Address, pin, type Socket } from '../sockets/socket.ts';

const { POLLIN } = libc.c;
const MAX_CLIENTS = 1024; // clients; whoever comes when there are so many is turned away

// struct pollfd { int fd; short events; short revents; }, so many times, where the kernel can write to it.
const pollfds = pin((1 + MAX_CLIENTS) * 8);
const sockets: Socket[] = [];
const addresses: (Address | undefined)[] = [];

function add(socket: Socket, address?: Address): void {
  const at = 8 * sockets.length;
  pollfds.bytes.writeInt32LE(socket.fd, at);
  pollfds.bytes.writeInt16LE(POLLIN, at + 4);
  sockets.push(socket);
  addresses.push(address);
}

/** The last one moves to the place of the one that goes. */
function remove(i: number): void {
  pollfds.bytes.copyWithin(8 * i, 8 * (sockets.length - 1), 8 * sockets.length);
  sockets[i] = sockets.at(-1) as Socket;
  addresses[i] = addresses.at(-1);
  sockets.pop();
  addresses.pop();
}

function accept(listener: Socket): void {
  const accepted = acceptOrReject(listener, (address, why) => log(`${address} rejected: ${why}`));
  if (accepted === 'would-block') return; // It has left again, between poll() and here.
  const [client, address] = accepted;
  client.setBlocking(true); // On macOS it would be like the listener, which is not.
  log(`${address} connected`);
  if (sockets.length <= MAX_CLIENTS) {
    add(client, address);
  } else {
    log(`${address} disconnected: there are ${MAX_CLIENTS} clients already`);
    client.close();
  }
}

function serve(i: number): void {
  const client = sockets[i] as Socket;
  try {
    const bytes = client.recv(4096); // does not wait: poll() has said that there is something
    if (bytes.length > 0) {
      log(`${addresses[i]} sent ${quote(bytes.toString())}`); // Wrong on purpose: these bytes may end within a character. See single6.
      client.sendAll(bytes); // Wrong on purpose: this may wait, and all other clients with it. See select6.
      return;
    }
    log(`${addresses[i]} disconnected: end of stream`);
  } catch (error) {
    log(`${addresses[i]} disconnected: ${error}`);
  }
  remove(i);
  client.close();
}

const listener = listen();
listener.setBlocking(false); // Who has connected may be gone again when we accept.
add(listener);
while (true) {
  libc.poll(pollfds.address, sockets.length, -1);
  // From the end, because remove() puts there what has been looked at already.
  for (let i = sockets.length - 1; i >= 0; i--) {
    const revents = pollfds.bytes.readInt16LE(8 * i + 6);
    if (revents === 0) continue;
    if (i === 0) accept(listener);
    else serve(i);
  }
}
