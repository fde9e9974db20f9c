// nc: a small netcat. It sends what you type to the server, and prints what the server sends.
//
//   npx tsx src/clients/nc.ts localhost 12345
//
// Ctrl-D ends what you send, and answers still arrive: a half-close, as with nc -N. Ctrl-C ends it.

import { connect } from 'node:net';
import { fail } from '../cli/fail.ts';
import { parseOrHelp } from '../cli/parse.ts';
import { readTarget } from './target.ts';

const usage = 'Usage: npx tsx src/clients/nc.ts HOST PORT';
const target = readTarget(parseOrHelp({ allowPositionals: true }, usage).positionals, usage);

const { host, port } = target;
const socket = connect({ host, port, allowHalfOpen: true });
socket.on('error', (error: NodeJS.ErrnoException) => fail(`Cannot talk to ${target}: ${error.code}`));
socket.on('end', () => process.exit()); // The server has ended its stream.
process.stdout.on('error', () => process.exit()); // The program that reads stdout has ended: nc … | head -1

// At the end of stdin, pipe() ends this half of the connection. It begins when the connection is made: localhost may have two
// addresses, and when Node tries the second, it forgets an end() from before.
socket.on('connect', () => process.stdin.pipe(socket));
socket.pipe(process.stdout);
