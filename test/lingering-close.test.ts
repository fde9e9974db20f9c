// The lingering close: a client that has sent QUIT and more gets all of its answers, and a client that stays is closed.

import { describe, expect, test } from 'vitest';
import { levelOf } from '../scripts/steps.ts';
import { Client } from '../src/behaviours/client.ts';
import { LINGER } from '../src/sockets/lingering-close.ts';
import { runsHere, serving, until } from './harness.ts';

/** Steps of each mechanism, and of each way to close: of level 12, those that read no more of a client that does not read. */
const steps = [
  ...['single9', 'single10', 'thread10', 'thread11', 'select10', 'select12', 'ring10'],
  ...['generator10', 'generator11', 'await10', 'await12', 'callback10', 'callback11', 'stream10', 'stream12'],
].filter(runsHere);

/** One step of each code that discards what a client sends after the end. */
const discarders = ['single10', 'select10', 'ring10', 'generator10', 'await10', 'callback10'];

const ANSWERS = 500;
const line = 'x'.repeat(999);

describe.concurrent('a client that has sent QUIT and a megabyte more', () => {
  for (const step of steps) {
    const discards = discarders.includes(step);
    const when = discards ? ', or when it has sent too much' : '';
    test(`gets all of its ${ANSWERS + 1} answers from ${step}, and is closed two seconds later${when}`, () =>
      serving(step, async (server) => {
        const client = await Client.connect(server.port, { notices: levelOf(step) >= 11 });
        client.socket.pause();
        const begin = performance.now();
        await client.send(`ECHO ${line}\n`.repeat(ANSWERS) + 'QUIT\n'.padEnd(1_000_000, 'more\n'));
        // Then all answers are in the kernel's buffers. A server of level 12 reads no more until the client reads.
        if (levelOf(step) < 12) await server.logged(/ disconnected: /);
        client.socket.resume();
        await client.until('the end', () => client.ended);
        expect(client.answers.toString() === `${`${line}\n`.repeat(ANSWERS)}BYE\n`).toBe(true);
        // A client can send once to a closed connection: then the kernel answers with a reset.
        const probe = setInterval(() => client.socket.write('?'), 100);
        await until(() => client.socket.destroyed);
        clearInterval(probe);
        expect(performance.now() - begin).toBeGreaterThan(LINGER.milliseconds - 100);
        if (!discards) return;
        const talker = await Client.connect(server.port);
        await talker.send('QUIT\n');
        await talker.has('BYE\n');
        await talker.send(Buffer.alloc(2 * LINGER.bytes)).catch(() => {});
        await until(() => talker.socket.destroyed);
      }));
  }
});
