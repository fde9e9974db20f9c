// What async-chat.ts does beyond the lines of select9: conversations of two sockets, in one loop.

import { describe, expect, onTestFinished, test } from 'vitest';
import { PATIENCE } from '../src/behaviours/inbox.ts';
import { AsyncChat, type Producer } from '../src/select/async-chat.ts';
import { EventHandler, Loop } from '../src/select/event-handler.ts';
import type { Key } from '../src/sockets/selector.ts';
import type { Socket } from '../src/sockets/socket.ts';
import { pair } from './harness.ts';
import { moved } from './moved.ts';

/** A loop that does not run for ever. It blocks the thread, so vitest can't end a test that waits, or runs, too long. */
class PatientLoop extends Loop {
  readonly #deadline = performance.now() + PATIENCE;

  override select(timeout = Number.POSITIVE_INFINITY): readonly Key<EventHandler>[] {
    const left = this.#deadline - performance.now();
    if (left < 0) throw new Error(`No conversation takes ${PATIENCE} ms`);
    return super.select(Math.min(timeout, left));
  }
}

/** The server's end of a conversation. */
class Chat extends AsyncChat {
  over: string[] = [];
  found = (_message: Buffer): void => {};
  ended = (_rest: Buffer): void => {};

  override foundTerminator(): void {
    this.found(this.collected());
  }

  override onEnd(why: 'end of stream' | 'closed' | Error, rest: Buffer): void {
    this.over.push(`${why}`);
    this.ended(rest);
  }

  say(text: string): void {
    this.push(Buffer.from(text));
  }
}

/** The client's end: sends a piece in each tick, then ends its half, and keeps what arrives. */
class Client extends EventHandler {
  received = '';
  heard = (): void => {};
  readonly #socket: Socket;
  readonly #pieces: string[];

  constructor(loop: Loop, socket: Socket, pieces: Iterable<string>) {
    super(loop, socket);
    this.#socket = socket;
    this.#pieces = [...pieces];
  }

  override writable(): boolean {
    return this.#pieces.length > 0;
  }

  override onWrite(): void {
    this.sendPieces([Buffer.from(this.#pieces.shift() ?? '')]);
    if (this.#pieces.length === 0) this.#socket.shutdown('write');
  }

  override onRead(bytes: Buffer): void {
    this.received += bytes;
    this.heard();
  }
}

function newLoop(): Loop {
  const loop = new PatientLoop();
  onTestFinished(() => loop.close());
  return loop;
}

/** Adds a conversation to a loop. Its client sends these pieces. */
function converse(loop: Loop, begin: (chat: Chat) => void, pieces: Iterable<string>) {
  const [one, other] = pair();
  const chat = new Chat(loop, one);
  const client = new Client(loop, other, pieces);
  begin(chat);
  client.callAtTickEnd(); // Then it waits for room.
  return { chat, client };
}

/** Has one conversation. Returns what the client has received, and why the conversation is over. */
function talk(begin: (chat: Chat) => void, pieces: Iterable<string>): [received: string, over: string[]] {
  const loop = newLoop();
  const { chat, client } = converse(loop, begin, pieces);
  loop.run();
  return [client.received, chat.over];
}

describe('async-chat', () => {
  /** Lines, in turns: a terminator, as JSON, and a message that ends with it, which is sent back. */
  function terminators(chat: Chat): void {
    chat.terminator = '\r\n';
    chat.found = (line) => {
      if (`${line}` === 'BYE') return chat.closeWhenDone();
      chat.terminator = JSON.parse(`${line}`);
      chat.found = (message) => {
        chat.say(`${message}\n`);
        terminators(chat);
      };
    };
  }

  test('changes its terminator from one message to the next, however they are cut', () => {
    const stream = '"\\n"\r\na\rb\n5\r\n1\r\n\n5"\\n"\r\nc\n1\r\n\rBYE\r\n"\\n"\r\nignored\n';
    const answer = ['a\rb\n1\r\n\n5\nc\n\r\n', ['closed']];
    expect(talk(terminators, [stream])).toEqual(answer);
    expect(talk(terminators, stream)).toEqual(answer);
  });

  test('throws at a terminator that is none, which ends this connection', () => {
    for (const terminator of ['0', '-1', '1.5', '""']) {
      const [received, [why]] = talk(terminators, [`${terminator}\r\nmore`]);
      expect([received, why]).toEqual(['', expect.stringMatching(/^RangeError: Cannot wait for /)]);
    }
  });

  test('cuts message after message by a number of bytes that was asked for once', () => {
    const each = (chat: Chat) => {
      chat.terminator = 5;
      chat.found = (message) => chat.say(`${message}|`);
    };
    expect(talk(each, ['hellowor', 'ldagainand'])).toEqual(['hello|world|again|', ['end of stream']]);
  });

  test('collects bytes until the end of the stream, without a terminator', () => {
    const all = (chat: Chat) => {
      chat.ended = (rest) => chat.say(`${rest.length}`);
    };
    expect(talk(all, Array(100).fill('x\r\n'.repeat(100)))).toEqual(['30000', ['end of stream']]);
  });

  /** Sends each line back. */
  function lines(chat: Chat): void {
    chat.terminator = '\n';
    chat.found = (line) => chat.say(`${line}\n`);
  }

  test('asks a producer for more only when there is room, and answers another client meanwhile', () => {
    const loop = newLoop();
    let made = 0;
    const producer: Producer = {
      more() {
        made += 65_536;
        return Buffer.alloc(made > 100_000_000 ? 0 : 65_536);
      },
    };
    const deaf = converse(loop, (chat) => chat.push(producer), []);
    deaf.client.readable = () => false;
    const other = converse(loop, lines, Array(100).fill('me?\n'));
    other.client.heard = () => other.client.received.length === 400 && deaf.client.close();
    loop.run();
    expect(made).toBeGreaterThan(0);
    expect(made).toBeLessThan(50_000_000);
  });

  test('sends 15 MB to one client, and answers another meanwhile', () => {
    const loop = newLoop();
    const big = converse(loop, (chat) => chat.push(Buffer.alloc(15_000_000)), []);
    big.chat.closeWhenDone();
    const small = converse(loop, lines, Array(1000).fill('me?\n'));
    let answered = 0;
    big.client.heard = () => {
      answered = small.client.received.length / 4;
    };
    loop.run();
    expect(big.client.received.length).toBe(15_000_000);
    expect(answered).toBeGreaterThan(100);
  });

  test('moves each answer of a long queue about once', () => {
    const loop = newLoop();
    const { chat, client } = converse(loop, () => {}, []);
    const answer = Buffer.alloc(32, 'x');
    for (let i = 0; i < 250_000; i++) chat.push(answer);
    chat.closeWhenDone();
    expect(moved(() => loop.run())).toBeLessThan(500_000); // Moving all others in each tick would be 15 million.
    expect(client.received.length).toBe(250_000 * 32);
  });
});
