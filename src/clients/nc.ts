// nc: a small netcat. What you type goes to the server, what it sends comes to you.
//
//   npx tsx src/clients/nc.ts localhost 12345
//
// Ctrl-D ends what you send, and answers still come in: that is a half-close, like nc -N. Ctrl-C ends it all.

import { connect } from 'node:net';
import { fail } from '../cli/fail.ts';
import { parseOrHelp } from '../cli/parse.ts';
import { readTarget } from './target.ts';

const usage = 'Usage: npx tsx src/clients/nc.ts HOST PORT';
const target = readTarget(parseOrHelp({ allowPositionals: true }, usage).positionals, usage);

const { host, port } = target;
const socket = connect({ host, port, allowHalfOpen: true });
socket.on('error', (error: NodeJS.ErrnoException) => fail(`Cannot talk to ${target}: ${error.code}`));
socket.on('end', () => process.exit()); // The server has sent its last byte: stdin has nowhere to go.
process.stdout.on('error', () => process.exit()); // The reader of stdout has gone: nc … | head -1

// At the end of stdin, pipe() ends this half of the connection. It begins only when there is a connection: localhost may have
// two addresses, and when Node goes on to the second one, an end() from before is lost.
socket.on('connect', () => process.stdin.pipe(socket));
socket.pipe(process.stdout);
