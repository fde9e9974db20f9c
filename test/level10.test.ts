// What is said does not depend on how one waits: every protocol with every step of level 10, byte for byte the same.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findSteps, root } from '../scripts/steps.ts';
import { Client } from '../src/behaviours/client.ts';
import type { Server } from '../src/behaviours/server.ts';
import { protocolNames } from '../src/protocol/protocols.ts';
import { installed, run, serving } from './harness.ts';

const steps = [...findSteps().keys()].filter((step) => step.endsWith('10'));

const add = (a: number, b: number) => `{"jsonrpc":"2.0","id":1,"method":"add","params":[${a},${b}]}`;
const sum = (c: number) => `{"jsonrpc":"2.0","result":${c},"id":1}`;
const post = (body: string) =>
  `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const http = (status: string, type: string, body: string) =>
  `HTTP/1.1 ${status}\r\nDate: NOW\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** For each protocol, a stream that holds several messages, and what is answered to it. */
const conversations: Record<string, { said: string; answered: string; closes?: boolean }> = {
  echo: { said: 'one\nzwölf\r\n\n\x00\nunfinished', answered: 'one\nzwölf\r\n\n\x00\n' },
  commands: {
    said: 'ECHO one\nhelp\r\n\ntime\nconstructor\nQUIT\n',
    answered: 'one\nECHO TIME HELP QUIT\nNOW\nERROR unknown command: constructor\nBYE\n',
    closes: true,
  },
  zen: {
    said: 'Beautiful is better than?Simple is better than?\nWhat is this?Explicit is',
    answered: 'Ugly.Complex.Error: unknown aphorism.',
  },
  oracle: {
    said: 'Will I be happy tomorrow?\nIs there true free will?Half a',
    answered: 'Will I be happy tomorrow? REPLYIs there true free will? REPLY',
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
  },
  finger: {
    said: '/W ada\r\n',
    answered: [
      'Login: ada                      Name: Ada Lovelace',
      'Office: London',
      'Plan:',
      'To weave algebraical patterns.',
      '',
    ].join('\r\n'),
    closes: true,
  },
};

/** Without what the clock and the dice have to say. */
function settled(answer: string): string {
  return answer
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, 'NOW')
    .replace(/^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r$/gm, 'Date: NOW\r')
    .replace(/\? (Yes|Very likely|Maybe|Not likely|No)\./g, '? REPLY');
}

/** Says all of it in such pieces, and nothing more, and returns what comes back. */
async function converse({ port }: Server, pieces: string[], closes = false): Promise<string> {
  const client = await Client.connect(port);
  for (const piece of pieces) await client.send(piece);
  if (!closes) client.end(); // Or else it is the server who ends it.
  const answer = await client.rest();
  client.close();
  return settled(answer);
}

describe.concurrent('one chain under every mechanism', () => {
  test('means seven of each', () => {
    expect([steps.length, protocolNames.length]).toEqual([7, 7]);
    expect(Object.keys(conversations).sort()).toEqual([...protocolNames].sort());
  });

  test('is what the README says: a row for each protocol, a ✔ for each step', () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8').split('\n');
    const head = readme.find((line) => line.startsWith('| `--protocol` |'));
    const columns = head
      ?.split('|')
      .map((cell) => cell.trim())
      .slice(3, -1);
    expect(columns?.sort()).toEqual([...steps].sort());
    const rows = readme.filter((line) => /^\| \[`[\w-]+`\]\(src\/protocol\//.test(line));
    expect(rows.map((row) => /`([\w-]+)`/.exec(row)?.[1])).toEqual(protocolNames);
    for (const row of rows) expect(row.match(/ ✔ /g)?.length).toBe(steps.length);
  });

  for (const step of steps) {
    for (const protocol of protocolNames) {
      const { said = '', answered, closes } = conversations[protocol] ?? {};
      test(`${step} speaks ${protocol}, all at once, byte by byte, and cut in the middle`, () =>
        serving(
          step,
          async (server) => {
            expect(await converse(server, [said], closes)).toBe(answered);
            expect(await converse(server, [...said], closes)).toBe(answered);
            const middle = said.length >> 1;
            expect(await converse(server, [said.slice(0, middle), said.slice(middle)], closes)).toBe(
              answered,
            );
            if (protocol === 'http') await callsOverHttp(server);
            if (protocol === 'zen') await server.logged(/ discarded an unfinished question: "Explicit is"$/);
            if (protocol === 'oracle') await asksUntilItIsEnough(server);
          },
          { args: ['--protocol', protocol, ...(protocol === 'oracle' ? ['--max-questions', '3'] : [])] },
        ));
    }
  }

  /** curl and fetch: a call, and another on the same connection. */
  async function callsOverHttp({ port }: Server): Promise<void> {
    const url = `http://127.0.0.1:${port}/`;
    if (installed('curl')) {
      const call = (body: string) => ['-s', '-w', ' %{num_connects}\n', '-d', body, url];
      const { stdout } = await run('curl', [...call(add(2, 3)), '--next', ...call(add(20, 30))]);
      expect(stdout).toBe(`${sum(5)} 1\n${sum(50)} 0\n`);
      // It waits for 100 Continue before it sends a body that is long.
      const word = 'x'.repeat(1_000_000);
      const long = `{"jsonrpc":"2.0","id":1,"method":"echo","params":["${word}"]}`;
      const { stdout: echoed } = await run('curl', ['-s', '-d', '@-', url], { input: long });
      expect(JSON.parse(echoed).result === word).toBe(true);
      const { stdout: tooLong } = await run('curl', ['-s', '-d', '@-', '-H', 'Expect:', url], {
        input: long + long,
      });
      expect(tooLong).toBe('413 Content Too Large\n');
    }
    const response = await fetch(url, { method: 'POST', body: add(6, 7) });
    expect([response.status, await response.text()]).toEqual([200, sum(13)]);
  }

  /** --max-questions: with the last answer it closes, whatever else was asked. */
  async function asksUntilItIsEnough(server: Server): Promise<void> {
    expect(await converse(server, ['a?b?c?d?e?'], true)).toBe('a? REPLYb? REPLYc? REPLY');
    await server.logged(/ disconnected: closed by the protocol$/);
  }
});

describe.concurrent('--protocol', () => {
  // The real one knows no other port than 79, which only root may listen on.
  test.runIf(installed('finger') && process.getuid?.() === 0)('finger answers finger', () =>
    serving(
      'select10',
      async () => {
        expect((await run('finger', ['ada@127.0.0.79'])).stdout).toMatch(/^Login: ada +Name: Ada Lovelace/m);
        expect((await run('finger', ['-l', 'ada@127.0.0.79'])).stdout).toMatch(/^Plan:\r*\nTo weave/m);
        expect((await run('finger', ['@127.0.0.79'])).stdout).toMatch(/^grace +Grace Hopper/m);
      },
      { args: ['--protocol', 'finger', '--host', '127.0.0.79', '--port', '79'] },
    ),
  );
});
