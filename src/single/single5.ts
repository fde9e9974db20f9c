// single5: the server of single4, as a class.
//
// New since single4: an object that holds the listener, and has a method for each event. run() accepts a client, serve()
//   is the conversation with it, received() answers what it sends. Server frameworks look like this.
// Try: what you tried with single4.
// Still wrong: received() gets what recv() happens to return: half a word, or three lines at once. single6 makes
//   messages of it.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import type { Address, Socket } from '../sockets/socket.ts';

class Server {
  readonly listener: Socket;

  constructor(listener: Socket) {
    this.listener = listener;
  }

  run(): never {
    while (true) {
      const [client, address] = this.listener.accept();
      this.serve(client, address);
    }
  }

  serve(client: Socket, address: Address): void {
    log(`${address} connected`);
    try {
      while (true) {
        const bytes = client.recv(4096);
        if (bytes.length === 0) break;
        this.received(client, address, bytes);
      }
      log(`${address} disconnected: end of stream`);
    } catch (error) {
      log(`${address} disconnected: ${error}`);
    } finally {
      client.close();
    }
  }

  received(client: Socket, address: Address, bytes: Buffer): void {
    log(`${address} sent ${quote(bytes.toString())}`); // Wrong on purpose: may end within a character. See single6.
    client.sendAll(bytes);
  }
}

new Server(listen()).run();
