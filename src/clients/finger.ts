// finger: asks a host who somebody is. One line goes there, some lines come back, and the connection closes: RFC 1288.
//
//   npx tsx src/clients/finger.ts [-l] [user]@host[:port]
//
// With -l it asks for the long answer, with no user for all who are there.

import { parseArgs } from 'node:util';
import { fail, orFail } from '../cli/fail.ts';
import { print } from '../cli/log.ts';
import { AsyncChat } from '../select/async-chat.ts';
import { Loop } from '../select/event-handler.ts';
import { Socket } from '../sockets/socket.ts';

class Finger extends AsyncChat {
  readonly query: string;
  readonly host: string;

  constructor(loop: Loop, query: string, { host, port }: { host: string; port: number }) {
    super(loop, Socket.startConnect({ host, port }), 'connecting');
    this.query = query;
    this.host = host;
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

function readTarget(): { query: string; host: string; port: number } {
  const usage = 'Usage: npx tsx src/clients/finger.ts [-l] [user]@host[:port]';
  try {
    const { values, positionals } = parseArgs({
      options: { l: { type: 'boolean', short: 'l' } },
      allowPositionals: true,
    });
    const [, user = '', host, port = '79'] =
      /^(.*)@([^@:]+)(?::(\d{1,5}))?$/.exec(positionals[0] ?? '') ?? [];
    if (host === undefined || positionals.length !== 1) return fail(usage);
    return { query: values.l ? `/W ${user}`.trim() : user, host, port: Number(port) };
  } catch {
    return fail(usage);
  }
}

const { query, ...target } = readTarget();
const loop = new Loop();
orFail(() => new Finger(loop, query, target));
loop.run();
