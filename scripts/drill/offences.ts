// Ways in which a client costs a server more than it should.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../src/behaviours/client.ts';

type Offence = [name: string, commit: (client: Client, random: () => number, end: number) => Promise<void>];

/** How long an offender waits for the server to close the connection, in milliseconds. */
const PATIENCE = 4000;

/** Waits until the server has closed the connection, for {@link PATIENCE} or until the end of the drill. */
async function closed(client: Client, end: number): Promise<void> {
  const late = Math.min(performance.now() + PATIENCE, end);
  while (!client.ended && !client.socket.destroyed && performance.now() < late) await sleep(50);
}

export const offences: Offence[] = [
  ['connects and disconnects', async () => {}],
  ['resets', async (client) => client.reset()],
  [
    'says half a line, and waits',
    async (client, _random, end) => {
      await client.send('ECHO hal');
      await closed(client, end);
    },
  ],
  [
    'says a line that never ends',
    async (client, random, end) => {
      void client.send('x'.repeat(5000 + 100_000 * random()));
      await closed(client, end);
    },
  ],
  [
    'sends WHO, and reads no answer',
    async (client, random, end) => {
      client.socket.pause();
      void client.send('WHO\n'.repeat(20_000 * random()));
      await closed(client, end);
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
