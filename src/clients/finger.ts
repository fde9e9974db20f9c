// finger: asks a host who somebody is. One line goes there, some lines come back, and the connection closes: RFC 1288.
//
//   npx tsx src/clients/finger.ts [-l] [user]@host[:port]
//
// With -l it asks for the long answer, with no user for all who are there.

import { fail, orFail } from '../cli/fail.ts';
import { print } from '../cli/log.ts';
import { parseOrHelp } from '../cli/parse.ts';
import { AsyncChat } from '../select/async-chat.ts';
import { type Loop, runLoop } from '../select/event-handler.ts';
import { Selector } from '../sockets/selector.ts';
import { Socket } from '../sockets/socket.ts';
import { splitUserAtHost, Target } from './target.ts';

class Finger extends AsyncChat {
  readonly query: string;
  readonly host: string;

  constructor(loop: Loop, query: string, target: Target) {
    super(loop, Socket.startConnect(target), 'connecting');
    this.query = query;
    this.host = target.host;
    this.terminator = undefined; // All that comes, until the end of the stream, is the answer.
  }

  override onConnect(): void {
    this.push(Buffer.from(`${this.query}\r\n`));
  }

  override foundTerminator(): void {}

  override onEnd(why: 'end of stream' | 'closed' | Error, answer: Buffer): void {
    const text = forTerminal(answer.toString());
    if (text !== '') print(text.replace(/\n$/, ''));
    if (why instanceof Error)
      fail(`Cannot finger ${this.host}: ${(why as NodeJS.ErrnoException).code ?? why}`);
  }
}

/** Someone else's text, without the control characters that would act on this terminal: RFC 1288, section 3.3. */
function forTerminal(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(/(?![\n\t])\p{Cc}/gu, '?');
}

function readCommandLine(): { query: string; target: Target } {
  const usage = 'Usage: npx tsx src/clients/finger.ts [-l] [user]@host[:port]';
  const options = { l: { type: 'boolean', short: 'l' } } as const;
  const { values, positionals } = parseOrHelp({ options, allowPositionals: true }, usage);
  const parts = splitUserAtHost(positionals[0] ?? '');
  if (!parts || positionals.length > 1) return fail(usage);
  const { user, host, port = '79' } = parts;
  return { query: values.l ? `/W ${user}`.trim() : user, target: new Target(host, port) };
}

const { query, target } = readCommandLine();
const loop: Loop = new Selector();
orFail(() => new Finger(loop, query, target));
runLoop(loop);
