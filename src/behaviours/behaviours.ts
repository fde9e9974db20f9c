// What a user may do to a server, and what should come of it. Each behaviour is one conversation, that ends well
// or with an ExpectationError. Which step passes which is in expectations.ts.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from './client.ts';
import { ExpectationError, PATIENCE } from './inbox.ts';
import type { Server } from './server.ts';

/** A server as a behaviour sees it. */
export type Subject = {
  server: Server;
  /** 6 for select6: what it can be asked. */
  level: number;
  connect(): Promise<Client>;
};

export type Behaviour = (subject: Subject) => Promise<void>;

function equal(actual: string, expected: string): void {
  if (actual === expected) return;
  throw new ExpectationError(`${JSON.stringify(actual)} in place of ${JSON.stringify(expected)}`);
}

/** The next line that is an answer. At level 11, lines that begin with `*` tell who comes and goes. */
async function answer({ level }: Subject, client: Client): Promise<string> {
  while (true) {
    const line = await client.line();
    if (level < 11 || !line.startsWith('* ')) return line;
  }
}

/** All answers that are still to come. */
async function answers({ level }: Subject, client: Client): Promise<string> {
  const rest = await client.rest();
  return level < 11 ? rest : rest.replace(/^\* .*\n/gm, '');
}

/** Has `text` echoed, in whichever way the level has for it. */
async function echo(subject: Subject, client: Client, text: string): Promise<void> {
  await client.send(subject.level < 7 ? `${text}\n` : `ECHO ${text}\n`);
  equal(await answer(subject, client), text);
}

/** What to send to get these lines back. */
function request({ level }: Subject, lines: string[], end = '\n'): string {
  return lines.map((line) => (level < 7 ? `${line}${end}` : `ECHO ${line}${end}`)).join('');
}

export const behaviours = {
  /** Whatever is sent comes back: every byte there is, in order. */
  'echoes bytes back': async ({ connect, level }) => {
    const client = await connect();
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const sent = level < 6 ? all : Buffer.concat([all, Buffer.from('\n')]);
    await client.send(sent);
    equal((await client.bytes(sent.length)).toString('hex'), sent.toString('hex'));
  },

  'serves the next client': async (subject) => {
    const first = await subject.connect();
    await echo(subject, first, 'first');
    first.end();
    equal(await answers(subject, first), '');
    const second = await subject.connect();
    await echo(subject, second, 'second');
  },

  'serves two at once': async (subject) => {
    const first = await subject.connect();
    await echo(subject, first, 'first');
    const second = await subject.connect();
    await echo(subject, second, 'second');
    await echo(subject, first, 'first again');
  },

  /** A message is what stands before a `\n`, whatever the pieces it arrives in. */
  'one reply per line, however it is cut': async (subject) => {
    const client = await subject.connect();
    await client.send(request(subject, ['one', 'two', 'three']));
    for (const line of ['one', 'two', 'three']) equal(await answer(subject, client), line);
    for (const byte of request(subject, ['byte by byte', 'again'])) await client.send(byte);
    for (const line of ['byte by byte', 'again']) equal(await answer(subject, client), line);
    // Nothing is said before a line is whole: if it were, it would be there before the end of the stream.
    await client.send(request(subject, ['unfinished']).slice(0, -1));
    client.end();
    equal(await answers(subject, client), '');
  },

  /** The log shows the character, whole, though its two bytes come one after the other. */
  'a character cut in two': async (subject) => {
    const { connect, level, server } = subject;
    const client = await connect();
    const bytes = Buffer.from(level < 7 ? 'é\n' : 'ECHO é\n');
    const cut = bytes.length - 2;
    await client.send(bytes.subarray(0, cut));
    if (level < 6) equal((await client.bytes(cut)).toString('hex'), 'c3');
    await client.send(bytes.subarray(cut));
    if (level < 6) equal((await client.bytes(2)).toString('hex'), 'a90a');
    else equal(await answer(subject, client), 'é');
    client.end();
    // Its own lines: what those before it have done may still be on its way into the log.
    const who = `127.0.0.1:${client.socket.localPort}`;
    const log: string[] = [];
    while (!log.at(-1)?.startsWith(`${who} disconnected: `)) {
      const line = await server.log();
      if (line.startsWith(`${who} `)) log.push(line);
    }
    // Level 10 logs bytes as they come, and does so without loss.
    const whole = log.some((line) => line.includes('é')) || log.join().includes('\\xc3');
    if (!whole || log.join().includes('\uFFFD')) throw new ExpectationError(`the log has no é: ${log}`);
  },

  /** Before there are commands, a `\r` is a character like any other; a command has none at its end. */
  CRLF: async (subject) => {
    const client = await subject.connect();
    await client.send(request(subject, ['one', 'two'], '\r\n'));
    const end = subject.level < 7 ? '\r' : '';
    for (const line of ['one', 'two']) equal(await answer(subject, client), `${line}${end}`);
  },

  'answers after a half-close': async (subject) => {
    const client = await subject.connect();
    await client.send(request(subject, ['last words']));
    client.end();
    equal(await answers(subject, client), 'last words\n');
  },

  /** A client that breaks the connection, at rest or in the middle of a line, is no harm to the next. */
  'survives a reset': async (subject) => {
    const first = await subject.connect();
    await echo(subject, first, 'first');
    first.reset();
    const second = await subject.connect();
    await second.send(request(subject, ['second']).slice(0, -1));
    second.reset();
    const third = await subject.connect();
    await echo(subject, third, 'third');
  },

  /** A client that sends and sends, and reads no answer: until it stalls, or all is sent. */
  'a client that never reads stops nobody else': async (subject) => {
    const greedy = await subject.connect();
    await flood(greedy, subject.server, request(subject, ['x'.repeat(8000)])); // The log shows 900 of them.
    const other = await subject.connect();
    await echo(subject, other, 'and me?');
  },

  /** A word that is no command is answered with an error, and that is all. */
  'a hostile command name does no harm': async (subject) => {
    const client = await subject.connect();
    for (const word of ['constructor', '__proto__', 'toString', 'run', 'Dispatch', 'SERSERVEVE', 'quit\0']) {
      await client.send(`${word}\n`);
      equal(await answer(subject, client), `ERROR unknown command: ${word}`);
    }
    await echo(subject, client, 'still here');
  },

  /** Each hears what all the others say, every line once, whole, and in the order in which it was said. */
  'users can talk, nothing lost, in order': async (subject) => {
    const users = [await subject.connect(), await subject.connect(), await subject.connect()];
    const [first] = users as [Client];
    // A user who has been welcomed hears every line that is said after that.
    for (const user of users) await user.has(' welcome, ');
    const said = Array.from({ length: 50 }, (_, n) => n);
    for (const [who, user] of users.entries()) {
      void user.send(said.map((n) => `SAY ${who} says ${n}\n`).join(''));
    }
    for (const [who, user] of users.entries()) {
      const heard: string[] = [];
      while (heard.length < 2 * said.length) heard.push((await answer(subject, user)).replace(/^<\S+> /, ''));
      for (const other of [0, 1, 2].filter((other) => other !== who)) {
        const theirs = heard.filter((line) => line.startsWith(`${other} `));
        equal(theirs.join(), said.map((n) => `${other} says ${n}`).join());
      }
    }
    equal(first.waiting, '');
  },

  'Ctrl-C ends it with clients connected': async (subject) => {
    const clients = [await subject.connect(), await subject.connect()];
    // single1 has no log. generator4 answers no client, but Ctrl-C ends it, too.
    if (subject.level === 1) await echo(subject, clients[0] as Client, 'here');
    else await subject.server.logged(/ connected$/);
    equal(String(await subject.server.stop('SIGINT')), 'SIGINT');
    for (const client of clients) equal(await answers(subject, client), '');
  },
} satisfies Record<string, Behaviour>;

export type BehaviourName = keyof typeof behaviours;

/** What a process may hold of what it was sent, with all buffers of the kernel: this is more, in bytes. */
const MORE_THAN_BUFFERS = 32_000_000;

/**
 * Sends this line again and again, and reads no answer, until so many bytes have gone out, or the server is stuck: for half
 * a second it takes no byte, logs nothing, and has no thread that runs or wants to run. A server that is merely slow, on a
 * busy machine, has one. What is left goes out by itself, should the server go on.
 */
export async function flood(client: Client, server: Server, line: string): Promise<void> {
  client.socket.pause();
  const lines = Buffer.from(line.repeat(Math.ceil(64_000 / line.length)));
  let sent = 0;
  const pour = async () => {
    for (; sent < MORE_THAN_BUFFERS; sent += lines.length) await client.send(lines);
  };
  void pour();
  const deadline = performance.now() + PATIENCE;
  let seen = '';
  for (let still = 0; still < 10 && sent < MORE_THAN_BUFFERS && performance.now() < deadline; ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const now = `${sent} ${server.stdout.received}`;
    still = now === seen && !isRunning(server.child.pid) ? still + 1 : 0;
    seen = now;
  }
}

/** Whether a thread of this process runs, or waits for nothing but a CPU. Without /proc, nothing tells. */
function isRunning(pid: number | undefined): boolean {
  const threads = `/proc/${pid}/task`;
  if (!existsSync(threads)) return false;
  return readdirSync(threads).some((thread) => {
    try {
      return /\) R /.test(readFileSync(join(threads, thread, 'stat'), 'utf8'));
    } catch {
      return true; // It has ended just now.
    }
  });
}
