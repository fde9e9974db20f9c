// server: servers on node:net, as they are usually written, to compare the steps to.
//
//   server.ts echo --port PORT      sends the bytes that arrive back
//   server.ts lines --port PORT     sends each whole line back
//   server.ts commands --port PORT  takes a command a line: ECHO text, or FIB n
//   server.ts chat --port PORT      sends each whole line to each of the others

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

/** Splits strings: with setEncoding(), no string ends within a character. */
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
