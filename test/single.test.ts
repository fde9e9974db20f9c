// What the steps of the first chapter do, beyond the behaviours of all steps.

import { describe, expect, test } from 'vitest';
import { findSteps } from '../scripts/steps.ts';
import { Client } from '../src/behaviours/client.ts';
import type { Server } from '../src/behaviours/server.ts';
import { request, say, serving } from './harness.ts';

const steps = [...findSteps().values()].filter(({ path }) => path.startsWith('src/single/'));
const level = (step: string) => Number(/\d+$/.exec(step));
const from = (lowest: number, highest = 10) =>
  steps.map(({ name }) => name).filter((name) => level(name) >= lowest && level(name) <= highest);

/** What a step calls one input. From single6 on, a line is a message. In single10, the log is below the lines. */
const isPacket = (step: string) => level(step) < 6 || step === 'single10';
const message = (step: string) => (isPacket(step) ? 'packet' : 'line');

/** The log, up to the line with the end of a client, with `who` in place of addresses. */
async function logUntilDisconnected(server: Server): Promise<string[]> {
  const lines: string[] = [];
  while (!lines.at(-1)?.includes('disconnected: ')) {
    lines.push((await server.log()).replace(/^127\.0\.0\.1:\d+/, 'who'));
  }
  return lines;
}

test('each step has under 90 lines', () => {
  for (const { name, header, code } of steps) {
    expect(`${header}${code}`.trimEnd().split('\n').length, name).toBeLessThan(90);
  }
});

describe.concurrent('single1', () => {
  test('single1 echoes its one client, logs nothing, and ends when that client disconnects', () =>
    serving('single1', async (server) => {
      expect(await say(server, 'hello\nworld\n')).toBe('hello\nworld\n');
      expect(await server.exited()).toBe(0);
      expect(await server.stdout.rest()).toBe('');
      expect(await server.stderr.rest()).toBe('');
    }));

  test('single1 is ended by a reset, with a stack trace, and single2 logs it and ends well', async () => {
    const reset = async (server: Server) => {
      const client = await Client.connect(server.port);
      await client.send('hello\n');
      await client.line();
      client.reset();
      return { ended: await server.exited(), stderr: await server.stderr.rest() };
    };
    const single1 = await serving('single1', reset);
    expect(single1.ended).toBe(1);
    expect(single1.stderr).toMatch(/recv ECONNRESET.* at /s);
    const single2 = await serving('single2', async (server) => {
      expect(await reset(server)).toEqual({ ended: 0, stderr: '' });
      return logUntilDisconnected(server);
    });
    expect(single2.at(-1)).toBe('who disconnected: Error: recv ECONNRESET');
  });
});

describe.concurrent('the log', () => {
  for (const step of from(2)) {
    test(`${step} logs each connection, each ${message(step)}, quoted so that it forges no line, and each end with its reason${level(step) < 3 ? '' : '; it serves on whatever a client does'}`, () =>
      serving(step, async (server) => {
        const logged = async (data: string | Buffer) => {
          await say(server, data);
          return logUntilDisconnected(server);
        };
        const end = isPacket(step) ? '\\n' : '';
        expect(await logged('HELP \x1b[2J\r"\\ \u202e\x9b\u{1f600}\n')).toEqual([
          'who connected',
          `who sent "HELP \\u{1b}[2J\\r\\"\\\\ \\u{202e}\\u{9b}\u{1f600}${end}"`,
          'who disconnected: end of stream',
        ]);
        if (level(step) < 3) return;
        const messages = (await logged('one\ntwo\nthree\n')).filter((line) => / sent /.test(line));
        expect(messages).toEqual(
          end
            ? ['who sent "one\\ntwo\\nthree\\n"']
            : ['who sent "one"', 'who sent "two"', 'who sent "three"'],
        );
        await isAttacked(server);
        expect(await say(server, request(step, 'still here'))).toBe('still here\n');
        await server.logged(/ sent .*still here/);
        await logUntilDisconnected(server);
        if (level(step) < 6) return;
        const unfinished = await logged(Buffer.from('HELP\nunfin\xff"\x00', 'latin1'));
        expect(unfinished).toContain('who discarded an unfinished line: "unfin\\xff\\"\\x00"');
        if (level(step) < 7) return;
        const why = step === 'single10' ? 'closed by the protocol' : 'QUIT';
        expect((await logged('QUIT\n')).at(-1)).toBe(`who disconnected: ${why}`);
      }));
  }

  /** Clients do to this server whatever clients may do, and leave in each way. */
  async function isAttacked(server: Server): Promise<void> {
    const hostile: ((client: Client) => Promise<void> | void)[] = [
      (client) => client.send(Buffer.from([0xc3, 0x28, 0xff, 0xfe, 0x0a])), // not UTF-8
      (client) => client.send(Buffer.from([0xf0, 0x9f, 0x98])), // three quarters of a character
      (client) => client.send(Buffer.alloc(100_000)), // a long line without an end
      (client) => client.send('\n\n\r\n \n'),
      (client) => client.end(),
      (client) => client.reset(),
    ];
    for (const attack of hostile) {
      for (const leave of ['end', 'close', 'reset'] as const) {
        const client = await Client.connect(server.port);
        await attack(client);
        client[leave]();
        client.close();
      }
    }
  }
});

describe.concurrent('what a command name may do', () => {
  test('single7 is fooled: CONSTRUCTOR, a name that is inherited, throws its user out; SERVE makes the log call its user root; RUN leaves its user without an answer, while others are served', () =>
    serving('single7', async (server) => {
      expect(await say(server, 'CONSTRUCTOR\nECHO unheard\n')).toBe('');
      expect((await logUntilDisconnected(server)).at(-1)).toMatch(
        /^who disconnected: TypeError: Class constructor Server/,
      );
      await forgesTheLog(server, 'SERVE root');
      await sleepsForGood(server, 'RUN');
    }));

  test('single8 sanitises, which stops RUN, SERVE and CONSTRUCTOR, but not SERSERVEVE: cleaned, it reads SERVE; nor RRUNUN, nor DISPATCH, which is not on the list', () =>
    serving('single8', async (server) => {
      await forgesTheLog(server, 'SERSERVEVE root');
      const words = ['RUN', 'serve', 'Constructor', 'runrun'];
      const errors = words.map((word) => `ERROR unknown command: ${word}\n`).join('');
      expect(await say(server, `${words.join('\n')}\nDISPATCH ECHO inside\n`)).toBe(`${errors}inside\n`);
      await sleepsForGood(server, 'RRUNUN');
    }));
});

test('single10 --crlf wants \\r\\n, both ways', () =>
  serving(
    'single10',
    async (server) => expect(await say(server, 'ECHO a\nb\r\nQUIT\r\n')).toBe('a\nb\r\nBYE\r\n'),
    { args: ['--crlf'] },
  ));

async function forgesTheLog(server: Server, command: string): Promise<void> {
  expect(await say(server, `${command}\n`)).toBe('');
  await server.logged(/ connected$/);
  expect(await server.logged(/ connected$/)).toBe('root connected');
}

async function sleepsForGood(server: Server, command: string): Promise<void> {
  const victim = await Client.connect(server.port);
  await victim.send(`${command}\nECHO are you there?\n`);
  // The server waits for the next client within the conversation with this one.
  for (let i = 0; i < 3; i++) expect(await say(server, 'ECHO hello\n')).toBe('hello\n');
  expect(victim.waiting).toBe('');
  victim.close();
}
