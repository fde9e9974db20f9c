// The scenario of the timelines: four clients who do the same to every step. What they saw is written down, with their
// clock, which is that of the trace as well.

import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { now } from '../../src/sockets/system-call.ts';

/** What a client saw. Times are in microseconds, as those of a system call are. */
export type ClientLog = {
  /** A, B, C or D. */
  name: string;
  /** Infinite if it has found nobody. */
  connected: number;
  left: number;
  messages: Message[];
};

/** Something that a client has said. */
export type Message = {
  said: number;
  /** How many bytes the client has said up to its beginning. */
  offset: number;
  /** When the last byte of the answer was there; undefined if it never was. */
  answered?: number;
};

/** How long it lasts, in milliseconds. */
export const DURATION = 1800;

// Who does what, in milliseconds from the beginning.
const A_LEAVES = 800;
const B_CONNECTS = 100;
const B_TALKS_EVERY = 100;
const B_LINES = 6;
const C_CONNECTS = 250;
const D_CONNECTS = 650;

/** What C sends at once: 8 MiB, in lines of 4 KiB. That is more than the kernel keeps for it (tcp(7), tcp_wmem). */
const C_LINES = 2048;
const C_LINE = 4096;
/** How much C reads in a millisecond, in bytes. */
const C_READS = 12 * 1024;

/** Has a server on this port live through it, and returns what the clients saw. The whole of it takes {@link DURATION}. */
export async function play(port: number, level: number): Promise<ClientLog[]> {
  const begin = performance.now();
  const end = new AbortController();
  const clients: Client[] = [];
  const arrive = (name: string, at: number, live: (client: Client) => Promise<void>) => async () => {
    await until(at);
    const client = new Client(name, port, level, end.signal);
    clients.push(client);
    await client.connected;
    await live(client);
    client.leave();
  };
  const until = (at: number) =>
    sleep(Math.max(0, begin + at - performance.now()), undefined, { signal: end.signal });

  const lives = [
    arrive('A', 0, () => until(A_LEAVES)),
    arrive('B', B_CONNECTS, async (b) => {
      for (let i = 0; i < B_LINES; i++) {
        b.say(1, 16);
        await until(B_CONNECTS + (i + 1) * B_TALKS_EVERY);
      }
      await b.answered();
    }),
    arrive('C', C_CONNECTS, async (c) => {
      c.readSlowly(C_READS);
      c.say(C_LINES, C_LINE);
      await c.answered();
    }),
    arrive('D', D_CONNECTS, async (d) => {
      d.say(1, 16);
      await d.answered();
    }),
  ];
  const all = Promise.allSettled(lives.map((live) => live()));
  await sleep(DURATION);
  end.abort();
  await all;
  for (const client of clients) client.leave();
  return clients.map(({ log }) => log);
}

/**
 * So many guests come, say a line, and go together when all have heard it. Before the scenario they see to it that all of the
 * server has started, be it processes or threads. After it they wake whoever waits for somebody: for a trace shows only calls
 * that have returned.
 *
 * @param patience how long they wait, in milliseconds
 */
export async function visit(port: number, level: number, count: number, patience: number): Promise<void> {
  const late = AbortSignal.timeout(patience);
  const guests = Array.from({ length: count }, () => new Client('guest', port, level, late));
  await Promise.all(
    guests.map(async (guest) => {
      await guest.connected;
      guest.say(1, 16);
      await guest.answered();
    }),
  );
  await Promise.all(guests.map((guest) => guest.takeLeave()));
}

/** Somebody who says lines, each of which begins with the client's name, and counts those that come back. */
class Client {
  readonly log: ClientLog;
  /** Until it is connected, or has found nobody. */
  readonly connected: Promise<unknown>;
  readonly #socket: Socket;
  readonly #command: string;
  readonly #end: AbortSignal;
  #said = 0;
  /** How many lines it has said up to the end of each message. */
  readonly #due: number[] = [];
  #answers = 0;
  #rest = '';
  #wake = () => {};

  constructor(name: string, port: number, level: number, end: AbortSignal) {
    this.log = { name, connected: Number.POSITIVE_INFINITY, left: Number.POSITIVE_INFINITY, messages: [] };
    this.#command = level >= 7 ? 'ECHO ' : ''; // From there on, a line is a command.
    this.#end = end;
    end.addEventListener('abort', () => this.#wake());
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.#socket.setEncoding('latin1').on('data', (text: string) => this.#receive(text));
    this.#socket.on('error', () => {}); // The server may end: that is part of the picture.
    this.#socket.once('connect', () => {
      this.log.connected = now();
    });
    this.connected = new Promise((resolve) => {
      this.#socket.once('connect', resolve).once('close', resolve);
    });
  }

  /** Says a message of so many lines, each of so many bytes. */
  say(lines: number, size: number): void {
    const line = `${this.#command}${`${this.log.name} `.padEnd(size - 1, 'x')}\n`;
    this.log.messages.push({ said: now(), offset: this.#said });
    this.#due.push((this.#due.at(-1) ?? 0) + lines);
    this.#said += lines * line.length;
    this.#socket.write(line.repeat(lines));
  }

  /** Reads, once there is something, no more than so many bytes in a millisecond. */
  readSlowly(most: number): void {
    let begin: number | undefined;
    let count = 0;
    this.#socket.removeAllListeners('data').pause();
    const timer = setInterval(() => {
      if (this.#socket.readableLength > 0) begin ??= performance.now();
      while (begin !== undefined && count < most * (performance.now() - begin)) {
        const text = this.#socket.read();
        if (text === null) break;
        count += text.length;
        this.#receive(text);
      }
    }, 1);
    this.#socket.once('close', () => clearInterval(timer));
  }

  /** Until all that it has said has come back, or the scenario is over. */
  async answered(): Promise<void> {
    while (this.#answers < (this.#due.at(-1) ?? 0) && !this.#end.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Goes in good order: when the server has closed its end, too. */
  async takeLeave(): Promise<void> {
    if (this.#socket.closed) return;
    const closed = new Promise((resolve) => this.#socket.once('close', resolve));
    this.#end.addEventListener('abort', () => this.#socket.destroy());
    if (this.#end.aborted) this.#socket.destroy();
    this.#socket.end();
    await closed;
  }

  leave(): void {
    if (this.log.left === Number.POSITIVE_INFINITY) this.log.left = now();
    this.#socket.destroy();
  }

  #receive(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    this.#answers += lines.filter((line) => line.startsWith(`${this.log.name} `)).length;
    for (const [i, message] of this.log.messages.entries()) {
      if (this.#answers >= (this.#due[i] ?? 0)) message.answered ??= now();
    }
    this.#wake();
  }
}
