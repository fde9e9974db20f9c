// chat_load.c in TypeScript, for where C can't be compiled: the same arguments, the same line of output. It has more to do
// than the servers that it measures, so quick servers seem more alike than they are.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from '../../../src/cli/fail.ts';

const PATIENCE = 30_000;
/** In so many milliseconds, one greeting follows the other. */
const SOON = 50;
/** When nothing has come for so many milliseconds, the rest is lost. */
const QUIET = 5000;
/** Lines that a user writes at a time. */
const PIECE = 2000;

// A line: "SAY 012 0000345 abcdefghijklmno\n", with who says it and the number that it has. The 0th is a greeting.
const WHO = 3;
const NUMBER = 7;
const FILLING = WHO + 1 + NUMBER; // where it begins in the text
const SHORTEST = 'SAY '.length + FILLING + 1;

const [port, count, lines, size] = process.argv.slice(2).map(Number);
if (
  !port ||
  !count ||
  !lines ||
  !size ||
  count < 2 ||
  count > 999 ||
  lines >= 10 ** NUMBER ||
  size < SHORTEST
) {
  fail('Usage: chat_load.ts PORT USERS LINES SIZE');
}
const text = size - 'SAY \n'.length;
const letters = Array.from({ length: size - SHORTEST }, (_, i) =>
  i === 0 ? ' ' : String.fromCharCode(97 + ((i - 1) % 26)),
);
const filling = Buffer.from(letters.join(''));

/** Bytes that have come. */
let received = 0;
/** Greetings and lines, each once. */
let heard = 0;
let duplicates = 0;
let ending = false;

function die(cause: string): never {
  fail(`Cannot measure 127.0.0.1:${port}: ${cause}`);
}

function line(who: number, number: number): string {
  return `SAY ${`${who}`.padStart(WHO, '0')} ${`${number}`.padStart(NUMBER, '0')}${filling}\n`;
}

function readNumber(bytes: Buffer, begin: number, length: number): number {
  let number = 0;
  for (let i = begin; i < begin + length; i++) number = 10 * number + (bytes[i] as number) - 48;
  return number;
}

/** Somebody who talks, and hears the others. */
class User {
  readonly socket: Socket;
  readonly #who: number;
  /** Of each user: the number of the line that comes next. */
  readonly #due: Uint32Array;
  #rest: Buffer = Buffer.alloc(0);

  constructor(who: number, socket: Socket) {
    this.#who = who;
    this.#due = new Uint32Array(count as number);
    this.#due[who] = (lines as number) + 1; // nobody hears himself
    this.socket = socket;
    socket.on('data', (bytes) => this.#receive(bytes));
    socket.on('error', (error: NodeJS.ErrnoException) => ending || die(`${error.code}`));
    socket.on('end', () => ending || die('the server has closed the connection'));
  }

  greet(): void {
    this.socket.write(line(this.#who, 0));
  }

  /** Says all its lines, as fast as they are taken. */
  say(first = 1): void {
    const last = Math.min(lines as number, first + PIECE - 1);
    if (first > last) return;
    const piece = Array.from({ length: last - first + 1 }, (_, i) => line(this.#who, first + i));
    this.socket.write(piece.join(''), () => this.say(last + 1));
  }

  #receive(piece: Buffer): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, piece]) : piece;
    received += piece.length;
    let begin = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, begin)) {
      this.#hear(bytes, begin, end);
      begin = end + 1;
    }
    this.#rest = bytes.subarray(begin);
  }

  /** Counts a line. Its end is what was said, whatever the server has put before it. */
  #hear(bytes: Buffer, begin: number, end: number): void {
    if (bytes[begin] === 42) return; // '*'
    const said = end - text;
    if (said <= begin || bytes.compare(filling, 0, filling.length, said + FILLING, end) !== 0) {
      die('what came is not what was said');
    }
    const who = readNumber(bytes, said, WHO);
    const number = readNumber(bytes, said + WHO + 1, NUMBER);
    const due = this.#due[who];
    if (due === undefined || !(number >= 0 && number <= (lines as number))) die('what came was never said');
    if (number >= due) {
      this.#due[who] = number + 1;
      heard++;
    } else if (number > 0) {
      duplicates++; // A greeting may come twice.
    }
  }
}

async function connectUsers(): Promise<User[]> {
  const users: User[] = [];
  for (let who = 0; who < (count as number); who++) {
    const socket = connect({ port: port as number, host: '127.0.0.1', noDelay: true });
    users.push(new User(who, socket));
    await once(socket, 'connect');
  }
  return users;
}

/** Waits until so much has been heard. Returns false if nothing has come for so many milliseconds before that. */
async function hear(wanted: number, patience: number): Promise<boolean> {
  let before = received;
  let since = performance.now();
  while (heard < wanted && performance.now() - since < patience) {
    await sleep(1);
    if (received !== before) since = performance.now();
    before = received;
  }
  return heard >= wanted;
}

/**
 * Has all greet all, again and again, until each has heard each of the others, and then lets it get quiet. Who is
 * connected may still not be in, and then does not hear what is said; and not every server tells who has come.
 */
async function gather(users: User[], pairs: number): Promise<void> {
  for (let patience = SOON; heard < pairs; patience *= 2) {
    if (patience > PATIENCE) die('not everybody hears everybody');
    for (const user of users) user.greet();
    await hear(pairs, patience);
  }
  await hear(Number.POSITIVE_INFINITY, SOON);
}

const pairs = count * (count - 1);
const users = await connectUsers();
await gather(users, pairs);

const begin = performance.now();
for (const user of users) user.say();
const complete = await hear(pairs + pairs * lines, QUIET);
const seconds = (performance.now() - begin - (complete ? 0 : QUIET)) / 1000;
const deliveries = heard - pairs;
ending = true;
if (complete) {
  // The server has closed too: it then is at rest, and the next turn is another's.
  setTimeout(() => die('it does not close'), PATIENCE).unref();
  const closed = users.map(({ socket }) => once(socket, 'close'));
  for (const { socket } of users) socket.end();
  await Promise.all(closed);
}
console.log(JSON.stringify({ deliveries, lost: pairs * lines - deliveries, duplicates, seconds }));
process.exit();
