// nc: a small netcat. What you type goes to the server, what it sends comes to you.
//
//   npx tsx src/clients/nc.ts localhost 12345
//
// Ctrl-D ends what you send, and answers still come in: that is a half-close, like nc -N. Ctrl-C ends it all.

import { connect } from 'node:net';
import { fail } from '../cli/fail.ts';

const [host, port, ...more] = process.argv.slice(2);
if (host === undefined || port === undefined || more.length > 0) {
  fail('Usage: npx tsx src/clients/nc.ts HOST PORT');
}
if (!/^\d+$/.test(port) || Number(port) > 65535) {
  fail(`Cannot connect to port ${JSON.stringify(port)}: it is a whole number from 0 to 65535`);
}

const socket = connect({ host, port: Number(port), allowHalfOpen: true });
socket.on('error', (error: NodeJS.ErrnoException) => fail(`Cannot talk to ${host}:${port}: ${error.code}`));
socket.on('end', () => process.exit()); // The server has said its last word: no need to wait for the user's.
process.stdout.on('error', () => process.exit()); // Whoever read along has heard enough: nc … | head -1

process.stdin.pipe(socket); // and at the end of stdin, the end of this half of the connection
socket.pipe(process.stdout);
