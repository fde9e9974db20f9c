// The servers and real programs, in real terminals: what a person at the keyboard sees, Ctrl-C included.

import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { findSteps } from '../scripts/steps.ts';
import { Client } from '../src/behaviours/client.ts';
import { Program } from '../src/behaviours/program.ts';
import { serving } from './harness.ts';

const CTRL_C = '\x03';

const installed = (program: string) => spawnSync('which', [program]).status === 0;

/** Runs a command line in a terminal of its own: script(1) makes one, and passes on what is typed. */
async function inTerminal(command: string, use: (terminal: Program) => Promise<void>): Promise<void> {
  const terminal = new Program('script', ['-qefc', command, '/dev/null'], { group: true });
  try {
    await use(terminal);
  } finally {
    await terminal.stop();
  }
}

/** The next line on the screen, without the `\r` that a terminal puts before each line break. */
async function screen(terminal: Program): Promise<string> {
  return (await terminal.stdout.line()).replace(/\r+$/, '');
}

// The script of util-linux, that is: that of BSD and macOS has other options.
const hasTerminals = process.platform === 'linux' && installed('script');

describe.runIf(hasTerminals).concurrent('Ctrl-C in a terminal', () => {
  // One step of each kind, and all that stop their threads in their own manner: comparison.test.ts sends a SIGINT to every step.
  const threaded = ['thread4', 'accept4', 'drain4', 'pool4', 'prefork4', 'thread11'];
  const steps = ['single3', ...threaded, 'select6', 'generator6', 'await6', 'callback6'];
  const commands = [
    ...steps.map((step) => `npx tsx ${findSteps().get(step)?.path} --port 0`),
    'npm start single4 -- --port 0',
  ];
  for (const command of commands) {
    test(`ends ${command} at once, with a client connected`, () =>
      inTerminal(command, async (terminal) => {
        // No ^ in the pattern: npx may have moved the cursor before it.
        const listening = await terminal.stdout.lineLike(/listening on/);
        const port = Number(/\d+\r*$/.exec(listening)?.[0].trim());
        const clients = [await Client.connect(port), await Client.connect(port)];
        await clients[0]?.send('ECHO hello\n');
        await clients[0]?.has('hello\n');
        const begin = performance.now();
        terminal.type(CTRL_C);
        for (const client of clients) await client.rest();
        await terminal.exited();
        // npx may be gone a moment before the servers that it has started, which all hear Ctrl-C by themselves.
        const listens = () =>
          Client.connect(port).then(
            (client) => client.close(),
            () => 'refused',
          );
        while ((await listens()) !== 'refused');
        // At once: long before npm, or anybody, would lose patience and kill it.
        expect(performance.now() - begin).toBeLessThan(3000);
        expect(terminal.stdout.waiting).not.toMatch(/^ +at |Error/m); // no stack trace for a farewell
      }));
  }
});

describe.runIf(hasTerminals && installed('nc')).concurrent('nc', () => {
  test('nc talks to single1, which ends when nc does', () =>
    serving('single1', (server) =>
      inTerminal(`nc localhost ${server.port}`, async (terminal) => {
        for (const word of ['hello', 'wörld']) {
          terminal.type(`${word}\r`);
          expect(await screen(terminal)).toBe(word); // what was typed
          expect(await screen(terminal)).toBe(word); // what came back
        }
        terminal.type(CTRL_C);
        expect(await server.exited()).toBe(0);
      }),
    ));

  test('nc talks to single6, whose log shows a message per line', () =>
    serving('single6', (server) =>
      inTerminal(`nc localhost ${server.port}`, async (terminal) => {
        terminal.type('one\rtwo\r');
        await server.logged(/ sent "one"$/);
        await server.logged(/ sent "two"$/);
        // Seen once as typed, once as answered: who leaves with an answer unread resets the connection.
        for (let i = 0; i < 2; i++) await terminal.stdout.lineLike(/^two\r*$/);
        terminal.type(CTRL_C);
        await server.logged(/ disconnected: end of stream$/);
      }),
    ));

  test('nc -N sends what is piped into it, and prints all the answers', () =>
    serving('single6', async ({ port }) => {
      const pieces = `(printf 'one\\ntwo\\nthr'; sleep 0.2; printf 'ee\\n') | nc -N localhost ${port}`;
      expect(spawnSync('sh', ['-c', pieces], { encoding: 'utf8' }).stdout).toBe('one\ntwo\nthree\n');
    }));

  test('nc talks to single7, and after BYE ends with the next line', () =>
    serving('single7', (server) =>
      inTerminal(`nc localhost ${server.port}`, async (terminal) => {
        terminal.type('echo hello\r');
        await terminal.stdout.lineLike(/^hello\r*$/);
        terminal.type('dance\r');
        await terminal.stdout.lineLike(/^ERROR unknown command: dance\r*$/);
        terminal.type('quit\r');
        await terminal.stdout.lineLike(/^BYE\r*$/);
        await server.logged(/ disconnected: QUIT$/);
        terminal.type('\r'); // It waits for the user, and finds only then that nobody is left to talk to.
        expect(await terminal.exited()).toBe(0);
      }),
    ));
});

describe.runIf(hasTerminals && installed('telnet')).concurrent('telnet', () => {
  const telnet = (port: number, use: (terminal: Program) => Promise<void>) =>
    inTerminal(`telnet localhost ${port}`, async (terminal) => {
      await terminal.stdout.lineLike(/^Escape character is/);
      await use(terminal);
    });

  test('telnet talks to single1', () =>
    serving('single1', ({ port }) =>
      telnet(port, async (terminal) => {
        terminal.type('hello\r');
        expect(await screen(terminal)).toBe('hello');
        expect(await screen(terminal)).toBe('hello');
      }),
    ));

  test('telnet ends its lines in \\r\\n: single6 sends the \\r back, as it came', () =>
    serving('single6', (server) =>
      telnet(server.port, async (terminal) => {
        terminal.type('hello\r');
        await server.logged(/ sent "hello\\r"$/);
        await terminal.stdout.lineLike(/^hello\r*$/);
      }),
    ));

  test('telnet talks to single7, which does not mind the \\r, and closes', () =>
    serving('single7', ({ port }) =>
      telnet(port, async (terminal) => {
        terminal.type('echo hello\r');
        await terminal.stdout.lineLike(/^hello\r*$/);
        terminal.type('quit\r');
        await terminal.stdout.lineLike(/^BYE\r*$/);
        await terminal.stdout.lineLike(/^Connection closed by foreign host\.\r*$/);
      }),
    ));

  test('telnet talks to single10 --crlf', () =>
    serving(
      'single10',
      ({ port }) =>
        telnet(port, async (terminal) => {
          terminal.type('echo hello\r');
          await terminal.stdout.lineLike(/^hello\r*$/);
        }),
      { args: ['--crlf'] },
    ));
});
