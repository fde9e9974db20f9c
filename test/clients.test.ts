// The clients: nc, finger, and ask, which asks the zen and the oracle. And servers that answer in unusual ways.

import { createServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { Program } from '../src/behaviours/program.ts';
import { runnable } from '../src/behaviours/server.ts';
import { splitUserAtHost } from '../src/clients/target.ts';
import { installed, listening, run, runScript, until } from './harness.ts';

const client = 'src/clients/ask.ts';
const ask = (port: number, ...args: string[]) => runScript(client, 'localhost', `${port}`, ...args);

const CLOSED = 'The server has closed the connection\n';

/** One connection of the server: its questions, when each arrived, the bytes behind the last, and whether it has ended. */
type Talk = { socket: Socket; questions: string[]; times: number[]; rest: string; ended: boolean };

/** Runs a server on a free port while `use` runs. It handles each question with its number on the connection. */
async function answering(
  answer: (socket: Socket, question: string, n: number) => void,
  use: (port: number, talks: Talk[]) => Promise<void>,
): Promise<void> {
  const talks: Talk[] = [];
  const server = createServer({ noDelay: true }, (socket) => {
    const talk: Talk = { socket, questions: [], times: [], rest: '', ended: false };
    talks.push(talk);
    socket.on('data', (bytes) => {
      const pieces = `${talk.rest}${bytes}`.split('?');
      talk.rest = pieces.pop() ?? '';
      for (const piece of pieces) {
        talk.times.push(performance.now());
        answer(socket, `${piece}?`, talk.questions.push(`${piece}?`));
      }
    });
    socket.on('end', () => {
      talk.ended = true;
    });
    socket.on('error', () => {}); // A client may break the connection.
  });
  await listening(server, (port) => use(port, talks)).finally(() => {
    for (const { socket } of talks) socket.destroy();
  });
}

/** Sends the pieces one by one, each in a turn of Node's loop. */
async function inPieces(socket: Socket, pieces: Iterable<string>): Promise<void> {
  for (const piece of pieces) {
    await new Promise((resolve) => socket.write(piece, resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** For each protocol: the question, the answer of a server, and what the client prints. */
const conversations: Record<string, Record<string, [answer: string, printed: string]>> = {
  zen: {
    'Beautiful is better than?': ['Ugly.', 'Ugly.'],
    'Explicit is better than?': ['\r\nImplicit.', 'Implicit.'],
    'Simple is better than?': ['Error: unknown aphorism.', 'Error: unknown aphorism.'],
  },
  oracle: {
    'Is general artificial intelligence possible?': [
      // On a terminal, these clear the screen, ring the bell, and change the direction of text.
      'Is general artificial intelligence possible? \x1b[2J\x07No\u009b\u202e.',
      '?[2J?No??.',
    ],
    'Is there true free will?': ['Is there true free will? Maybe.', 'Maybe.'],
    'Will I be happy tomorrow?': ['Will I be happy tomorrow? Yes.', 'Yes.'],
  },
};

describe.concurrent('ask.ts', () => {
  for (const [protocol, conversation] of Object.entries(conversations)) {
    test(`asks the ${protocol} three questions in any order, and reads the answers byte by byte`, () =>
      answering(
        (socket, question) => inPieces(socket, conversation[question]?.[0] ?? 'What?'),
        async (port, talks) => {
          const orders = new Set<string>();
          const enough = protocol === 'zen' ? 2 : 1; // One protocol shows that the order is another each time.
          for (let runs = 1; orders.size < enough; runs++) {
            expect(runs).toBeLessThanOrEqual(20);
            const { exit, stdout, stderr } = await ask(port, '--protocol', protocol);
            expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
            const questions = talks.at(-1)?.questions ?? [];
            expect(questions.toSorted()).toEqual(Object.keys(conversation));
            expect(stdout).toBe(questions.map((asked) => `${asked} ${conversation[asked]?.[1]}\n`).join(''));
            orders.add(stdout);
            expect(talks.length).toBe(runs);
          }
        },
      ));
  }

  test('takes the bytes behind an answer for the next one, and with --forever and --pause asks the zen in order until the end', () =>
    answering(
      (socket, _, n) => {
        const pieces = [['Ug', 'ly. Imp'], ['licit.Complex.'], [], ['Ugly.', 'Half an ans']][n - 1];
        void inPieces(socket, pieces ?? []).then(() => n === 4 && socket.destroySoon());
      },
      async (port, talks) => {
        const stdout = `Beautiful is better than? Ugly.
Explicit is better than? Implicit.
Simple is better than? Complex.
Beautiful is better than? Ugly.
`;
        expect(await ask(port, '--forever', '--pause', '0.2')).toEqual({ exit: 0, stdout, stderr: CLOSED });
        const [first = 0, ...later] = talks[0]?.times ?? [];
        expect(later.length).toBeGreaterThanOrEqual(3);
        // Times count from the first: the third answer arrives before its question, which may be noticed late.
        for (const [i, time] of later.entries()) expect(time - first).toBeGreaterThanOrEqual((i + 1) * 199);
      },
    ));

  test('-e disconnects in the middle of a question, and Ctrl-C ends it at once in the middle of a pause', () =>
    answering(
      () => {},
      async (port, talks) => {
        expect(await ask(port, '-e')).toEqual({ exit: 0, stdout: '', stderr: '' });
        await until(() => talks[0]?.ended === true);
        expect(talks[0]?.rest).toMatch(/^(Beautiful|Explicit|Simple) is better than$/);
        const args = ['localhost', `${port}`, '--forever', '--pause', '3600'];
        const program = new Program(process.execPath, [...runnable(client), ...args]);
        await until(() => talks.length === 2);
        expect(await program.stop('SIGINT')).toBe('SIGINT');
        expect(talks.map(({ questions }) => questions)).toEqual([[], []]);
      },
    ));

  for (const [how, leave] of [
    ['closed', (socket: Socket) => void socket.end('Ug')],
    ['broken', (socket: Socket) => void socket.resetAndDestroy()],
  ] as const) {
    test(`says in one line that the connection was ${how}, in the middle of an answer`, () =>
      answering(leave, async (port) => {
        const stderr = how === 'closed' ? CLOSED : `Cannot talk to localhost:${port}: ECONNRESET\n`;
        expect(await ask(port)).toEqual({ exit: 1, stdout: '', stderr });
      }));
  }

  test('ends when the program that reads its output has ended', () =>
    answering(
      (socket) => socket.write('Ugly.'),
      async (port) => {
        const command = [process.execPath, ...runnable(client), 'localhost', `${port}`, '--forever'];
        const { stdout, stderr } = await run('sh', ['-c', '"$@" | head -1', 'sh', ...command]);
        expect({ stdout, stderr }).toEqual({ stdout: 'Beautiful is better than? Ugly.\n', stderr: '' });
      },
    ));
});

describe.concurrent('finger.ts', () => {
  test('sends its question as RFC 1288 has it, and prints the answer', () =>
    listening(
      createServer((socket) =>
        socket.once('data', (question) => {
          socket.write(`you asked ${JSON.stringify(`${question}`)}\r\n`);
          setImmediate(() => socket.end('second line\r\nand \x1b[2J\u202e\t👩‍👧\r\n'));
        }),
      ),
      async (port) => {
        for (const [args, question] of [
          [[`alice@localhost:${port}`], 'alice\\r\\n'],
          [['-l', `alice@localhost:${port}`], '/W alice\\r\\n'],
          [['-l', `@127.0.0.1:${port}`], '/W\\r\\n'],
        ] as [string[], string][]) {
          const stdout = `you asked "${question}"\nsecond line\nand ?[2J?\t👩‍👧\n`;
          expect(await runScript('src/clients/finger.ts', ...args)).toEqual({ exit: 0, stdout, stderr: '' });
        }
      },
    ));

  // The real one knows no other port than 79, where only root may listen.
  test.runIf(installed('finger') && process.getuid?.() === 0)('prints what finger prints', () =>
    listening(
      createServer((socket) => {
        let question = '';
        socket.on('data', (bytes) => {
          question += bytes; // The real one sends it in pieces.
          if (question.endsWith('\n'))
            socket.end(`you asked ${JSON.stringify(question)}\r\n\r\nthat is all\r\n`);
        });
      }),
      async () => {
        for (const args of [['alice@localhost'], ['-l', 'alice@localhost'], ['@localhost']]) {
          const { stdout } = await run('finger', args);
          // The real one prints \r, too, which a terminal does not show.
          expect((await runScript('src/clients/finger.ts', ...args)).stdout).toBe(
            stdout.replaceAll('\r', ''),
          );
        }
      },
      { port: 79 },
    ),
  );

  test('takes user@host:port apart, with IPv6 addresses in brackets before a port', () => {
    for (const [text, parts] of [
      ['ada@localhost', { user: 'ada', host: 'localhost' }],
      ['@localhost:7979', { user: '', host: 'localhost', port: '7979' }],
      ['ada@far@near:79', { user: 'ada@far', host: 'near', port: '79' }],
      ['ada@::1', { user: 'ada', host: '::1' }],
      ['ada@[::1]', { user: 'ada', host: '::1' }],
      ['ada@[::1]:7979', { user: 'ada', host: '::1', port: '7979' }],
      ['@[fe80::1%eth0]:79', { user: '', host: 'fe80::1%eth0', port: '79' }],
      ['ada@localhost:', { user: 'ada', host: 'localhost', port: '' }],
      ['ada@localhost:79:80', { user: 'ada', host: 'localhost', port: '79:80' }],
    ] as const) {
      expect(splitUserAtHost(text), text).toEqual(parts);
    }
    const wrong = ['ada', 'ada@', 'ada@:79', 'ada@[localhost]:79'];
    expect(wrong.map(splitUserAtHost)).toEqual(wrong.map(() => undefined));
  });
});

describe.concurrent('nc.ts', () => {
  test('sends what you type, and half-closes at the end of stdin, even if the server listens only on the second address of localhost', () =>
    listening(
      createServer({ allowHalfOpen: true }, (socket) => {
        const heard: Buffer[] = [];
        socket.write('hello\n');
        socket.on('data', (bytes) => heard.push(bytes)).on('end', () => socket.end(Buffer.concat(heard)));
      }),
      async (port) => {
        const client = runnable('src/clients/nc.ts', ['--import', './test/fixtures/two-addresses.ts']);
        const args = [...client, 'localhost', `${port}`];
        const result = await run(process.execPath, args, { input: 'one\ntwo\n' });
        expect(result).toEqual({ exit: 0, stdout: 'hello\none\ntwo\n', stderr: '' });
      },
    ));

  test('ends when the server does, though stdin stays open', () =>
    listening(
      createServer((socket) => void socket.once('data', () => socket.end('BYE\n'))),
      async (port) => {
        const args = [...runnable('src/clients/nc.ts'), 'localhost', `${port}`];
        const client = new Program(process.execPath, args);
        client.type('QUIT\n');
        expect(await client.stdout.rest()).toBe('BYE\n');
        expect(await client.exited()).toBe(0);
      },
    ));
});

test.each(['ask', 'finger'])('%s.ts takes no answer without end: at a mebibyte, one line says so', (client) =>
  answering(
    (socket) => socket.end('Ugly'.repeat(5_000_000)),
    async (port) => {
      const [words, action] =
        client === 'ask'
          ? [['localhost', `${port}`], `talk to localhost:${port}`]
          : [[`why?@localhost:${port}`], 'finger localhost'];
      const { exit, stdout, stderr } = await runScript(`src/clients/${client}.ts`, ...words);
      const why = 'an answer of more than 1048576 bytes';
      expect({ exit, stderr }).toEqual({ exit: 1, stderr: `Cannot ${action}: ${why}\n` });
      expect(stdout.length).toBeLessThanOrEqual(1048577);
    },
  ),
);
