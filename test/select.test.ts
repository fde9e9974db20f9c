// What the select steps do, beyond the behaviours of all steps.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, type Socket as NetSocket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import type { Server } from '../src/behaviours/server.ts';
import { installed, listening, run, runScript, serving } from './harness.ts';

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

describe.concurrent('finger.ts', () => {
  const finger = (...args: string[]) => runScript('src/clients/finger.ts', ...args);

  /** Serves each finger client as this function does, on a free port. */
  const fingerServer = (serve: (socket: NetSocket) => void, use: (port: number) => Promise<void>, port = 0) =>
    listening(createServer({ pauseOnConnect: true }, serve), use, { port });

  test('sends its question as RFC 1288 has it, and prints the answer', () =>
    fingerServer(
      (socket) => {
        socket.once('data', (question) => {
          socket.write(`you asked ${JSON.stringify(`${question}`)}\r\n`);
          setImmediate(() => socket.end('second line\r\nand \x1b[2J\u202e\t👩‍👧\r\n'));
        });
        socket.resume();
      },
      async (port) => {
        for (const [args, question] of [
          [[`alice@localhost:${port}`], 'alice\\r\\n'],
          [['-l', `alice@localhost:${port}`], '/W alice\\r\\n'],
          [['-l', `@127.0.0.1:${port}`], '/W\\r\\n'],
        ] as [string[], string][]) {
          const { exit, stdout, stderr } = await finger(...args);
          expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
          expect(stdout).toBe(`you asked "${question}"\nsecond line\nand ?[2J?\t👩‍👧\n`);
        }
      },
    ));

  test('takes no answer without end: at a mebibyte, one line says so', () =>
    fingerServer(
      (socket) => {
        socket.on('error', () => {}); // The client disconnects in the middle of it.
        socket.end('x'.repeat(20_000_000));
      },
      async (port) => {
        const { exit, stdout, stderr } = await finger(`alice@localhost:${port}`);
        expect({ exit, stderr }).toEqual({
          exit: 1,
          stderr: 'Cannot finger localhost: an answer of more than 1048576 bytes\n',
        });
        expect(stdout).toMatch(/^x+\n$/);
        expect(stdout.length).toBeLessThanOrEqual(1048577);
      },
    ));

  test.runIf(existsSync('/usr/sbin/efingerd'))('talks to efingerd', () =>
    fingerServer(
      // As inetd does it: a process for each client, with the connection for its standard input and output.
      (socket) => {
        spawn('/usr/sbin/efingerd', ['-n'], { stdio: [socket, socket, 'ignore'] }).on('exit', () =>
          socket.destroy(),
        );
      },
      async (port) => {
        const { exit, stdout } = await finger(`root@localhost:${port}`);
        expect(exit).toBe(0);
        expect(stdout).toMatch(/root/);
      },
    ),
  );

  // The real one knows no other port than 79, which only root may listen on.
  const hasFinger = installed('finger') && process.getuid?.() === 0;

  test.runIf(hasFinger)('prints what finger prints', () =>
    fingerServer(
      (socket) => {
        let question = '';
        socket.on('data', (bytes) => {
          question += bytes; // The real one sends it in pieces.
          if (question.endsWith('\n')) {
            socket.end(`you asked ${JSON.stringify(question)}\r\n\r\nand that is all\r\n`);
          }
        });
        socket.resume();
      },
      async () => {
        for (const args of [['alice@localhost'], ['-l', 'alice@localhost'], ['@localhost']]) {
          // But for \r: it passes them on, and a terminal does not show them.
          const { stdout } = await run('finger', args);
          expect((await finger(...args)).stdout).toBe(stdout.replaceAll('\r', ''));
        }
      },
      79,
    ),
  );
});
