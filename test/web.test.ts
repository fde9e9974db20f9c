// WebSocket with clients that this project has not written, and users of web pages in one chat with users of nc.

import { spawnSync } from 'node:child_process';
import { type EventEmitter, on, once } from 'node:events';
import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { findSteps } from '../scripts/steps.ts';
import { Client } from '../src/behaviours/client.ts';
import type { Server } from '../src/behaviours/server.ts';
import { page } from '../src/protocol/page.ts';
import { run, runsHere, serving } from './harness.ts';

type WebClient = EventEmitter & { send(message: string): void; terminate(): void };
const { WebSocket } = createRequire(import.meta.url)('ws') as {
  WebSocket: new (url: string, options?: { origin?: string }) => WebClient;
};

test("--protocol websocket answers Node's own client, ws, and Python's websockets", () =>
  serving(
    'select10',
    async ({ port }) => {
      const url = `ws://127.0.0.1:${port}/`;
      const python = '/usr/bin/python3';
      const hasPython = spawnSync(python, ['-c', 'import websockets']).status === 0;
      const options = 'WebSocket' in globalThis ? [] : ['--experimental-websocket'];
      const node = (kind: string) => [process.execPath, ...options, 'test/fixtures/websocket.mjs', url, kind];
      const pieces = 'pong x\nin pieces\n';
      for (const [command, extra] of [
        [node('node'), ''],
        [node('ws'), pieces],
        ...(hasPython ? [[[python, 'test/fixtures/websocket.py', url], pieces]] : []),
      ] as [string[], string][]) {
        const [file = '', ...args] = command;
        expect(await run(file, args), command.join(' ')).toMatchObject({
          stdout: `hé\n30000 characters\n${extra}closed 1000\nclosed 1009\nclosed 4000\n`,
          exit: 0,
        });
      }
    },
    { args: ['--protocol', 'websocket'] },
  ));

/** The address of the page of a server. */
async function pageOf(server: Server): Promise<string> {
  const line = await server.logged(/^web page at http:/);
  return line.replace('web page at ', '');
}

/** Joins as a browser does. */
async function join(address: string, origin = new URL(address).origin) {
  const socket = new WebSocket(address.replace('http', 'ws'), { origin });
  const messages = on(socket, 'message');
  await once(socket, 'open');
  return { socket, next: async () => `${(await messages.next()).value[0]}` };
}

describe.concurrent('--web-port', () => {
  const steps = [...findSteps().keys()].filter(
    (step) => step.endsWith('11') && step !== 'thread11' && runsHere(step),
  );
  for (const step of steps) {
    test(`of ${step} opens a page, and lets browsers into the room`, () =>
      serving(
        step,
        async (server) => {
          const address = await pageOf(server);
          const response = await fetch(address);
          expect([response.status, await response.text()]).toEqual([200, page]);

          const user = await Client.connect(server.port);
          expect(await user.line()).toBe('* welcome, guest1'); // Loading the page does not join the room.
          const { socket, next } = await join(address);
          expect(await next()).toBe('* welcome, guest2');
          expect(await user.line()).toBe('* guest2 joined');
          socket.send('SAY hé\nllo');
          expect(await user.line()).toBe('<guest2> hé?llo');
          await user.send('SAY one\nSAY two\nMSG guest2 three\n');
          for (const line of ['<guest1> one', '<guest1> two', '-guest1- three'])
            expect(await next()).toBe(line);
          socket.send('WHO');
          expect(await next()).toBe('WHO guest1 guest2');

          const closed = once(socket, 'close');
          socket.send('QUIT');
          expect(await next()).toBe('BYE');
          expect((await closed)[0]).toBe(1000);
          expect(await user.line()).toBe('* guest2 left');
          const other = await join(address);
          expect(await user.line()).toBe('* guest3 joined');
          other.socket.terminate();
          expect(await user.line()).toBe('* guest3 left');
          await expect(join(address, 'http://elsewhere.example')).rejects.toThrow('403');
        },
        { args: ['--web-port', '0'] },
      ));
  }

  test('lets pages from anywhere in with --any-origin', () =>
    serving(
      'select11',
      async (server) => {
        const { next } = await join(await pageOf(server), 'http://elsewhere.example');
        expect(await next()).toBe('* welcome, guest1');
      },
      { args: ['--web-port', '0', '--any-origin'] },
    ));
});
