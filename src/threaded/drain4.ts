// drain4: accept4, with three ways to stop while users are connected.
//
// New since accept4: the main thread serves no client. It waits for Ctrl-C (SIGINT) or SIGTERM, and then does what
//   --on-stop says: kill cuts all users off, join waits until the last of them leaves, drain ends their streams.
// Try: npm start drain4 -- --on-stop join, nc localhost 12345 in a second terminal, and Ctrl-C in the first: a new nc
//   ends at once, and the server ends with the old nc. With --on-stop drain the server ends at once, unless a client
//   does not read (yes | nc localhost 12345 > /dev/null, then Ctrl-Z): drain cuts that one off after three seconds.
// Still wrong: one user who stays keeps join waiting for ever, and drain ends a conversation without a word. To say why,
//   the main thread would have to send to the clients of other threads. In thread11, threads do that.

import { fail } from '../cli/fail.ts';
import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { isMainThread, own, startThread } from '../parallel/thread.ts';
import { type Address, Socket } from '../sockets/socket.ts';
import { acceptUntilStopped, onStop, stopAccepting, waysToStop } from './stop.ts';

export function acceptAndServe(fd: number, clients: Int32Array, me: number): void {
  const listener = new Socket(fd); // The number is enough: descriptors belong to the process, not to a thread.
  while (true) {
    const accepted = acceptUntilStopped(listener);
    if (accepted === undefined) return;
    const [client, address] = accepted;
    clients[me] = client.fd; // The main thread ends the stream by this number.
    serve(own(client), address);
    clients[me] = 0;
  }
}

function serve(client: Socket, address: Address): void {
  log(`${address} connected`);
  try {
    echo(client, address);
    log(`${address} disconnected: end of stream`);
  } catch (error) {
    log(`${address} disconnected: ${error}`);
  } finally {
    client.close();
  }
}

function echo(client: Socket, address: Address): void {
  while (true) {
    const bytes = client.recv(4096);
    if (bytes.length === 0) break;
    log(`${address} sent ${quote(bytes.toString())}`); // Wrong on purpose: may end within a character. See single6.
    client.sendAll(bytes);
  }
}

if (isMainThread) {
  const { workers, ...options } = readOptions({
    workers: { default: 4, min: 1, max: 100, help: 'how many threads' },
    'on-stop': { default: 'kill', choices: waysToStop, help: 'how to stop' },
  });
  const listener = listen(options);
  const clients = new Int32Array(new SharedArrayBuffer(4 * workers));
  onStop(options['on-stop'], listener, clients);
  try {
    for (let i = 0; i < workers; i++) startThread(acceptAndServe, listener.fd, clients, i);
  } catch (error) {
    stopAccepting(listener); // While a thread sleeps in accept(), the process cannot exit.
    fail(`Cannot start ${workers} threads: ${(error as Error).message}`);
  }
}
