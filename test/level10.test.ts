// A protocol does not depend on the mechanism that waits: each protocol gives the same bytes with every step of level 10.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findSteps, root } from '../scripts/steps.ts';
import { Client } from '../src/behaviours/client.ts';
import type { Server } from '../src/behaviours/server.ts';
import { protocolNames } from '../src/protocol/protocols.ts';
import { installed, run, runsHere, serving } from './harness.ts';

const steps = [...findSteps().keys()].filter((step) => step.endsWith('10') && runsHere(step));
/** What every step speaks. These take all that a step has to do for a chain: select10 speaks the other protocols. */
const spokenByAll = ['commands', 'http', 'websocket'];

const add = (a: number, b: number) => `{"jsonrpc":"2.0","id":1,"method":"add","params":[${a},${b}]}`;
const sum = (c: number) => `{"jsonrpc":"2.0","result":${c},"id":1}`;
const post = (body: string) =>
  `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const http = (status: string, type: string, body: string) =>
  `HTTP/1.1 ${status}\r\nDate: NOW\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** More checks of a server. */
type More = (server: Server) => Promise<unknown>;
type Conversation = {
  said: string | Buffer;
  answered: string;
  closes?: boolean;
  args?: string[];
  more?: More;
};

/** For each protocol, a stream with several messages, the answers to it, and whether the server closes. */
const conversations: Record<string, Conversation> = {
  echo: { said: 'one\nzwölf\r\n\n\x00\nunfinished', answered: 'one\nzwölf\r\n\n\x00\n' },
  commands: {
    said: 'ECHO one\nhelp\r\n\ntime\nconstructor\nQUIT\n',
    answered: 'one\nECHO TIME HELP QUIT\nNOW\nERROR unknown command: constructor\nBYE\n',
    closes: true,
    /** A line without end is too long at some time. */
    async more(server) {
      const long = ['x'.repeat(2 ** 20), 'x'];
      expect(await converse(server, long, true)).toBe('ERROR message longer than 1048576 bytes\n');
      await server.logged(/ discarded a message of more than 1048576 bytes: "x{900}"… \(1048576 in all\)$/);
      await server.logged(/ disconnected: closed by the protocol$/);
    },
  },
  zen: {
    said: 'Beautiful is better than?Simple is better than?\nWhat is this?Explicit is',
    answered: 'Ugly.Complex.Error: unknown aphorism.',
    more: (server) => server.logged(/ discarded an unfinished question: "Explicit is"$/),
  },
  oracle: {
    said: 'Will I be happy tomorrow?\nIs there true free will?Half a',
    answered: 'Will I be happy tomorrow? REPLYIs there true free will? REPLY',
    args: ['--max-questions', '3'],
    /** With the last answer it closes, whatever else was asked. */
    async more(server) {
      expect(await converse(server, ['a?b?c?d?e?'], true)).toBe('a? REPLYb? REPLYc? REPLY');
      await server.logged(/ disconnected: closed by the protocol$/);
    },
  },
  'json-rpc': {
    said: `${add(2, 3)}\nnonsense\n{"jsonrpc":"2.0","method":"echo","params":[1]}\n[${add(1, 1)},${add(2, 2)}]\n`,
    answered: `${sum(5)}\n{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}\n[${sum(2)},${sum(4)}]\n`,
  },
  http: {
    said:
      post(add(2, 3)) +
      post(add(20, 30)).replace('/ ', '/elsewhere ') +
      post(add(4, 5)).replace(/Content-Length: (\d+)\r\n\r\n(.*)/, (_, length, body) =>
        ['Transfer-Encoding: chunked', '', Number(length).toString(16), body, '0', '', ''].join('\r\n'),
      ),
    answered:
      http('200 OK', 'application/json', sum(5)) +
      http('404 Not Found', 'text/plain', '404 Not Found\n') +
      http('200 OK', 'application/json', sum(9)),
    more: callsOverHttp,
  },
  finger: {
    said: '/W ada\r\n',
    answered:
      'Login: ada                      Name: Ada Lovelace\r\nOffice: London\r\nPlan:\r\nTo weave algebraical patterns.\r\n',
    closes: true,
  },
  websocket: {
    // The handshake, ECHO one in two frames with a ping between them, QUIT, and a close. Masks are 0 here.
    said: Buffer.concat([
      Buffer.from('GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'),
      Buffer.from('Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n'),
      ...[
        '\x01\x85\0\0\0\0ECHO ',
        '\x89\x80\0\0\0\0',
        '\x80\x83\0\0\0\0one',
        '\x81\x84\0\0\0\0QUIT',
        '\x88\x80\0\0\0\0',
      ].map((frame) => Buffer.from(frame, 'latin1')),
    ]),
    answered: [
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n',
      'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
      '\ufffd\0\ufffd\x03one\ufffd\x03BYE\ufffd\x02\x03\ufffd', // What is no text is U+FFFD.
    ].join(''),
    closes: true,
  },
};

/** The answer without times and random replies. */
function settled(answer: string): string {
  return answer
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, 'NOW')
    .replace(/^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r$/gm, 'Date: NOW\r')
    .replace(/\? (Yes|Very likely|Maybe|Not likely|No)\./g, '? REPLY');
}

/** Sends these pieces, and returns what comes back. */
async function converse({ port }: Server, pieces: (string | Buffer)[], closes = false): Promise<string> {
  const client = await Client.connect(port);
  for (const piece of pieces) await client.send(piece);
  if (!closes) client.end(); // Otherwise the server ends it.
  const answer = await client.rest();
  client.close();
  return settled(answer);
}

/** curl and fetch: a call, and another on the same connection. */
async function callsOverHttp({ port }: Server): Promise<void> {
  const url = `http://127.0.0.1:${port}/`;
  if (installed('curl')) {
    const curl = async (args: string[], input = '') =>
      (await run('curl', ['-s', ...args, url], { input })).stdout;
    const call = (body: string) => ['-s', '-w', ' %{num_connects}\n', '-d', body];
    expect(await curl([...call(add(2, 3)), url, '--next', ...call(add(20, 30))])).toBe(
      `${sum(5)} 1\n${sum(50)} 0\n`,
    );
    // It waits for 100 Continue before it sends a body that is long.
    const word = 'x'.repeat(1_000_000);
    const long = `{"jsonrpc":"2.0","id":1,"method":"echo","params":["${word}"]}`;
    expect(JSON.parse(await curl(['-d', '@-'], long)).result === word).toBe(true);
    expect(await curl(['-d', '@-', '-H', 'Expect:'], long + long)).toBe('413 Content Too Large\n');
  }
  const response = await fetch(url, { method: 'POST', body: add(6, 7) });
  expect([response.status, await response.text()]).toEqual([200, sum(13)]);
}

describe.concurrent('one chain under every mechanism', () => {
  test('is what the README of the first chapter says: how to talk to each protocol', () => {
    const readme = readFileSync(join(root, 'src/single/README.md'), 'utf8');
    const [, table = ''] = readme.split('| `--protocol` | how to talk to it |');
    const rows = [...table.matchAll(/^\| \[`([\w-]+)`\]\(\.\.\/protocol\/[\w-]+\.ts\) \| (.+) \|$/gm)];
    expect(rows.map(([, protocol]) => protocol)).toEqual(protocolNames);
    expect(Object.keys(conversations).sort()).toEqual([...protocolNames].sort());
  });

  for (const step of steps) {
    for (const [protocol, { said, answered, closes, args = [], more }] of Object.entries(conversations)) {
      if (step !== 'select10' && !spokenByAll.includes(protocol)) continue;
      test(`${step} speaks ${protocol}, all at once, byte by byte, and cut in the middle`, () => {
        const bytes = Buffer.from(said as string);
        const middle = bytes.length >> 1;
        const use = async (server: Server) => {
          for (const pieces of [
            [bytes],
            Array.from(bytes, (byte) => Buffer.of(byte)),
            [bytes.subarray(0, middle), bytes.subarray(middle)],
          ]) {
            expect(await converse(server, pieces, closes)).toBe(answered);
          }
          await more?.(server);
        };
        return serving(step, use, { args: ['--protocol', protocol, ...args] });
      });
    }

    // framing.test.ts has all framings with all protocols.
    test(`${step} frames messages in another way`, async () => {
      const use = async (server: Server) => {
        for (const said of ['\0\0\0\x08ECHO one\0\0\0\x04QUIT', 'HELP'])
          expect(await converse(server, [...said], true)).toBe(
            said === 'HELP'
              ? '\0\0\0\x25ERROR message longer than 65536 bytes'
              : '\0\0\0\x03one\0\0\0\x03BYE',
          );
        await server.logged(/ discarded a message of 1212501072 bytes: "HELP"$/);
      };
      await serving(step, use, { args: ['--framing', 'length'] });
    });
  }
});

// The real finger connects only to port 79, and only root may listen there.
test.runIf(installed('finger') && process.getuid?.() === 0)('--protocol finger answers finger', () => {
  const finger = async (...args: string[]) => (await run('finger', args)).stdout;
  const use = async () => {
    expect(await finger('ada@127.0.0.79')).toMatch(/^Login: ada +Name: Ada Lovelace/m);
    expect(await finger('-l', 'ada@127.0.0.79')).toMatch(/^Plan:\r*\nTo weave/m);
    expect(await finger('@127.0.0.79')).toMatch(/^grace +Grace Hopper/m);
  };
  const args = ['--protocol', 'finger', '--host', '127.0.0.79', '--port', '79'];
  return serving('select10', use, { args });
});
