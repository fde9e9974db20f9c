// The echo server on node:net, as it is usually written.

import { type AddressInfo, createServer } from 'node:net';

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('data', (data) => socket.write(data));
  socket.on('error', () => {}); // 'close' follows, and there is nothing to tell anybody
});
server.listen({ host: '127.0.0.1', port: Number(process.argv[3]), backlog: 4096 }, () => {
  console.log(`listening on 127.0.0.1:${(server.address() as AddressInfo).port}`);
});
