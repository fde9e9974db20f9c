// Users who talk to each other: the rules of the chat, on paper, and the chat itself, on every mechanism.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findSteps } from '../scripts/steps.ts';
import { Client } from '../src/behaviours/client.ts';
import type { Server } from '../src/behaviours/server.ts';
import { chain } from '../src/protocol/chain.ts';
import { ChatProtocol, LocalRoom } from '../src/protocol/chat.ts';
import { LineProtocol } from '../src/protocol/lines.ts';
import { TextProtocol } from '../src/protocol/text.ts';
import { FakeTransport, streams } from './fake-transport.ts';
import { serving } from './harness.ts';

const steps = [...findSteps().keys()].filter((step) => step.endsWith('11'));

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

/** Comes in, and reads who it is. */
async function enter({ port }: Server): Promise<Client> {
  const client = await Client.connect(port);
  expect(await client.line()).toMatch(/^\* welcome, guest\d+$/);
  return client;
}

describe.concurrent('the chat', () => {
  for (const step of steps) {
    const users = step === 'thread11' ? 8 : 30;

    test(`${step} lets ${users} say 100 lines each, all at once: everyone hears everyone else's, whole, once, in order`, () =>
      serving(
        step,
        async (server) => {
          const clients: Client[] = [];
          for (let i = 0; i < users; i++) clients.push(await enter(server));
          // All are in when all know of the last one.
          await Promise.all(clients.slice(0, -1).map((client) => client.has(`* guest${users} joined`)));
          for (const [who, client] of clients.entries()) {
            const lines = Array.from(
              { length: 100 },
              (_, n) => `SAY ${who} says ${n} ${'x'.repeat(n)}\n`,
            ).join('');
            // Some in one piece, some in many: these are cut within lines.
            for (let at = 0; at < lines.length; at += 100 + who * 500) {
              void client.send(lines.slice(at, at + 100 + who * 500));
            }
          }
          for (const [who, client] of clients.entries()) {
            const next = clients.map(() => 0);
            for (let heard = 0; heard < (users - 1) * 100; ) {
              const line = await client.line();
              if (line.startsWith('* ')) continue;
              const [, name, speaker, n, rest] = /^<guest(\d+)> (\d+) says (\d+) (x*)$/.exec(line) ?? [];
              const good = Number(name) - 1 === Number(speaker) && Number(n) === next[Number(speaker)];
              if (!good || rest?.length !== Number(n))
                expect(line).toBe(`line ${next[Number(speaker)]} of ${speaker}`);
              next[Number(speaker)] = Number(n) + 1;
              heard++;
            }
            expect(next).toEqual(clients.map((_, other) => (other === who ? 0 : 100)));
          }
          // And nothing comes behind it.
          for (const client of clients) await client.send('ECHO that was all\n');
          for (const client of clients) expect(await client.line()).toBe('that was all');
        },
        { args: ['--quiet'] },
      ));

    test(`${step} misses whoever leaves, once, be it by QUIT, by half-closing, by closing, or by a reset`, () =>
      serving(step, async (server) => {
        const stays = await enter(server);
        const leave: [string, (client: Client) => void][] = [
          ['guest2', (client) => void client.send('QUIT\n')],
          ['guest3', (client) => client.end()],
          ['guest4', (client) => client.close()],
          ['guest5', (client) => client.reset()],
          ['guest6', (client) => void client.send('half a line').then(() => client.reset())],
        ];
        for (const [name, goes] of leave) {
          const client = await enter(server);
          expect(await stays.line()).toBe(`* ${name} joined`);
          goes(client);
          expect(await stays.line()).toBe(`* ${name} left`);
        }
        await stays.send('WHO\n');
        expect(await stays.line()).toBe('WHO guest1');
      }));

    test(`${step} ${step === 'thread11' ? 'is stopped by one who does not read: nobody gets a word in' : 'does not wait for one who does not read'}`, () =>
      serving(
        step,
        async (server) => {
          const [deaf, speaker, listener] = [await enter(server), await enter(server), await enter(server)];
          deaf.socket.pause();
          listener.socket.resume();
          const said = 20_000_000;
          const line = `SAY ${'x'.repeat(991)}\n`;
          void speaker.send(line.repeat(said / 1000));
          void speaker.send('SAY are you there?\n');
          const heard = await Promise.race([
            listener.has('are you there?').then(() => true),
            stalls(listener),
          ]);
          expect(heard).toBe(step !== 'thread11');
        },
        { args: ['--quiet'] },
      ));
  }

  /** Resolves as soon as nothing has come for a second. */
  async function stalls({ socket }: Client): Promise<false> {
    for (let before = -1; before !== socket.bytesRead; ) {
      before = socket.bytesRead;
      await new Promise((resolve) => setTimeout(resolve, 1000)); // in which something would come
    }
    return false;
  }
});
