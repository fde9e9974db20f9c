// Lines on node:net, as they are usually split: by strings, which setEncoding() never ends inside of a character.

import { type AddressInfo, createServer } from 'node:net';

const server = createServer({ noDelay: true }, (socket) => {
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) socket.write(`${line}\n`);
  });
  socket.on('error', () => {}); // 'close' follows, and there is nothing to tell anybody
});
server.listen({ host: '127.0.0.1', port: Number(process.argv[3]), backlog: 4096 }, () => {
  console.log(`listening on 127.0.0.1:${(server.address() as AddressInfo).port}`);
});
