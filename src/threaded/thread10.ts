// thread10: any protocol, a thread for each client.
//
// New since single10: threaded(TcpServer) in place of Server, as in thread9. Connection does not change, and --protocol
//   chooses its chain. (--help lists the protocols. There is no --crlf.)
// Try: npm start thread10 -- --protocol zen, and in a second terminal: npx tsx src/clients/ask.ts localhost 12345
//   With --protocol oracle: npx tsx src/clients/ask.ts --protocol oracle localhost 12345
//   With --protocol http: curl -d '{"jsonrpc":"2.0","id":1,"method":"time"}' localhost:12345
// Still wrong: users talk to the server, but not to each other. thread11 is a chat.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readProtocolOptions } from '../cli/protocol-options.ts';
import { isMainThread } from '../parallel/thread.ts';
import type { Transport } from '../protocol/chain.ts';
import { buildChain } from '../protocol/protocols.ts';
import type { Address, Socket } from '../sockets/socket.ts';
import { TcpServer, threaded } from './tcp-server.ts';

const options = readProtocolOptions();

class ThreadedServer extends threaded(TcpServer) {}

export class Connection implements Transport<Buffer> {
  readonly client: Socket;
  readonly address: Address;

  constructor(client: Socket, address: Address) {
    this.client = client;
    this.address = address;
  }

  serve(): void {
    log(`${this.address} connected`);
    const protocol = buildChain(options, this);
    try {
      while (!this.client.closed) {
        const bytes = this.client.recv(4096);
        if (bytes.length === 0) break;
        log(`${this.address} sent ${quote(bytes)}`);
        protocol.received(bytes);
      }
      if (!this.client.closed) protocol.ended();
      log(`${this.address} disconnected: ${this.client.closed ? 'closed by the protocol' : 'end of stream'}`);
    } catch (error) {
      log(`${this.address} disconnected: ${error}`);
    } finally {
      this.client.close();
    }
  }

  send(bytes: Buffer): void {
    this.client.sendAll(bytes);
  }

  close(): void {
    this.client.lingeringClose();
  }

  report(problem: string, bytes: Buffer): void {
    log(`${this.address} discarded ${problem}: ${quote(bytes)}`);
  }
}

if (isMainThread) new ThreadedServer(listen(options), Connection).run();
