// A chat on node:net, as it is usually written: each line is written to each of the others.

import { type AddressInfo, createServer, type Socket } from 'node:net';

const users = new Set<Socket>();

const server = createServer({ noDelay: true }, (socket) => {
  let rest = '';
  users.add(socket);
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      for (const other of users) if (other !== socket) other.write(`${line}\n`);
    }
  });
  socket.on('error', () => {}); // 'close' follows
  socket.on('close', () => users.delete(socket));
});
server.listen({ host: '127.0.0.1', port: Number(process.argv[3]), backlog: 4096 }, () => {
  console.log(`listening on 127.0.0.1:${(server.address() as AddressInfo).port}`);
});
