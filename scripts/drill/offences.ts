// What a client may do that costs a server more than it is worth.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../src/behaviours/client.ts';

type Offence = [name: string, commit: (client: Client, random: () => number, end: number) => Promise<void>];

/** How long an offender waits to be shown out, in milliseconds. */
const PATIENCE = 4000;

/** Until the server has closed the connection, or it is time to go. */
async function shownOut(client: Client, end: number): Promise<void> {
  const late = Math.min(performance.now() + PATIENCE, end);
  while (!client.ended && !client.socket.destroyed && performance.now() < late) await sleep(50);
}

export const offences: Offence[] = [
  ['comes and goes', async () => {}],
  ['resets', async (client) => client.reset()],
  [
    'says half a line, and waits',
    async (client, _random, end) => {
      await client.send('ECHO hal');
      await shownOut(client, end);
    },
  ],
  [
    'says a line that never ends',
    async (client, random, end) => {
      void client.send('x'.repeat(5000 + 100_000 * random()));
      await shownOut(client, end);
    },
  ],
  [
    'asks who is here, and reads no answer',
    async (client, random, end) => {
      client.socket.pause();
      void client.send('WHO\n'.repeat(20_000 * random()));
      await shownOut(client, end);
    },
  ],
  [
    'has long lines echoed, and reads none, until it resets',
    async (client, random) => {
      client.socket.pause();
      void client.send(`ECHO ${'x'.repeat(4000)}\n`.repeat(500 * random()));
      await sleep(500 * random());
      client.reset();
    },
  ],
  [
    'says bytes that are no text',
    async (client, random) => {
      await client.send(Buffer.from(Array.from({ length: 2000 }, () => 256 * random())));
    },
  ],
  [
    'talks a lot to itself',
    async (client, random) => {
      await client.send('MSG nemo hello\nNICK x y\n'.repeat(1000 * random()));
      await sleep(300 * random());
    },
  ],
];
