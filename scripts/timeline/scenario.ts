// The scenario of the timelines: four clients, which do the same with every step. They note what they do and see, on the clock of
// the trace.

import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type Happening } from '../../src/behaviours/client.ts';
import { now } from '../../src/sockets/system-call.ts';
import type { ClientLog, Message, Recording } from './drawing/recording.ts';

/** How long the scenario lasts, in milliseconds. */
export const DURATION = 1800;

type Name = 'A' | 'B' | 'C' | 'D';

/** What each client does, in the words of its lane in the picture. */
export function rolesOf(computes: boolean): Record<Name, string> {
  return {
    A: computes ? 'asks for a number' : 'sends nothing',
    B: `sends ${B_LINES} lines`,
    C: 'reads slowly',
    D: 'connects late',
  };
}

// When the clients act, in milliseconds from the beginning.
const A_ASKS = 150;
const A_LEAVES = 800;
const B_CONNECTS = 100;
const B_TALKS_EVERY = 100;
const B_LINES = 6;
const C_CONNECTS = 250;
const D_CONNECTS = 650;

/** C sends 8 MiB at once, in lines of 4 KiB. That is more than the buffers of the kernel hold: tcp(7), tcp_wmem. */
const C_LINES = 2048;
const C_LINE = 4096;

/** The command that A sends if the step can compute, and the answer. It takes a few hundred milliseconds of CPU time. */
const A_ASKS_FOR = 'FIB 36';
const A_NUMBER = /^14930352$/;

/** How much C reads in a millisecond, in bytes. */
const C_READS = 12 * 1024;

/** How to run the scenario. */
export type Playing = {
  /** How long the scenario may take, in milliseconds. */
  patience?: number;
  /** How many times as long the scenario takes. */
  slower?: number;
  /** Whether A asks for a number; otherwise A sends nothing. */
  computes?: boolean;
  /** C reads nothing before this is fulfilled. */
  mayRead?: () => Promise<void>;
  /** Called with each thing that a client does or sees. */
  onHappening?: (name: Name, happening: Happening, bytes?: Buffer) => void;
};

/** Runs the scenario with a server on this port. It takes {@link DURATION}, or longer while clients wait for an answer. */
export async function play(
  port: number,
  level: number,
  { slower = 1, patience = DURATION * slower, computes = false, mayRead, onHappening }: Playing,
): Promise<Pick<Recording, 'begin' | 'duration' | 'clients'>> {
  const begin = now();
  const elapsed = () => (now() - begin) / 1000;
  const until = (at: number) => sleep(Math.max(0, at * slower - elapsed()));
  const over = sleep(patience, undefined, { ref: false });
  const live = async (name: Name, at: number, act: (speaker: Speaker) => unknown) => {
    await until(at);
    const tell = (happening: Happening, bytes?: Buffer) => onHappening?.(name, happening, bytes);
    const client = await Client.connect(port, { patience, onHappening: tell });
    const speaker = new Speaker(name, client, level);
    await act(speaker);
    await Promise.race([speaker.answered, over]);
    speaker.log.left = now();
    speaker.client.close();
    return { ...speaker.log, role: rolesOf(computes)[name] };
  };
  const [clients] = await Promise.all([
    Promise.all([
      live('A', 0, async (a) => {
        if (computes) {
          await until(A_ASKS);
          a.ask(A_ASKS_FOR, A_NUMBER);
        }
        await until(A_LEAVES);
      }),
      live('B', B_CONNECTS, async (b) => {
        for (let i = 1; i <= B_LINES; i++) {
          b.say(1, 16);
          await until(B_CONNECTS + i * B_TALKS_EVERY);
        }
      }),
      live('C', C_CONNECTS, async (c) => {
        c.client.socket.pause();
        c.say(C_LINES, C_LINE);
        await mayRead?.();
        readSlowly(c.client, C_READS / slower);
      }),
      live('D', D_CONNECTS, (d) => d.say(1, 16)),
    ]),
    sleep(DURATION * slower),
  ]);
  return { begin, duration: Math.max(DURATION * slower, Math.min(patience, elapsed())), clients };
}

/**
 * Connects guests. Each sends so many lines, and when all have their answers, all close. After that, all threads and processes of
 * the server have started, and after many lines V8 has compiled what the server does with them.
 */
export async function visit(
  port: number,
  level: number,
  { count, lines, computes }: { count: number; lines: number; computes: boolean },
): Promise<void> {
  const join = async () => new Speaker('guest', await Client.connect(port), level);
  const guests = await Promise.all(Array.from({ length: count }, join));
  for (const guest of guests) {
    guest.say(lines, C_LINE);
    if (computes) guest.ask('FIB 1', /^1$/);
  }
  await Promise.all(guests.map(({ answered }) => answered));
  const leave = async ({ client }: Speaker) => {
    client.end();
    await client.rest().catch(() => {}); // Wait until the server has closed, too.
    client.close();
  };
  await Promise.all(guests.map(leave));
}

/** A client that sends lines, each of which begins with its name, and waits until they come back. */
class Speaker {
  readonly log: Omit<ClientLog, 'role'>;
  readonly client: Client;
  /** Fulfilled when all lines so far have come back, or can't any more. */
  answered = Promise.resolve();
  readonly #command: string;
  #said = 0;

  constructor(name: string, client: Client, level: number) {
    this.log = { name, connected: now(), left: Number.POSITIVE_INFINITY, messages: [] };
    this.client = client;
    this.#command = level >= 7 ? 'ECHO ' : ''; // From level 7 on, a line is a command.
  }

  /** Sends so many lines, each of so many bytes. */
  say(lines: number, size: number): void {
    const line = `${this.#command}${`${this.log.name} `.padEnd(size - 1, 'x')}\n`;
    this.#send(line.repeat(lines), lines, new RegExp(`^${this.log.name} `));
  }

  /** Sends a line, and expects an answer that matches. */
  ask(line: string, answer: RegExp): void {
    this.#send(`${line}\n`, 1, answer);
  }

  #send(text: string, lines: number, answer: RegExp): void {
    const message: Message = { said: now(), offset: this.#said };
    this.log.messages.push(message);
    this.#said += text.length;
    void this.client.send(text);
    const hear = async () => {
      for (let i = 0; i < lines; i++) await this.client.lineLike(answer);
      message.answered = now();
    };
    this.answered = this.answered.then(hear).catch(() => {});
  }
}

/** Makes a client read at most `most` bytes in a millisecond, counted from its first bytes on. */
function readSlowly({ socket }: Client, most: number): void {
  let begin: number | undefined;
  let count = 0;
  const read = ({ length }: Buffer) => {
    begin ??= performance.now();
    count += length;
    socket.pause();
    setTimeout(() => socket.resume(), Math.max(0, begin + count / most - performance.now()));
  };
  socket.on('data', read).resume();
}
