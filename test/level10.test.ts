// A protocol does not depend on the mechanism that waits: each step of level 10 passes bytes to the chain that its options choose,
// and does what the chain says. protocols.test.ts and framing.test.ts have the answers of all protocols, web.test.ts has WebSocket.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findSteps, root } from '../scripts/steps.ts';
import { Client } from '../src/behaviours/client.ts';
import type { Server } from '../src/behaviours/server.ts';
import { protocolNames } from '../src/protocol/protocols.ts';
import { installed, run, runsHere, serving } from './harness.ts';

const steps = [...findSteps().keys()].filter((step) => step.endsWith('10') && runsHere(step));

const add = (a: number, b: number) => `{"jsonrpc":"2.0","id":1,"method":"add","params":[${a},${b}]}`;
const sum = (c: number) => `{"jsonrpc":"2.0","result":${c},"id":1}`;

/** Messages, each behind its length. */
const framed = (...messages: string[]) =>
  messages.map((message) => `\0\0\0${String.fromCharCode(message.length)}${message}`).join('');

describe.concurrent('one chain under every mechanism', () => {
  for (const step of steps) {
    test(`${step} hands it all bytes, sends its answers, closes when it does, and logs what it reports`, () =>
      serving(`${step} --protocol json-rpc --framing length`, async (server) => {
        const said = framed(add(2, 3), 'nonsense', add(4, 5));
        const answered = framed(
          sum(5),
          '{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}',
          sum(9),
        );
        const half = framed('a message').slice(0, -3);
        for (const pieces of [[said + half], [...said, ...half]]) {
          const client = await Client.connect(server.port);
          for (const piece of pieces) await client.send(piece);
          client.end();
          expect(await client.rest()).toBe(answered);
          await server.logged(/ discarded an unfinished message: ".*a mess"$/);
          await server.logged(/ disconnected: end of stream$/);
        }
        const client = await Client.connect(server.port);
        await client.send(`${said}HELP`); // A length of a gigabyte. The client does not end its half.
        const tooLong = '"error":{"code":-32000,"message":"Request longer than 65536 bytes"}';
        expect(await client.rest()).toBe(answered + framed(`{"jsonrpc":"2.0",${tooLong},"id":null}`));
        await server.logged(/ discarded a message of 1212501072 bytes: "HELP"$/);
        await server.logged(/ disconnected: closed by the protocol$/);
      }));
  }
});

test('the README of the first chapter says how to talk to each protocol', () => {
  const readme = readFileSync(join(root, 'src/single/README.md'), 'utf8');
  const [, table = ''] = readme.split('| `--protocol` | how to talk to it |');
  const rows = [...table.matchAll(/^\| \[`([\w-]+)`\]\(\.\.\/protocol\/[\w-]+\.ts\) \| (.+) \|$/gm)];
  expect(rows.map(([, protocol]) => protocol)).toEqual(protocolNames);
});

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

test('--protocol http answers curl and fetch', () => serving('select10 --protocol http', callsOverHttp));
