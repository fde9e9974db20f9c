// Users who talk to each other: the rules of the chat, on paper. chat.test.ts has the chat itself.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chain } from '../src/protocol/chain.ts';
import { ChatProtocol, LocalRoom } from '../src/protocol/chat.ts';
import { LineProtocol } from '../src/protocol/lines.ts';
import { TextProtocol } from '../src/protocol/text.ts';
import { FakeTransport, streams } from './fake-transport.ts';

/** Somebody who sits in a room, and has a sheet of paper for a connection. */
class User extends FakeTransport {
  readonly chat: ChatProtocol;
  readonly #protocol: ReturnType<typeof chain<Buffer>>;

  constructor(room: LocalRoom) {
    super();
    this.chat = new ChatProtocol(room, (line) => this.send(line));
    this.#protocol = chain(this, new LineProtocol(), new TextProtocol(), this.chat);
    this.chat.enter();
  }

  says(text: string): void {
    this.#protocol.received(Buffer.from(text));
  }

  ends(): void {
    this.#protocol.ended();
  }

  /** What has been sent to it since it was last asked. */
  get heard(): string {
    const heard = Buffer.from(this.sent, 'latin1').toString();
    this.sent = '';
    return heard;
  }
}

/** A room with so many in it, who have read what they were told. */
function room(count: number): User[] {
  const room = new LocalRoom();
  const users = Array.from({ length: count }, () => new User(room));
  for (const user of users) user.sent = '';
  return users;
}

describe('the rules of the chat', () => {
  test('welcome who comes, and tell the others', () => {
    const place = new LocalRoom();
    const one = new User(place);
    expect(one.heard).toBe('* welcome, guest1\n');
    const two = new User(place);
    expect([one.heard, two.heard]).toEqual(['* guest2 joined\n', '* welcome, guest2\n']);
  });

  test('let people change their names, and tell everyone', () => {
    const [one, two] = room(2) as [User, User];
    one.says('NICK alice\n');
    expect([one.heard, two.heard]).toEqual(['* guest1 is now alice\n', '* guest1 is now alice\n']);
    one.says('nick Alice\nNICK  Bob_the-2nd \r\n');
    expect(two.heard).toBe('* alice is now Alice\n* Alice is now Bob_the-2nd\n');
  });

  test('pass on what is said to all the others, and what is told to one', () => {
    const [one, two, three] = room(3) as [User, User, User];
    one.says('SAY hello, Ωorld\n');
    expect([one.heard, two.heard, three.heard]).toEqual([
      '',
      '<guest1> hello, Ωorld\n',
      '<guest1> hello, Ωorld\n',
    ]);
    one.says('MSG GUEST2  psst \n');
    expect([one.heard, two.heard, three.heard]).toEqual(['', '-guest1-  psst \n', '']);
  });

  test('name who is there, in the order they came, whatever they are called', () => {
    const [one, two, three] = room(3) as [User, User, User];
    one.says('NICK zoe\n');
    two.chat.leave();
    expect(three.heard).toBe('* guest1 is now zoe\n* guest2 left\n');
    three.says('WHO\n');
    expect(three.heard).toBe('WHO zoe guest3\n');
  });

  test('miss whoever leaves, once, however that is', () => {
    const [one, two, three, four] = room(4) as [User, User, User, User];
    two.says('QUIT\n');
    two.ends();
    two.chat.leave();
    expect(two).toMatchObject({ closed: true, sent: 'BYE\n' });
    three.ends();
    three.chat.leave();
    four.chat.leave();
    four.chat.leave();
    expect(one.heard).toBe('* guest2 left\n* guest3 left\n* guest4 left\n');
    one.says('WHO\n');
    expect(one.heard).toBe('WHO guest1\n');
  });

  test('give nobody a name that somebody has', () => {
    const place = new LocalRoom();
    const one = new User(place);
    one.says('NICK Guest2\n');
    one.sent = '';
    expect(new User(place).heard).toBe('* welcome, guest3\n');
  });

  for (const [line, answer] of [
    ['NICK', 'missing name'],
    ['NICK ', 'missing name'],
    ['NICK guest2', 'name taken: guest2'],
    ['NICK GUEST2', 'name taken: GUEST2'],
    ['NICK guest1', 'name taken: guest1'],
    ['NICK two words', 'bad name: two words'],
    ['NICK seventeen-letters', 'bad name: seventeen-letters'],
    ['NICK é', 'bad name: é'],
    ['NICK \x1b[31mred', 'bad name: ?[31mred'],
    ['SAY', 'missing text'],
    ['SAY   ', 'missing text'],
    ['MSG', 'missing name'],
    ['MSG guest2', 'missing text'],
    ['MSG guest2 ', 'missing text'],
    ['MSG zed hello', 'no such user: zed'],
    ['MSG constructor hello', 'no such user: constructor'],
    ['SHOUT hello', 'unknown command: SHOUT'],
  ] as const) {
    test(`answer ${JSON.stringify(line)} with an error, and change nothing`, () => {
      const [one, two] = room(2) as [User, User];
      one.says(`${line}\n`);
      expect([one.heard, two.heard]).toEqual([`ERROR ${answer}\n`, '']);
      one.says('WHO\n');
      expect(one.heard).toBe('WHO guest1 guest2\n');
    });
  }

  test('know all commands that there were before', () => {
    const [one] = room(1) as [User];
    one.says('HELP\nECHO a\r\n');
    expect(one.heard).toBe('ECHO TIME HELP QUIT NICK SAY MSG WHO\na\n');
  });

  test('let no control character through to the terminals of others, and no line that nobody has said', () => {
    const [one, two] = room(2) as [User, User];
    one.says('SAY \x1b[2J\x07\ttab\x7f\x9b0m\u2028\u202e\r\nMSG guest2 \x1b]0;title\x07\n');
    expect(two.heard).toBe('<guest1> ?[2J??tab??0m??\n-guest1- ?]0;title?\n');
    one.says('SAY 👩‍👩‍👧 e\u0301\n'); // What joins letters and emojis is no harm.
    expect(two.heard).toBe('<guest1> 👩‍👩‍👧 e\u0301\n');
  });

  test('hold whatever is typed', () => {
    const word = fc.constantFrom(
      'SAY ',
      'NICK ',
      'MSG guest2 ',
      'WHO',
      'QUIT',
      'x',
      ' ',
      '\n',
      '\r\n',
      '\x1b',
      '* ',
    );
    const typed = fc.array(
      fc.oneof(
        word.map((text) => Buffer.from(text)),
        streams,
      ),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(typed, (pieces) => {
        const [one, two] = room(2) as [User, User];
        for (const piece of pieces) if (!one.closed) one.says(piece.toString('latin1'));
        const lines = two.heard.split('\n');
        expect(lines.pop()).toBe('');
        for (const line of lines)
          expect(line).toMatch(/^(<[\w-]+> |-[\w-]+- |\* [\w-]+ (left$|is now [\w-]+$))\P{Cc}*$/u);
      }),
    );
  });
});
