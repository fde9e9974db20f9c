// poll3: many clients, one thread, and poll(2) as C programs show it.
//
// New since single3: the server waits for all its descriptors at once. An array lists them, with the events to wait for;
//   poll() sleeps until one is ready, and marks it. One loop serves the listener and the clients alike.
// Try: nc localhost 12345 in three terminals. All three get their echo, from one thread. Then, with --quiet, a client
//   that talks and never reads: bash -c 'yes > /dev/tcp/localhost/12345'. Soon no client gets an answer.
// Still wrong: each call hands the whole array to the kernel, and the kernel and the server look through all of it. In
//   select3, a Selector does that. And sendAll() may wait for one client, and all others with it: see select6.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import * as libc from '../sockets/libc.ts';
import type { Address, Socket } from '../sockets/socket.ts';

const { POLLIN } = libc.c;
const MAX_CLIENTS = 1024;

// struct pollfd { int fd; short events; short revents; }, for the listener and each client.
const pollfds = Buffer.alloc(8 * (1 + MAX_CLIENTS));
const sockets: Socket[] = [];
const addresses: (Address | undefined)[] = [];

function add(socket: Socket, address?: Address): void {
  const at = 8 * sockets.length;
  pollfds.writeInt32LE(socket.fd, at);
  pollfds.writeInt16LE(POLLIN, at + 4);
  sockets.push(socket);
  addresses.push(address);
}

/** Moves the last entry to the place of this one, so that the array has no holes. */
function remove(i: number): void {
  pollfds.copyWithin(8 * i, 8 * (sockets.length - 1), 8 * sockets.length);
  sockets[i] = sockets.at(-1) as Socket;
  addresses[i] = addresses.at(-1);
  sockets.pop();
  addresses.pop();
}

function accept(listener: Socket): void {
  // Like accept(), but 'would-block' if the client has left since poll(). When the process has no descriptor left, this rejects
  // the client: in the queue, it would keep the listener ready.
  const accepted = acceptOrReject(listener, (address, why) => log(`${address} rejected: ${why}`));
  if (accepted === 'would-block') return;
  const [client, address] = accepted;
  client.setBlocking(true); // On macOS, a client of a non-blocking listener is non-blocking, too.
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
    const bytes = client.recv(4096); // Does not wait: poll() has said that bytes are there.
    if (bytes.length > 0) {
      log(`${addresses[i]} sent ${quote(bytes.toString())}`); // Wrong on purpose: may end within a character. See single6.
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
listener.setBlocking(false); // The client may leave before accept(): then accept() returns in place of waiting.
add(listener);
while (true) {
  libc.poll(pollfds, sockets.length, -1);
  // From the end: remove() fills this place with an entry that the loop has already looked at.
  for (let i = sockets.length - 1; i >= 0; i--) {
    const revents = pollfds.readInt16LE(8 * i + 6);
    if (revents === 0) continue;
    if (i === 0) accept(listener);
    else serve(i);
  }
}
