// The commands of package.json, the tools, and what the log shows. mistakes.test.ts has mistakes, and --help.

import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { changes } from '../scripts/difference.ts';
import { findSteps, listSteps, root } from '../scripts/steps.ts';
import { Client } from '../src/behaviours/client.ts';
import { freePort } from '../src/behaviours/foreign.ts';
import { Program } from '../src/behaviours/program.ts';
import { nodeOptions, runnable, Server } from '../src/behaviours/server.ts';
import { quote } from '../src/cli/log.ts';
import { onLinux, run, runScript, say, serving, temporaryFolder, until } from './harness.ts';

const steps = [...findSteps().values()];

describe.concurrent('a step', () => {
  // The main thread logs in single3, a thread in thread4, and a process in prefork4.
  for (const step of ['single3', 'thread4', 'prefork4 --workers 1']) {
    test(`${step} serves on when the program that reads its log has ended`, () =>
      serving(step, async (server) => {
        server.child.stdout?.destroy();
        for (const line of ['one\n', 'two\n', 'three\n']) expect(await say(server, line)).toBe(line);
        expect(server.stderr.waiting).toBe('');
      }));
  }

  test.runIf(onLinux)('serves on when the disk of its log is full', async () => {
    const port = await freePort();
    const command = [process.execPath, ...runnable('src/single/single3.ts'), '--port', `${port}`];
    const server = new Program('sh', ['-c', 'exec "$@" > /dev/full', 'sh', ...command]);
    try {
      const listener = new RegExp(`:${port.toString(16).padStart(4, '0')} 0{8}:0{4} 0A `, 'i');
      await until(() => listener.test(readFileSync('/proc/net/tcp', 'latin1')));
      for (const line of ['one\n', 'two\n']) expect(await say({ port }, line)).toBe(line);
      expect(server.stderr.waiting).toBe('');
    } finally {
      await server.stop();
    }
  });

  test('names WSL on Windows', async () => {
    const options = runnable('src/single/single1.ts', ['--import', './test/fixtures/platform.ts']);
    const { exit, stderr } = await run(process.execPath, options, { env: { PLATFORM: 'win32' } });
    expect(exit).toBe(1);
    expect(stderr).toBe(
      'Cannot make system calls on win32: use WSL, the Windows Subsystem for Linux (wsl --install)\n',
    );
  });
});

describe.concurrent('npm start', () => {
  const script = [...nodeOptions, 'scripts/start.ts']; // It imports the step as it stands.

  // terminals.test.ts starts thread4 on 0.0.0.0.
  test.runIf(onLinux)(
    'says how to talk to prefork4 on 127.0.0.2 once, though its child runs the step, too',
    async () => {
      const host = '127.0.0.2';
      const args = [...script, 'prefork4', '--workers', '1', '--host', host, '--port', '0'];
      const server = await Server.start(process.execPath, args);
      try {
        await server.stdout.has(`\n  nc ${host} ${server.port}\n`);
        await server.stdout.has(`npx tsx src/clients/nc.ts ${host} ${server.port}. `);
        await server.logged(new RegExp(`^Try: nc ${host} ${server.port} in `));
        for (let i = 0; i < 2; i++) {
          const client = await Client.connect(server.port, { host });
          await client.send('hello\n');
          expect(await client.line()).toBe('hello');
          client.close();
          await server.logged(/ disconnected: /);
        }
        expect(server.stdout.waiting).not.toContain('Talk to it');
      } finally {
        await server.stop();
      }
    },
  );

  test('passes options on to the step, and prints no address of a server that does not listen', async () => {
    const { exit, stdout, stderr } = await run(process.execPath, [...script, 'single6', '--help']);
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: npx tsx src\/single\/single6\.ts \[options\]\n {2}--host/);
    expect(stdout).not.toContain('Talk to it');
  });

  test('lists the steps, for you to choose, or when you mistype a name', async () => {
    const { exit, stdout } = await runScript('scripts/start.ts', '--list');
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: `${listSteps()}\n` });
    const stderr = `${stdout}\nUnknown step "singel6": did you mean single6?\n`;
    expect(await runScript('scripts/start.ts', 'singel6')).toEqual({ exit: 1, stdout: '', stderr });
  });
});

test('npm scripts say that npm ci comes first where nothing is installed', async () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const name of ['start', 'step', 'bench', 'matrix', 'timeline']) {
    expect(scripts[name]).toBe(`node --import ./scripts/tsx.mjs scripts/${name}.ts`);
  }
  const copy = join(temporaryFolder(), 'tsx.mjs');
  copyFileSync(join(root, 'scripts/tsx.mjs'), copy);
  const result = await run(process.execPath, ['--import', copy, 'scripts/start.ts']);
  const stderr = 'Cannot find tsx in node_modules: npm ci comes first\n';
  expect(result).toEqual({ exit: 1, stdout: '', stderr });
});

test('npm ci runs no install script', () => {
  expect(readFileSync(join(root, '.npmrc'), 'utf8')).toBe('ignore-scripts=true\n');
});

test('a tool ends quietly when nothing reads its output', async () => {
  const program = new Program(process.execPath, [...runnable('scripts/step.ts'), 'single3']);
  program.child.stdout?.destroy();
  expect(await program.exited()).toBe(0);
  expect(await program.stderr.rest()).toBe('');
});

test.runIf(onLinux)('a tool says in one line that the disk is full', async () => {
  const command = [process.execPath, ...runnable('src/single/single3.ts'), '--help'];
  const { exit, stderr } = await run('sh', ['-c', 'exec "$@" > /dev/full', 'sh', ...command]);
  expect({ exit, stderr }).toEqual({ exit: 1, stderr: 'Cannot write to standard output: ENOSPC\n' });
});

test('the log shows what a terminal hides: changes of direction, fillers, variation selectors', () => {
  const invisible = '\u202e\u200d\u3164\u115f\u1160\uffa0\ufe0f\u{e0100}\u034f';
  const shown = '\\u{202e}\\u{200d}\\u{3164}\\u{115f}\\u{1160}\\u{ffa0}\\u{fe0f}\\u{e0100}\\u{34f}';
  for (const sent of [invisible, Buffer.from(invisible)]) expect(quote(sent)).toBe(`"${shown}"`);
});

test('the log shows the input, a replacement character too, and cuts long input between two characters', () => {
  expect(quote(Buffer.from('abc\ufffd'))).toBe('"abc\ufffd"');
  const long = Buffer.from(`${'x'.repeat(899)}é`);
  expect(quote(long)).toBe(`"${'x'.repeat(899)}"… (901 in all)`);
});

describe.concurrent('npm run step', () => {
  test('prints the header, the difference and its size, and what to type', async () => {
    const { exit, stdout } = await runScript('scripts/step.ts', 'single6');
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^single6: one client at a time, one message per line\.\n/);
    expect(stdout).toContain('\nStill wrong: ');
    expect(stdout).toContain("\n+        let end = buffer.indexOf('\\n');\n");
    expect(stdout).toContain('  npx tsx src/single/single6.ts\n');
    expect(files(stdout)).toBe(null);
    const size = /\nSince single5: (\d+) lines added, (\d+) removed, indentation aside\.\n/;
    const [since = '', ...counts] = size.exec(stdout) ?? [];
    const shown = stdout.slice(0, stdout.indexOf(since));
    for (const [i, sign] of [/^\+(?!\+)/gm, /^-(?!-)/gm].entries())
      expect(shown.match(sign)?.length).toBe(Number(counts[i]));
  });

  test('shows all code of the first step', async () => {
    const { stdout } = await runScript('scripts/step.ts', 'single1');
    expect(stdout).toContain('const listener = listen();\n');
    expect(stdout).not.toContain('lines added');
  });

  test('shows few lines of each step, at the places that the tour marks', () => {
    for (const step of steps) {
      const before = steps.find(({ name }) => name === step.predecessor);
      if (!before) continue;
      const { added, removed } = changes(before, step);
      // In single and threaded, steps are small. To turn a server inside out takes more lines.
      expect(added.length, step.name).toBeLessThan(/single|thread/.test(step.path) ? 45 : 121);
      const old = new Set(before.code.split('\n').map((line) => line.trim()));
      // A line may be new where it stands, and an old one elsewhere; but no line that the predecessor lacks is not new.
      `${step.header}${step.code}`.split('\n').forEach((line, i) => {
        if (i >= step.header.split('\n').length && !old.has(line.trim()))
          expect(added, `${step.name}:${i + 1}`).toContain(i + 1);
      });
      for (const { text } of removed) expect(old, step.name).toContain(text.trim());
    }
  });

  /** The lines that name files. */
  const files = (stdout: string) => stdout.match(/^\+ \S+, \d+ lines$/gm);

  test('names the files that are new beside a step, no others, and shows them with --files', async () => {
    const { stdout } = await runScript('scripts/step.ts', 'generator6');
    const { stdout: shown } = await runScript('scripts/step.ts', 'generator6', '--files');
    for (const [name, path] of [
      ['generator-loop.ts', 'src/coroutine/generator-loop.ts'],
      ['loop.ts', 'src/coroutine/loop.ts'], // by way of the other
      ['src/protocol/splitter.ts', 'src/protocol/splitter.ts'],
    ] as const) {
      const text = readFileSync(join(root, path), 'utf8');
      expect(files(stdout)).toContain(`+ ${name}, ${text.split('\n').length - 1} lines`);
      expect(shown).toContain(`\n--- ${path}\n\n${text}`);
    }
    expect(stdout).not.toMatch(/^\+ \S*(log|listen|socket|selector)\.ts,/m); // loop4 has these.
    expect(stdout).toContain('\nnpm run step generator6 -- --files shows them.\n');
  });
});
