// ask: asks a server three questions, one after the other, and prints the answers. `?` ends a question, `.` an answer.
//
//   npx tsx src/clients/ask.ts HOST PORT [--protocol zen|oracle] [-e] [--forever] [--pause SECONDS]
//
// It asks the three in random order, or with --forever in the order below, again and again. With --pause it waits before each.
// -e makes a mistake on purpose: it disconnects in the middle of a question. Ctrl-C ends it.

import { fail, orFail } from '../cli/fail.ts';
import { print } from '../cli/log.ts';
import { parseOrHelp } from '../cli/parse.ts';
import { Splitter } from '../protocol/splitter.ts';
import { visible } from '../protocol/visible.ts';
import { SystemError } from '../sockets/errors.ts';
import { Socket } from '../sockets/socket.ts';
import { MAX_ANSWER, readTarget } from './target.ts';

const protocols = new Map([
  ['zen', ['Beautiful is better than?', 'Explicit is better than?', 'Simple is better than?']],
  [
    'oracle',
    ['Will I be happy tomorrow?', 'Is general artificial intelligence possible?', 'Is there true free will?'],
  ],
]);

const usage =
  'Usage: npx tsx src/clients/ask.ts HOST PORT [--protocol zen|oracle] [-e] [--forever] [--pause SECONDS]';

function readCommandLine() {
  const options = {
    protocol: { type: 'string', default: 'zen' },
    error: { type: 'boolean', short: 'e' },
    forever: { type: 'boolean' },
    pause: { type: 'string', default: '0' },
  } as const;
  const { values, positionals } = parseOrHelp({ options, allowPositionals: true }, usage);
  const { protocol, error: mistake, forever } = values;
  const questions = protocols.get(protocol);
  if (!questions) {
    fail(
      `Cannot use --protocol ${JSON.stringify(protocol)}: it is one of ${[...protocols.keys()].join(', ')}`,
    );
  }
  const pause = /^\d*\.?\d+$/.test(values.pause) ? Number(values.pause) : Number.NaN;
  if (!(pause <= 3600)) {
    fail(`Cannot use --pause ${JSON.stringify(values.pause)}: it is a number of seconds from 0 to 3600`);
  }
  return { target: readTarget(positionals, usage), protocol, questions, mistake, forever, pause };
}

const { target, protocol, questions, mistake, forever, pause } = readCommandLine();

/** The questions in their order; with --forever, without end. */
function* toAsk(): Generator<string, void> {
  while (forever) yield* questions;
  const left = [...questions];
  while (left.length > 0) yield* left.splice(Math.floor(Math.random() * left.length), 1);
}

/** The answers of the server, one by one, until the end of the stream. */
function* answersFrom(socket: Socket): Generator<string, void> {
  const splitter = new Splitter('.');
  for (let bytes = socket.recv(4096); bytes.length > 0; bytes = socket.recv(4096)) {
    for (const answer of splitter.push(bytes)) yield `${answer}.`.trim();
    if (splitter.unfinished.length > MAX_ANSWER) {
      fail(`Cannot talk to ${target}: an answer of more than ${MAX_ANSWER} bytes`);
    }
  }
}

const clock = new Int32Array(new SharedArrayBuffer(4));

/** Asks the questions, and returns why it has ended. */
function ask(socket: Socket): 'done' | 'closed' {
  const answers = answersFrom(socket);
  for (const question of toAsk()) {
    Atomics.wait(clock, 0, 0, pause * 1000); // No thread wakes it, so it sleeps for the whole time.
    socket.sendAll(Buffer.from(mistake ? question.slice(0, -1) : question));
    if (mistake) break;
    const { value: answer, done } = answers.next();
    if (done) return 'closed';
    const line = protocol === 'zen' ? `${question} ${answer}` : answer;
    print(visible(line));
  }
  return 'done';
}

const socket = orFail(() => Socket.connect(target));
try {
  if (ask(socket) === 'closed') {
    console.error('The server has closed the connection');
    process.exitCode = forever ? 0 : 1;
  }
} catch (error) {
  if (!(error instanceof SystemError)) throw error;
  fail(`Cannot talk to ${target}: ${error.code}`);
}
socket.close();
