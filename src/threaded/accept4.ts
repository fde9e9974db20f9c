// accept4: a few threads that all sit in accept(), on the same listener.
//
// New since thread4: the threads are there before the first client. Each runs the whole loop of single4, and the
//   kernel chooses which of them gets the next client: no thread is started while somebody waits for it. And, in stop.ts,
//   three ways to end while people are connected: --on-stop.
// Try: nc localhost 12345 in five terminals: four are served, the fifth waits until one of them leaves. Then npm
//   start accept4 -- --on-stop join (or drain), and press Ctrl-C while somebody is connected.
// Still wrong: as many threads as somebody has thought of, however many clients there are. pool4 starts them as they
//   are needed.

import { fail } from '../cli/fail.ts';
import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { type Address, Socket } from '../sockets/socket.ts';
import { acceptUntilStopped, onStop, stopAccepting, waysToStop } from './stop.ts';
import { isMainThread, startThread } from './thread.ts';

/** What a thread does. The descriptor of the client that it serves stands in `clients[me]`, for onStop(). */
export function acceptAndServe(fd: number, clients: Int32Array, me: number): void {
  const listener = new Socket(fd); // The number is enough: descriptors belong to the process, not to a thread.
  while (true) {
    const accepted = acceptUntilStopped(listener);
    if (accepted === undefined) return;
    const [client, address] = accepted;
    clients[me] = client.fd;
    serve(client, address);
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
  }
  client.close();
}

function echo(client: Socket, address: Address): void {
  while (true) {
    const bytes = client.recv(4096);
    if (bytes.length === 0) break;
    log(`${address} sent ${quote(bytes.toString())}`); // Wrong on purpose: these bytes may end within a character. See single6.
    client.sendAll(bytes);
  }
}

if (isMainThread) {
  const {
    workers,
    'on-stop': way,
    ...options
  } = readOptions({
    workers: { default: 4, min: 1, max: 100, help: 'how many threads' },
    'on-stop': { default: 'kill', choices: waysToStop, help: 'what Ctrl-C does to the users' },
  });
  const listener = listen(options);
  const clients = new Int32Array(new SharedArrayBuffer(4 * workers));
  onStop(way, listener, clients);
  try {
    for (let i = 0; i < workers; i++) startThread(acceptAndServe, listener.fd, clients, i);
  } catch (error) {
    stopAccepting(listener); // A process does not exit while a thread sits in accept().
    fail(`Cannot start ${workers} threads: ${(error as Error).message}`);
  }
  // Nothing is left to do for the main thread but to hear Ctrl-C. It ends when the threads have.
}
