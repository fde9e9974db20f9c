// single6: one client at a time, one message per line.
//
// New since single5: a buffer for each client, because what one recv() returns is not what one send() sent.
//   A message ends with \n, and received() gets whole messages only.
// Try: (printf 'one\ntwo\nthr'; sleep 1; printf 'ee\n') | nc -N localhost 12345: three messages in the log,
//   where single5 shows two pieces. telnet ends each message in \r, and the server sends the \r back.
// Still wrong: a line that never ends grows the buffer for ever; select12 bounds it. And for each piece, the loop
//   searches the buffer from its beginning; the splitter of single7 looks at each byte once.

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
      let buffer = Buffer.alloc(0);
      while (true) {
        const bytes = client.recv(4096);
        if (bytes.length === 0) break;
        buffer = Buffer.concat([buffer, bytes]);
        let end = buffer.indexOf('\n');
        while (end !== -1) {
          this.received(client, address, buffer.subarray(0, end));
          buffer = buffer.subarray(end + 1);
          end = buffer.indexOf('\n');
        }
      }
      if (buffer.length > 0) log(`${address} discarded an unfinished line: ${quote(buffer)}`);
      log(`${address} disconnected: end of stream`);
    } catch (error) {
      log(`${address} disconnected: ${error}`);
    } finally {
      client.close();
    }
  }

  received(client: Socket, address: Address, line: Buffer): void {
    log(`${address} sent ${quote(line.toString())}`);
    client.sendAll(Buffer.concat([line, Buffer.from('\n')]));
  }
}

new Server(listen()).run();
