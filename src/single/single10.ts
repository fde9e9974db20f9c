// single10: commands, by a chain of protocols.
//
// New since single9: Connection handles the socket, and nothing else. A chain of protocols does the rest: bytes become
//   lines, lines become text, text becomes commands, and answers go back down. Look into src/protocol: each link of
//   this chain fits on a screen (lines.ts, text.ts, commands.ts), and no link knows of sockets.
// Try: what you tried with single9. Then npm start single10 -- --crlf, where \r\n ends a line, and \n is a character
//   like any other: telnet sends such lines, and so does nc -C localhost 12345. Only one link differs, by a subclass.
//   Then npm start single10 -- --protocol http, another chain:
//   curl -d '{"jsonrpc":"2.0","id":1,"method":"time"}' localhost:12345
// Still wrong: for one user, nothing. A second one waits: see thread10 and select10.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readProtocolOptions } from '../cli/protocol-options.ts';
import { chain, type Transport } from '../protocol/chain.ts';
import { CommandProtocol } from '../protocol/commands.ts';
import { CrlfLineProtocol } from '../protocol/lines.ts';
import { buildChain } from '../protocol/protocols.ts';
import { TextProtocol } from '../protocol/text.ts';
import type { Address, Socket } from '../sockets/socket.ts';

const options = readProtocolOptions({
  crlf: { default: false, help: 'commands, in lines that end in \\r\\n, whatever --protocol says' },
});

class Server {
  readonly listener: Socket;

  constructor(listener: Socket) {
    this.listener = listener;
  }

  run(): never {
    while (true) {
      const [client, address] = this.listener.accept();
      new Connection(client, address).serve();
    }
  }
}

class Connection implements Transport<Buffer> {
  readonly client: Socket;
  readonly address: Address;

  constructor(client: Socket, address: Address) {
    this.client = client;
    this.address = address;
  }

  serve(): void {
    log(`${this.address} connected`);
    const protocol = options.crlf
      ? chain(this, new CrlfLineProtocol(), new TextProtocol(), new CommandProtocol())
      : buildChain(options, this);
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

new Server(listen(options)).run();
