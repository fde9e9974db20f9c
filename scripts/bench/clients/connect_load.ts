// connect_load.c in TypeScript, for where C can't be compiled: the same arguments, the same line of output. It has more to do
// than the servers that it measures, so quick servers seem more alike than they are.

import { connect } from 'node:net';
import { fail } from '../../../src/cli/fail.ts';

/** In milliseconds, but no more than what is measured. */
const WARM_UP = 300;
const PATIENCE = 30_000;
/** Connections that are counted, however long they take. */
const LEAST = 20;
const SOURCES = 250;

const [port, clients, seconds, size] = process.argv.slice(2).map(Number);
if (!port || !clients || !seconds || !size) fail('Usage: connect_load.ts PORT CLIENTS SECONDS SIZE');
const milliseconds = seconds * 1000;
const letters = Array.from({ length: size - 1 }, (_, i) => String.fromCharCode(97 + (i % 26)));
const message = Buffer.from(`${letters.join('')}\n`);

/** Clients there have been, and those who are here. */
let connections = 0;
let present = 0;
let finished = 0;
let state: 'warming up' | 'counting' | 'ending' = 'warming up';
let begin = performance.now();

function die(cause: string): never {
  fail(`Cannot measure 127.0.0.1:${port}: ${cause}`);
}

/** A client who has left keeps its port for a minute, so they come from many addresses, where this machine has many. */
function source(): { localAddress?: string } {
  return process.platform === 'linux' ? { localAddress: `127.0.0.${2 + (connections % SOURCES)}` } : {};
}

/** Connects, says a line, ends its half when the line is back, and is followed when the server has ended the other. */
function enter(): void {
  const socket = connect({ port: port as number, host: '127.0.0.1', allowHalfOpen: true, ...source() });
  let received = 0;
  connections++;
  present++;
  socket.on('connect', () => socket.write(message));
  socket.on('data', (bytes) => {
    const expected = message.subarray(received, received + bytes.length);
    if (!bytes.equals(expected)) die('what came back is not what was sent');
    received += bytes.length;
    if (received === message.length) socket.end();
  });
  socket.on('end', () => received === message.length || die('the server has closed the connection'));
  socket.on('error', (error: NodeJS.ErrnoException) => die(`${error.code}`));
  socket.on('close', leave);
}

function leave(): void {
  patience.refresh();
  present--;
  finished++;
  const passed = performance.now() - begin;
  if (state === 'warming up' && passed >= Math.min(WARM_UP, milliseconds)) {
    state = 'counting';
    begin = performance.now();
    finished = 0;
  } else if (state === 'counting' && passed >= milliseconds && finished >= LEAST) {
    state = 'ending'; // Those who are here still get their answers: then the server is at rest.
    console.log(JSON.stringify({ connections: finished, seconds: passed / 1000 }));
  }
  if (state !== 'ending') enter();
  else if (present === 0) process.exit();
}

const patience = setTimeout(() => die('no answer'), PATIENCE);
for (let i = 0; i < clients; i++) enter();
