// accept4: four threads that all call accept(), on the same listener.
//
// New since thread4: the threads, and the main thread is one of them, start before the first client connects. Each runs the
//   loop of single4. The kernel wakes one thread for each client, so no client waits for a thread to start.
// Try: nc localhost 12345 in five terminals: four are served, the fifth waits until one of them leaves. Ctrl-C ends
//   the server at once, and cuts all of them off; drain4 has two kinder ways to stop.
// Still wrong: --workers fixes the number of threads, for few clients as for many. pool4 starts a thread when it needs one.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { isMainThread, own, startThread } from '../parallel/thread.ts';
import { type Address, Socket } from '../sockets/socket.ts';

export function acceptAndServe(fd: number): void {
  const listener = new Socket(fd); // The number is enough: descriptors belong to the process, not to a thread.
  while (true) {
    const [client, address] = listener.accept();
    serve(own(client), address);
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
  });
  const listener = listen(options);
  try {
    for (let i = 1; i < workers; i++) startThread(acceptAndServe, listener.fd);
  } catch (error) {
    log(`Cannot start ${workers} threads: ${(error as Error).message}`);
  }
  acceptAndServe(listener.fd); // On Ctrl-C, the kernel ends the process. A handler would never run here.
}
