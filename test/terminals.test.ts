// The servers and real programs, in real terminals: what you see at the keyboard, Ctrl-C included.

import { describe, expect, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import { Program } from '../src/behaviours/program.ts';
import { runnable } from '../src/behaviours/server.ts';
import { installed, onLinux, serving } from './harness.ts';

const CTRL_C = '\x03';

/** Runs a command line in a terminal of its own: script(1) makes one, and passes on what is typed. */
async function inTerminal(command: string, use: (terminal: Program) => Promise<void>): Promise<void> {
  const terminal = new Program('script', ['-qefc', command, '/dev/null'], { group: true });
  try {
    await use(terminal);
  } finally {
    await terminal.stop();
  }
}

// The script of util-linux, that is: that of BSD and macOS has other options.
const hasTerminals = onLinux && installed('script');

describe.runIf(hasTerminals).concurrent('Ctrl-C in a terminal', () => {
  // The process is in a call, in threads, in processes, or a guest in Node's loop. comparison.test.ts sends a SIGINT to every step.
  const node = (step: string) => ['node', ...runnable(`src/${step}.ts`), '--port 0'].join(' ');
  const commands = [
    'npx tsx src/single/single3.ts --port 0',
    'npm start thread4 -- --port 0 --host 0.0.0.0',
    `${node('threaded/prefork4')} --workers 1`,
    node('coroutine/await6'),
  ];
  for (const command of commands) {
    test(`ends ${command.replace(/\S+\/(?=src)/, '')} at once, with a client connected`, () =>
      inTerminal(command, async (terminal) => {
        // No ^ in the pattern: npx may have moved the cursor before it.
        const listening = await terminal.stdout.lineLike(/listening on/);
        const port = Number(/\d+\r*$/.exec(listening)?.[0].trim());
        const isStart = command.startsWith('npm start');
        if (isStart) await terminal.stdout.has(`\n  nc localhost ${port}\r\n`);
        const clients = [await Client.connect(port), await Client.connect(port)];
        await clients[0]?.send('hello\n');
        await clients[0]?.has('hello\n');
        const invitations = terminal.stdout.waiting.match(/Talk to it/g) ?? [];
        expect(invitations.length).toBe(isStart ? 1 : 0); // The threads run the step, too.
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
        expect(terminal.stdout.waiting).not.toMatch(/^ +at |Error/m); // no stack trace for a farewell
      }));
  }
});

// What nc and telnet show of the other steps, the READMEs show: see readme.test.ts.
describe.runIf(hasTerminals && installed('telnet')).concurrent('telnet', () => {
  const type = (port: number, lines: [typed: string, answer: RegExp][]) =>
    inTerminal(`telnet localhost ${port}`, async (terminal) => {
      await terminal.stdout.lineLike(/^Escape character is/);
      for (const [typed, answer] of lines) {
        terminal.type(`${typed}\r`);
        await terminal.stdout.lineLike(answer);
      }
      if (lines.length > 1) await terminal.stdout.lineLike(/^Connection closed by foreign host\.\r*$/);
    });

  test('telnet talks to single7, which does not mind the \\r, and closes', () =>
    serving('single7', ({ port }) =>
      type(port, [
        ['echo hello', /^hello\r*$/],
        ['quit', /^BYE\r*$/],
      ]),
    ));

  test('telnet talks to single10 --crlf', () =>
    serving('single10 --crlf', ({ port }) => type(port, [['echo hello', /^hello\r*$/]])));
});
