// pool4: at most 20 threads, and a queue of clients for them.
//
// New since thread4: after one client, a thread takes the next from the queue. The main thread starts another thread when
//   a client connects and no thread is free, until there are --workers threads.
// Try: npm start pool4 -- --workers 2, and nc localhost 12345 in three terminals. The third is connected, but gets no
//   echo until one of the first two leaves.
// Still wrong: 20 idle users keep all others waiting, and cost 20 threads that do nothing. In select3, one thread waits for
//   all clients.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { BlockingQueue } from '../parallel/queue.ts';
import { isMainThread, own, startThread } from '../parallel/thread.ts';
import { Address, Socket } from '../sockets/socket.ts';

/** A client in the queue is some numbers: its descriptor, and its address. */
const WIDTH = 1 + Address.NUMBERS;
/** How many clients the queue holds. More wait in the listener's queue, where they cost no descriptor. */
const CAPACITY = 64;

/** Runs in each thread. */
export function work(memory: SharedArrayBuffer): void {
  const queue = new BlockingQueue(memory, WIDTH);
  while (true) {
    const [fd = -1, ...address] = queue.pop(); // sleeps while the queue is empty
    serve(own(new Socket(fd)), Address.fromNumbers(address));
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
    workers: { default: 20, min: 1, max: 100, help: 'the most threads to start' },
  });
  const listener = listen(options);
  const queue = BlockingQueue.create(CAPACITY, WIDTH);
  let threads = 0;
  while (true) {
    const [client, address] = listener.accept();
    const noThreadIsFree = queue.balance >= 0;
    if (noThreadIsFree && threads < workers) {
      try {
        startThread(work, queue.memory);
        threads++;
      } catch (error) {
        log(`${address} ${threads > 0 ? 'has to wait' : 'rejected'}: ${(error as Error).message}`);
        if (threads === 0) {
          client.close(); // There is no thread to wait for.
          continue;
        }
      }
    }
    queue.push([client.fd, ...address.toNumbers()]);
  }
}
