// finger: asks a host about a user. It sends one line, and prints the lines that come back until the connection closes: RFC 1288.
//
//   npx tsx src/clients/finger.ts [-l] [user]@host[:port]
//
// With -l it asks for the long answer, and without a user for all users.

import { lookup } from 'node:dns/promises';
import { fail, orFail } from '../cli/fail.ts';
import { print } from '../cli/log.ts';
import { parseOrHelp } from '../cli/parse.ts';
import { visible } from '../protocol/visible.ts';
import { AsyncChat } from '../select/async-chat.ts';
import { Loop } from '../select/event-handler.ts';
import { Address, Socket } from '../sockets/socket.ts';
import { MAX_ANSWER, readPort, splitUserAtHost } from './target.ts';

const loop = new Loop();

class Finger extends AsyncChat {
  readonly query: string;
  readonly host: string;
  /** The other addresses of the host, to try if this one does not answer. */
  readonly others: Address[];
  connected = false;
  /** How many bytes the answer has so far. */
  length = 0;

  constructor(query: string, host: string, [address, ...others]: [Address, ...Address[]]) {
    super(loop, Socket.startConnect(address), 'connecting');
    this.query = query;
    this.host = host;
    this.others = others;
    this.terminator = undefined; // All bytes until the end of the stream are the answer.
  }

  override onConnect(): void {
    this.connected = true;
    this.push(Buffer.from(`${this.query}\r\n`));
  }

  override foundTerminator(): void {}

  override collectIncomingData(bytes: Buffer): void {
    this.length += bytes.length;
    if (this.length > MAX_ANSWER) throw new Error(`an answer of more than ${MAX_ANSWER} bytes`);
    super.collectIncomingData(bytes);
  }

  override onError(error: unknown): void {
    const [next, ...rest] = this.others;
    if (this.connected || !next) {
      super.onError(error);
      return;
    }
    this.close();
    new Finger(this.query, this.host, [next, ...rest]);
  }

  override onEnd(why: 'end of stream' | 'closed' | Error, answer: Buffer): void {
    const text = forTerminal(answer.toString());
    if (text !== '') print(text.replace(/\n$/, ''));
    if (why instanceof Error)
      fail(`Cannot finger ${this.host}: ${(why as NodeJS.ErrnoException).code ?? why.message}`);
  }
}

/** The answer without the characters that a terminal obeys: RFC 1288, section 3.3. */
function forTerminal(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(/[^\n\t]+/g, (part) => visible(part));
}

function readCommandLine(): { query: string; target: Address } {
  const usage = 'Usage: npx tsx src/clients/finger.ts [-l] [user]@host[:port]';
  const options = { l: { type: 'boolean', short: 'l' } } as const;
  const { values, positionals } = parseOrHelp({ options, allowPositionals: true }, usage);
  const parts = splitUserAtHost(positionals[0] ?? '');
  if (!parts || positionals.length > 1) return fail(usage);
  const { user, host, port = '79' } = parts;
  return { query: values.l ? `/W ${user}`.trim() : user, target: new Address(host, readPort(port)) };
}

/** All addresses of a host, in the order in which to try them. getaddrinfo() waits, so Node calls it in a thread. */
async function resolve({ host, port }: Address): Promise<[Address, ...Address[]]> {
  try {
    const found = await lookup(host, { all: true });
    return found.map(({ address }) => new Address(address, port)) as [Address, ...Address[]];
  } catch (error) {
    return fail(`Cannot finger ${host}: ${(error as NodeJS.ErrnoException).code}`);
  }
}

const { query, target } = readCommandLine();
const addresses = await resolve(target);
orFail(() => new Finger(query, target.host, addresses));
loop.run();
