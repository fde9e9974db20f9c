// server: what the servers of the project are compared to, on node:net, as they are usually written.
//
//   server.ts echo --port PORT      what arrives is sent back
//   server.ts lines --port PORT     each whole line is sent back
//   server.ts commands --port PORT  a line is a command: ECHO text, or FIB n
//   server.ts chat --port PORT      each whole line is sent to each of the others

import { type AddressInfo, createServer, type Socket } from 'node:net';
import { answerFib } from '../../src/protocol/fibonacci.ts';

const users = new Set<Socket>();

const modes: Record<string, (socket: Socket) => void> = {
  echo: (socket) => socket.on('data', (data) => socket.write(data)),
  lines: (socket) => split(socket, (line) => socket.write(line)),
  commands: (socket) => {
    split(socket, (line) => {
      const [, word = '', text = ''] = /^(\w+) (.*)\n/.exec(line) ?? [];
      socket.write(`${word === 'FIB' ? answerFib(text) : text}\n`);
    });
  },
  chat: (socket) => {
    users.add(socket);
    split(socket, (line) => {
      for (const other of users) if (other !== socket) other.write(line);
    });
    socket.on('close', () => users.delete(socket));
  },
};

/** By strings: setEncoding() never ends one within a character. */
function split(socket: Socket, take: (line: string) => void): void {
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(`${line}\n`);
  });
}

const [, , mode = '', , port] = process.argv;
const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {}); // 'close' follows
  modes[mode]?.(socket);
});
server.listen({ host: '127.0.0.1', port: Number(port), backlog: 4096 }, () => {
  console.log(`listening on 127.0.0.1:${(server.address() as AddressInfo).port}`);
});
