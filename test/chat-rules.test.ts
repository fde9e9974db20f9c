// The rules of the chat, without sockets. chat.test.ts has the chat itself.

import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { chain } from '../src/protocol/chain.ts';
import { ChatProtocol, LocalRoom } from '../src/protocol/chat.ts';
import { LineProtocol } from '../src/protocol/lines.ts';
import { PaceProtocol } from '../src/protocol/pace.ts';
import type { Answer, Guest, Room } from '../src/protocol/room.ts';
import { TextProtocol } from '../src/protocol/text.ts';
import { INVISIBLE, visible } from '../src/protocol/visible.ts';
import type { Socket } from '../src/sockets/socket.ts';
import { SharedRoom } from '../src/threaded/shared-room.ts';
import { FakeTransport, streams } from './fake-transport.ts';
import { pair } from './harness.ts';

const open: Socket[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

/** Makes a place for a new user. Lines that the room itself sends arrive at `otherEnd`. */
type Place = () => { room: Room; otherEnd?: Socket };

/** The room of one thread, which delivers lines to users, and the room of many threads, which sends to descriptors. */
const places: Record<string, () => Place> = {
  LocalRoom() {
    const room = new LocalRoom();
    return () => ({ room });
  },
  SharedRoom() {
    const memory = SharedRoom.memory(4);
    return () => {
      const [otherEnd, client] = pair();
      client.setBlocking(true);
      open.push(otherEnd, client);
      return { room: new SharedRoom(memory, client), otherEnd };
    };
  },
};

/** A user in a room, with a fake connection. */
class User extends FakeTransport {
  readonly chat: ChatProtocol;
  readonly #protocol: ReturnType<typeof chain<Buffer>>;
  readonly #otherEnd: Socket | undefined;

  constructor(place: Place) {
    super();
    const { room, otherEnd } = place();
    this.#otherEnd = otherEnd;
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

  /** The lines that this user has received since the last look. */
  get heard(): string {
    const receive = () => this.#otherEnd?.tryRecv(16_384) ?? 'would-block';
    for (let bytes = receive(); bytes !== 'would-block' && bytes.length > 0; bytes = receive())
      this.send(bytes);
    const heard = Buffer.from(this.sent, 'latin1').toString();
    this.sent = '';
    return heard;
  }
}

describe.each(Object.entries(places))('the rules of the chat, in a %s:', (_, newPlace) => {
  /** Users of one room, who have read all lines so far. */
  function room(count: number): User[] {
    const place = newPlace();
    const users = Array.from({ length: count }, () => new User(place));
    return users.filter(({ heard }) => heard !== '');
  }

  test('welcome a newcomer, tell the others, and give no name that another user has', () => {
    const place = newPlace();
    const one = new User(place);
    expect(one.heard).toBe('* welcome, guest1\n');
    one.says('NICK Guest2\n');
    expect(one.heard).toBe('* guest1 is now Guest2\n');
    const two = new User(place);
    expect([one.heard, two.heard]).toEqual(['* guest3 joined\n', '* welcome, guest3\n']);
  });

  // Of three users, the first says this. They hear:
  for (const [said, first, second, third = second] of [
    ['NICK alice', '* guest1 is now alice', '* guest1 is now alice'],
    ['nick  Guest1 \r', '* guest1 is now Guest1', '* guest1 is now Guest1'],
    ['NICK Bob_the-2nd', '* guest1 is now Bob_the-2nd', '* guest1 is now Bob_the-2nd'],
    ['SAY hello, Ωorld', '', '<guest1> hello, Ωorld'],
    ['MSG GUEST2  psst ', '', '-guest1-  psst ', ''],
    ['WHO', 'WHO guest1 guest2 guest3', ''],
    ['HELP', 'ECHO TIME HELP QUIT NICK SAY MSG WHO', ''],
    ['ECHO a\r', 'a', ''],
    // No control character gets to the terminals of others, and no forged line.
    ['SAY \x1b[2J\x07\ttab\x7f\x9b0m\u2028\u202e\r', '', '<guest1> ?[2J??tab??0m??'],
    ['MSG guest2 \x1b]0;title\x07', '', '-guest1- ?]0;title?', ''],
    ['SAY \u3164\u115f\u1160\uffa0\u{e0041}', '', '<guest1> ?????'], // fillers, and a tag
    ['SAY 👩‍👩‍👧 ❤️ e\u0301', '', '<guest1> 👩‍👩‍👧 ❤️ e\u0301'], // Characters that join letters and emojis do no harm.
  ] as const) {
    test(`pass on ${JSON.stringify(said)}`, () => {
      const users = room(3);
      users[0]?.says(`${said}\n`);
      const heard = [first, second, third].map((line) => (line === '' ? '' : `${line}\n`));
      expect(users.map((user) => user.heard)).toEqual(heard);
    });
  }

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
    ['MSG guest2    ', 'missing text'],
    ['MSG zed hello', 'no such user: zed'],
    ['MSG constructor hello', 'no such user: constructor'],
    ['SHOUT hello', 'unknown command: SHOUT'],
  ] as const) {
    test(`answer ${JSON.stringify(line)} with an error, and change nothing`, () => {
      const [one, two] = room(2) as [User, User];
      one.says(`${line}\nWHO\n`);
      expect([one.heard, two.heard]).toEqual([`ERROR ${answer}\nWHO guest1 guest2\n`, '']);
    });
  }

  test('tell once that a user has left, however the connection ends, and list the others in their order', () => {
    const [one, two, three, four] = room(4) as [User, User, User, User];
    two.says('QUIT\n');
    expect(one.heard).toBe('* guest2 left\n');
    two.ends();
    two.chat.leave();
    expect(two).toMatchObject({ closed: true, sent: 'BYE\n' });
    one.says('NICK zoe\n');
    expect(four.heard).toBe('* guest2 left\n* guest1 is now zoe\n');
    four.says('WHO\n');
    expect(four.heard).toBe('WHO zoe guest3 guest4\n');
    three.ends();
    expect(one.heard).toBe('* guest1 is now zoe\n* guest3 left\n');
    three.chat.leave();
    four.chat.leave();
    four.chat.leave();
    expect(one.heard).toBe('* guest4 left\n');
  });

  test('close the connection of a user whose line has no end, with an error, and tell the others', () => {
    const [one, two] = room(2) as [User, User];
    one.says(`SAY ${'\x01'.repeat(2 ** 20)}`);
    expect(one).toMatchObject({ closed: true, sent: 'ERROR message longer than 1048576 bytes\n' });
    expect(two.heard).toBe('* guest1 left\n');
  });

  test('hold for any input', () => {
    const words = ['SAY ', 'NICK ', 'MSG guest2 ', 'WHO', 'QUIT', 'x', ' ', '\n', '\r\n', '\x1b', '* '];
    const word = fc.constantFrom(...words.map((text) => Buffer.from(text)));
    const typed = fc.array(fc.oneof(word, streams), { maxLength: 30 });
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

test('a SharedRoom is full when its memory is, and has room again when a user has left', () => {
  const place = places.SharedRoom?.() as Place;
  const users = Array.from({ length: 4 }, () => new User(place));
  const late = new User(place);
  expect([late.heard, late.closed]).toEqual(['ERROR room is full\n', true]);
  late.chat.leave();
  expect(users[0]?.heard).not.toContain('left');
  users[1]?.chat.leave();
  expect(new User(place).heard).toBe('* welcome, guest5\n');
  users[3]?.says('WHO\n');
  expect(users[3]?.heard).toMatch(/WHO guest1 guest3 guest4 guest5\n/);
});

test('in a room that answers later, the next command of a user waits for the answer', () => {
  const answers: (() => void)[] = [];
  class LateRoom extends LocalRoom {
    override say(guest: Guest, text: string, answer: Answer): void {
      answers.push(() => super.say(guest, text, answer));
    }
  }
  const room = new LateRoom();
  const transport = new FakeTransport();
  const lines = new LineProtocol(20);
  const pace = new PaceProtocol({
    mayBeHeard: () => !chat.waits,
    answered: () => {},
    tooLong: () => {
      chat.send('too long');
      chat.close();
    },
  });
  const chat: ChatProtocol = new ChatProtocol(
    room,
    () => {},
    () => pace.resume(),
  );
  const protocol = chain(transport, lines, pace, new TextProtocol(), chat);
  chat.enter();
  transport.sent = '';
  protocol.received(
    Buffer.from('ECHO one\nSAY a\nECHO two\nSAY b\nSAY \nECHO three\nSAY c\nthis line is far too long'),
  );
  expect(transport.sent).toBe('one\n');
  answers.shift()?.();
  expect([transport.sent, answers.length, pace.waits]).toEqual(['one\ntwo\n', 1, true]);
  answers.shift()?.();
  expect(transport.sent).toBe('one\ntwo\nERROR missing text\nthree\n');
  expect([answers.length, pace.waits, transport.closed]).toEqual([1, true, false]);
  answers.shift()?.();
  expect(transport.sent).toBe('one\ntwo\nERROR missing text\nthree\ntoo long\n');
  expect([answers.length, pace.waits, chat.waits]).toEqual([0, false, false]);
});

test('users are told that a user has left only if they were told that it joined', () => {
  const place = places.SharedRoom?.() as Place;
  const stays = new User(place);
  class Gone extends User {
    override send(): void {
      throw new Error('EPIPE'); // The client has reset the connection before its thread has started.
    }
  }
  expect(stays.heard).toBe('* welcome, guest1\n');
  expect(() => new Gone(place)).toThrow('EPIPE');
  expect(stays.heard).toBe('* guest2 joined\n');
});

test('a SharedRoom serves on when a connection is broken: the thread of that connection finds it broken', () => {
  const place = places.SharedRoom?.() as Place;
  const [one, two, three] = [new User(place), new User(place), new User(place)];
  open.at(-3)?.shutdown('write');
  three.says('SAY hello\n');
  expect(one.heard).toMatch(/<guest3> hello\n$/);
  expect(two.heard).not.toContain('hello');
});

test('a megabyte of control characters is made visible much sooner than one by one', () => {
  const text = '\x01'.repeat(2 ** 20);
  const least = (work: () => string) => {
    const times = Array.from({ length: 3 }, () => {
      const begin = process.cpuUsage();
      expect(work() === '?'.repeat(2 ** 20)).toBe(true);
      return process.cpuUsage(begin).user;
    });
    return Math.min(...times);
  };
  const oneByOne = new RegExp(INVISIBLE, 'gu');
  expect(3 * least(() => visible(text))).toBeLessThan(least(() => text.replace(oneByOne, '?')));
});
