// The lingering close: a client that has sent QUIT and more gets all of its answers, and a client that stays is closed.

import { describe, expect, test } from 'vitest';
import { findSteps, levelOf } from '../scripts/steps.ts';
import { Client } from '../src/behaviours/client.ts';
import { LINGER } from '../src/sockets/lingering-close.ts';
import { runsHere, serving, until } from './harness.ts';

const steps = [...findSteps().keys()].filter((step) => levelOf(step) >= 9 && runsHere(step));

const ANSWERS = 20_000;
const line = 'x'.repeat(40);

describe.concurrent('a client that has sent QUIT and a megabyte more', () => {
  for (const step of steps) {
    test(`gets all of its ${ANSWERS + 1} answers from ${step}`, () =>
      serving(step, async (server) => {
        const client = await Client.connect(server.port, { notices: levelOf(step) >= 11 });
        client.socket.pause();
        await client.send(`ECHO ${line}\n`.repeat(ANSWERS) + 'QUIT\n'.padEnd(1_000_000, 'more\n'));
        // Then all answers are in the kernel's buffers. A server of level 12 reads no more until the client reads.
        if (levelOf(step) < 12) await server.logged(/ disconnected: /);
        client.socket.resume();
        await client.until('the end', () => client.ended);
        const answers = client.answers.toString().split('\n');
        expect(answers.length).toBe(ANSWERS + 2); // After the last one comes the end of its line.
        expect(answers.slice(-2)).toEqual(['BYE', '']);
        expect(new Set(answers.slice(0, -2))).toEqual(new Set([line]));
      }));
  }
});

describe.concurrent('a client that does not close after QUIT', () => {
  for (const step of steps) {
    test(`is closed by ${step} two seconds later, or when it has sent too much`, () =>
      serving(step, async (server) => {
        const [silent, talker] = [await Client.connect(server.port), await Client.connect(server.port)];
        const begin = performance.now();
        let closed = Number.POSITIVE_INFINITY;
        for (const client of [silent, talker]) {
          client.socket.on('close', () => {
            if (client === silent) closed = performance.now();
          });
        }
        await silent.send('QUIT\n');
        await silent.has('BYE\n');
        // A client can send once to a closed connection: then the kernel answers with a reset.
        const probe = setInterval(() => silent.socket.write('?'), 100);
        await until(() => closed < Number.POSITIVE_INFINITY);
        clearInterval(probe);
        expect(closed - begin).toBeGreaterThan(LINGER.milliseconds - 100);
        await talker.send('QUIT\n');
        await talker.has('BYE\n');
        await talker.send(Buffer.alloc(4 * LINGER.bytes)).catch(() => {});
        await until(() => talker.socket.destroyed);
      }));
  }
});
