// What select6 does with a log that is not read, and select9 with a barrage.

import { describe, expect, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import type { Server } from '../src/behaviours/server.ts';
import { serving } from './harness.ts';

describe.concurrent('a log that is not read', () => {
  const line = `${'x'.repeat(899)}\n`;
  const much = line.repeat(1000); // more than a pipe holds

  /** Runs select6 with its log in a pipe from which nothing is taken, and a client of it. */
  const unread = (step: string, use: (server: Server, client: Client) => Promise<void>) =>
    serving(step, async (server) => {
      server.child.stdout?.pause();
      const client = await Client.connect(server.port, { patience: 500, isBusy: () => server.isBusy });
      void client.send(much);
      await use(server, client);
    });

  test('stops select6 for all clients, as soon as the pipe is full, until it is read', () =>
    unread('select6', async (server, client) => {
      await expect(client.take(much.length)).rejects.toThrow('nothing more in 500 ms');
      const other = await Client.connect(server.port, { patience: 500, isBusy: () => server.isBusy });
      await other.send('hello\n');
      await expect(other.line()).rejects.toThrow('nothing more in 500 ms');
      server.child.stdout?.resume();
      expect(await other.line()).toBe('hello');
      expect(`${await client.take(much.length)}`).toBe(much);
    }));

  test('makes no difference with --quiet', () =>
    unread('select6 --quiet', async (_, client) => {
      expect(`${await client.take(much.length)}`).toBe(much);
    }));
});

test('select9 answers a barrage of commands, each of them', () =>
  serving('select9', async (server) => {
    const client = await Client.connect(server.port);
    const commands = Array.from({ length: 20_000 }, (_, i) => `ECHO ${i}\n`);
    void client.send(`${commands.join('')}QUIT\n`);
    expect(await client.rest()).toBe(`${commands.join('').replaceAll('ECHO ', '')}BYE\n`);
  }));
