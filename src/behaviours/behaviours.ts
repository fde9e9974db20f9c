// What clients may do to a server, and how the server should answer. Each behaviour is one conversation: it passes, or throws an
// ExpectationError. expectations.ts says which step passes which.

import { chatBehaviours } from './chat.ts';
import type { AnswerError, Client } from './client.ts';
import {
  ANY,
  type Behaviour,
  echo,
  failWith,
  hear,
  request,
  type Subject,
  suspecting,
} from './conversing.ts';
import { ExpectationError, type Inbox } from './inbox.ts';
import { limitBehaviours } from './limits.ts';
import { pour } from './pour.ts';

export { type Behaviour, type Level, levels, type Subject } from './conversing.ts';
export { ENDLESS, SIGTERM } from './limits.ts';

export const CTRL_C = 'Ctrl-C ends it with clients connected';

const conversations = {
  'echoes bytes back': {
    level: 3,
    until: 6,
    step: 'single1',
    converse: async ({ connect }) => {
      const client = await connect();
      const all = Buffer.from([...Array(256).keys(), '\n'.charCodeAt(0)]);
      await client.send(all);
      await client.expect(all);
    },
  },

  'serves the next client': {
    level: 3,
    step: 'single3',
    converse: async (subject) => {
      const first = await subject.connect();
      await echo(subject, first, 'first');
      first.end();
      await first.expectEnd();
      const second = await subject.connect();
      await echo(subject, second, 'second');
    },
  },

  'answers after a half-close': {
    level: 3,
    step: 'single1',
    converse: async (subject) => {
      const client = await subject.connect();
      await client.send(request(subject, ['last words']));
      client.end();
      await hear(client, ['last words']);
      await client.expectEnd();
    },
  },

  'survives a reset': {
    level: 3,
    step: 'single3',
    converse: async (subject) => {
      const first = await subject.connect();
      await echo(subject, first, 'first');
      first.reset();
      const second = await subject.connect();
      await second.send(request(subject, ['second']).slice(0, -1));
      second.reset();
      const third = await subject.connect();
      await echo(subject, third, 'third');
    },
  },

  [CTRL_C]: {
    level: 3,
    step: 'single1',
    limits: '--drain 0.5',
    converse: async (subject) => {
      const { log, level } = subject;
      const clients = [await subject.connect(), await subject.connect()];
      // single1 has no log. generator4 answers no client, but Ctrl-C ends it, too.
      if (!log || level === 1) await echo(subject, clients[0] as Client, 'here');
      else await log.lineLike(/ connected$/);
      await suspecting('the server goes on after Ctrl-C', endsByCtrlC(subject, clients), ANY);
    },
  },

  'serves two at once': {
    level: 4,
    step: 'thread4',
    converse: async (subject) => {
      const first = await subject.connect();
      await echo(subject, first, 'first');
      const second = await subject.connect();
      await echo(subject, second, 'second');
      await echo(subject, first, 'first again');
    },
  },

  'a client that never reads stops no other': {
    level: 4,
    step: 'select6',
    converse: async (subject) => {
      const greedy = await subject.connect({ keepsLittle: true });
      greedy.socket.pause();
      await pour(greedy, longRequests(subject), subject);
      const other = await subject.connect();
      await echo(subject, other, 'and me?');
    },
  },

  'one reply per line, however it is cut': {
    level: 6,
    step: 'single6',
    converse: async (subject) => {
      const client = await subject.connect();
      const [packet, bytes] = [
        ['one', 'two', 'three'],
        ['byte by byte', 'again'],
      ];
      const half = request(subject, ['unfinished']).slice(0, -1);
      await client.send(request(subject, packet));
      await suspecting('two lines were answered as one', hearInOrder(client, packet));
      for (const byte of request(subject, bytes)) await client.send(byte);
      await suspecting('half a line was answered', hear(client, bytes));
      // The server must not answer half a line: such an answer would arrive before the end of the stream.
      await client.send(half);
      client.end();
      await client.expectEnd().catch(async (error: AnswerError) => {
        error.suspect = (await answers(subject, half))
          ? 'half a line was answered'
          : 'the end of the stream was taken for the end of a line';
        throw error;
      });
    },
  },

  /** The two bytes of a character arrive one by one. The log of a step shows the whole character. */
  'a character cut in two stays whole': {
    level: 6,
    step: 'single6',
    converse: async (subject) => {
      const client = await subject.connect();
      const address = `127.0.0.1:${client.socket.localPort}`;
      const bytes = Buffer.from(request(subject, ['é']));
      const cut = bytes.length - 2;
      await client.send(bytes.subarray(0, cut));
      if (subject.level < 6) await client.expect(bytes.subarray(0, cut));
      await client.send(bytes.subarray(cut));
      await client.expect(subject.level < 6 ? bytes.subarray(cut) : 'é\n');
      client.end();
      await client.expectEnd();
      if (subject.log) await showsCharacter(subject.log, address);
    },
  },

  /** Below level 7, a `\r` is a character like any other. From level 7 on, the server drops it at the end of a command. */
  'lines may end in CRLF': {
    level: 6,
    step: 'single6',
    converse: async (subject) => {
      const client = await subject.connect();
      await client.send(request(subject, ['one', 'two'], '\r\n'));
      const end = subject.level < 7 ? '\r' : '';
      await suspecting('the line ends differ', hear(client, [`one${end}`, `two${end}`]));
    },
  },

  'a slow reader gets every byte': {
    level: 6,
    step: 'select6',
    converse: async (subject) => {
      const client = await subject.connect({ keepsLittle: true });
      client.socket.pause();
      const { all } = await pour(client, longRequests(subject), subject);
      client.socket.resume();
      void all.then(() => client.end());
      const [first = [], ...rest] = longLines;
      await hear(client, first);
      const joined = rest.map((lines) => lines.join('\n'));
      await suspecting('bytes are missing after a pause', hear(client, joined), ANY);
      await client.expectEnd();
    },
  },

  'commands in upper and lower case': {
    level: 7,
    step: 'single7',
    converse: async (subject) => {
      const client = await subject.connect();
      await client.send('ECHO hello  world \r\nEcho\n\n\r\nDANCE now\ntime\nHELP\nquit\nECHO unheard\n');
      await hear(client, ['hello  world ', '', 'ERROR unknown command: DANCE']);
      await client.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$/, new Date().toISOString());
      await client.match(/^ECHO TIME HELP QUIT\b/, 'ECHO TIME HELP QUIT');
      await hear(client, ['BYE']);
      await client.expectEnd();
    },
  },

  'computing for one user delays no other': {
    level: 7,
    command: 'FIB',
    step: 'thread9',
    converse: async (subject) => {
      const [one, other] = [await subject.connect(), await subject.connect()];
      for (const client of [one, other]) await echo(subject, client, 'hello'); // Their threads, if any, have started.
      await one.send('FIB 36\n');
      await echo(subject, other, 'and me?');
      if (one.answers.length > 0) {
        const error = new ExpectationError('The number came before the echo', 'other');
        error.suspect = 'a number was computed before the next user was answered';
        throw error;
      }
      await hear(one, ['14930352']);
    },
  },

  'a hostile command name does no harm': {
    level: 9,
    step: 'single9',
    converse: async (subject) => {
      const client = await subject.connect();
      for (const word of [
        'constructor',
        '__proto__',
        '__init__',
        'toString',
        'run',
        'Dispatch',
        'SERSERVEVE',
        'quit\0',
      ]) {
        await client.send(`${word}\n`);
        await suspecting(
          'a word that is no command was obeyed',
          hear(client, [`ERROR unknown command: ${word}`]),
          ANY,
        );
      }
      await echo(subject, client, 'still here');
    },
  },

  ...chatBehaviours,
  ...limitBehaviours,
} satisfies Record<string, Behaviour>;

export type BehaviourName = keyof typeof conversations;

/** All behaviours, in the order in which the steps learn them. */
export const behaviours: Record<BehaviourName, Behaviour> = conversations;

/** More long lines than the kernel keeps of the answers, for a client of which it keeps little where it can. */
const LONG = 4000;
const TOGETHER = 16;
const PACKETS = (process.platform === 'linux' ? 1_200_000 : 10_000_000) / LONG / TOGETHER;
/** The lines, in packets of some. */
const longLines = Array.from({ length: Math.ceil(PACKETS) }, (_, i) =>
  Array.from({ length: TOGETHER }, (_, j) => `${i * TOGETHER + j} `.padEnd(LONG, 'x')),
);

/** The packets as requests, which are lines or commands. They are megabytes, so each kind is made once. */
const longPieces = new Map<boolean, Buffer[]>();
function longRequests(subject: Subject): Buffer[] {
  const areLines = subject.level < 7;
  const pieces = longPieces.get(areLines) ?? longLines.map((lines) => Buffer.from(request(subject, lines)));
  longPieces.set(areLines, pieces);
  return pieces;
}

/** Hears lines. If a later line comes first, the order of the answers is wrong. */
async function hearInOrder(client: Client, lines: string[]): Promise<void> {
  for (const [i, line] of lines.entries()) {
    await client.expect(`${line}\n`).catch((error: AnswerError) => {
      const [first = ''] = `${error.received}`.split('\n');
      if (lines.slice(i + 1).includes(first)) error.suspect = 'the answers arrived in another order';
      throw error;
    });
  }
}

/** Whether the server answers a new client that sends this and does not end its half of the connection. */
function answers({ connect }: Subject, piece: string): Promise<boolean> {
  return connect()
    .then(async (client) => {
      await client.send(piece);
      await client.until('an answer', () => client.answers.length > 0);
    })
    .then(
      () => true,
      () => false,
    );
}

async function endsByCtrlC({ program, log }: Subject, clients: readonly Client[]): Promise<void> {
  program?.kill('SIGINT');
  for (const client of clients) await client.rest(); // some servers send a last line
  const exit = await program?.exited();
  if (log && exit !== 'SIGINT' && exit !== 0) failWith(`The server ended by ${exit}`);
}

/** Looks for the character in the log's lines about one client. Level 10 logs received bytes, as `\xc3`: no byte is lost. */
async function showsCharacter(log: Inbox, address: string): Promise<void> {
  const lines: string[] = [];
  while (!lines.at(-1)?.startsWith(`${address} disconnected: `)) {
    const line = await log.line();
    if (line.startsWith(`${address} `)) lines.push(line);
  }
  const whole = lines.some((line) => line.includes('é')) || lines.join().includes('\\xc3');
  if (!whole || lines.join().includes('\uFFFD')) {
    const error = new ExpectationError(`The log has no é: ${lines}`);
    error.suspect = 'the log shows half a character';
    throw error;
  }
}
