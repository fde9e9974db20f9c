// How answers leave a server: one send() for a tick.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import type { SystemCall } from '../src/sockets/trace-event.ts';
import { request, serving, temporaryFolder } from './harness.ts';

const folder = temporaryFolder();

describe.concurrent('the answers to three lines in one packet', () => {
  for (const step of ['select6', 'reactor6', 'select11', 'generator10', 'await10']) {
    test(`are one send() at ${step}`, async () => {
      const file = join(folder, `${step}.jsonl`);
      await serving(
        step,
        async (server) => {
          const client = await Client.connect(server.port);
          await server.logged(/ connected$/);
          if (step === 'select11') await client.has(' welcome, ');
          const lines = ['one', 'two', 'three'];
          await client.send(lines.map((line) => request(step, line)).join(''));
          await client.has('one\ntwo\nthree\n');
          client.end();
          await server.logged(/ disconnected: /); // All earlier calls are in the trace now.
        },
        { env: { TRACE: file } },
      );
      const calls = readFileSync(file, 'utf8').trim().split('\n');
      const sends = calls
        .map((line) => JSON.parse(line) as SystemCall)
        .filter(({ call, took }) => call === 'send' && took !== undefined);
      expect(sends.map(({ result }) => result).slice(step === 'select11' ? 1 : 0)).toEqual([14]);
    });
  }
});
