// The command line: options, and the commands of package.json and README. mistakes.test.ts has wrong command lines.

import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { changes } from '../scripts/difference.ts';
import { nearest } from '../scripts/nearest.ts';
import { findSteps, root } from '../scripts/steps.ts';
import { Client } from '../src/behaviours/client.ts';
import { freePort } from '../src/behaviours/foreign.ts';
import { Program, type ProgramOptions } from '../src/behaviours/program.ts';
import { nodeOptions, runnable } from '../src/behaviours/server.ts';
import { quote } from '../src/cli/log.ts';
import { splitUserAtHost } from '../src/clients/target.ts';
import { listening, onLinux, run, runScript, say, serving, temporaryFolder, until } from './harness.ts';

const steps = [...findSteps().values()];

/** Runs a command that starts a server, on a free port, for as long as `use` takes. */
async function started(
  command: string,
  args: string[],
  use: (started: { program: Program; listening: string; port: number }) => Promise<void>,
  options?: ProgramOptions,
): Promise<void> {
  const program = new Program(command, [...args, '--port', '0'], options);
  try {
    const listening = await program.stdout.lineLike(/^listening on /);
    await use({ program, listening, port: Number(listening.split(':')[1]) });
  } finally {
    await program.stop();
  }
}

describe.concurrent('a step', () => {
  // The main thread logs in single3, a thread in thread4, a process in prefork4, and Node's loop calls back in the last two.
  for (const step of ['single3', 'thread4', 'prefork4', 'select6', 'callback6', 'stream6']) {
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
    const options = runnable('src/single/single1.ts', ['--import', './test/fixtures/windows.ts']);
    const { exit, stderr } = await run(process.execPath, options);
    expect(exit).toBe(1);
    expect(stderr).toBe(
      'Cannot make system calls on win32: use WSL, the Windows Subsystem for Linux (wsl --install)\n',
    );
  });
});

describe.concurrent('npm start', () => {
  const script = [...nodeOptions, 'scripts/start.ts'];

  for (const [step, host, shown] of [
    ['thread4', '0.0.0.0', 'localhost'],
    ['prefork4 --workers 1', '127.0.0.2', '127.0.0.2'],
  ] as const) {
    test.runIf(onLinux)(
      `says how to talk to ${step} on ${host} once, though its threads or processes run the step, too`,
      () =>
        started(
          process.execPath,
          [...script, ...step.split(' '), '--host', host],
          async ({ program, port, listening }) => {
            expect(listening).toBe(`listening on ${host}:${port}`);
            await program.stdout.has(`\n  nc ${shown} ${port}\n`);
            await program.stdout.has(`npx tsx src/clients/nc.ts ${shown} ${port}. `);
            await program.stdout.lineLike(new RegExp(`^Try: nc ${shown} ${port} in `));
            for (let i = 0; i < 2; i++) {
              const client = await Client.connect(port, { host });
              await client.send('hello\n');
              expect(await client.line()).toBe('hello');
              client.close();
              await program.stdout.lineLike(/ disconnected: /);
            }
            expect(program.stdout.waiting).not.toContain('Talk to it');
          },
        ),
    );
  }

  test('prints no address of a server that does not listen', () =>
    serving('single3', async ({ port }) => {
      for (const [options, exit, stdout, stderr] of [
        [`--port ${port}`, 1, /^$/, /^Cannot listen on .+\n$/],
        ['--help', 0, /^Usage: npx tsx src\/single\/single6\.ts \[options\]\n {2}--host/, /^$/],
      ] as const) {
        const result = await run(process.execPath, [...script, 'single6', ...options.split(' ')]);
        expect(result.exit).toBe(exit);
        expect(result.stdout).toMatch(stdout);
        expect(result.stdout).not.toContain('Talk to it');
        expect(result.stderr).toMatch(stderr);
      }
    }));

  const list = steps.map(({ name, header }) => `  ${name} ${header.slice(name.length + 2).split('\n')[0]}`);
  const squeezed = (text: string) =>
    text
      .replace(/(?<=\S) +/g, ' ')
      .trimEnd()
      .split('\n');

  test('lists all steps with a line about each, and names the step nearest to a mistyped name', async () => {
    const { exit, stdout } = await runScript('scripts/start.ts', '--list');
    expect(exit).toBe(0);
    expect(squeezed(stdout)).toEqual(list);
    for (const [script, name, message] of [
      ['start', 'singel6', 'Unknown step "singel6": did you mean single6?'],
      ['start', 'Select11', 'Unknown step "Select11": did you mean select11?'],
      ['start', 'what', 'Unknown step "what": the steps are those above'],
      ['step', 'sinlge6', 'Unknown step "sinlge6": did you mean single6?'],
    ] as const) {
      const { exit, stdout, stderr } = await runScript(`scripts/${script}.ts`, name);
      expect({ exit, stdout }).toEqual({ exit: 1, stdout: '' });
      expect(squeezed(stderr)).toEqual([...list, '', message]);
    }
  });

  test('finds the nearest name', () => {
    const names = ['single1', 'single10', 'select3', 'poll3', 'pool4'];
    const typed = ['single', 'sinlge10', 'pol3', 'slct3', '', 'foo', '8000'];
    const found = ['single1', 'single10', 'poll3', 'select3', undefined, undefined, undefined];
    expect(typed.map((word) => nearest(word, names))).toEqual(found);
  });
});

describe.concurrent('npm without --', () => {
  for (const [args, taken, instead] of [
    ['start single6 --quiet', '--quiet', 'npm start single6 -- --quiet'],
    ['run step single6 --files', '--files', 'npm run step single6 -- --files'],
  ] as const) {
    test(`npm ${args} says what to type`, async () => {
      const { exit, stdout, stderr } = await run('npm', args.split(' '), { group: true });
      expect(exit).toBe(1);
      expect(stdout).not.toContain('listening');
      expect(stderr).toContain(`npm has taken ${taken} for its own: type ${instead}\n`);
    });
  }

  // What npm makes of `--port=8000`, `--port 8000`, `--port 80 --host ::1`, `--crlf single10` and `--list`.
  for (const [words, env, instead] of [
    ['single6', { port: '8000' }, 'npm start single6 -- --port 8000'],
    ['8000', { port: 'true' }, 'npm start -- --port 8000'],
    ['single6 80 ::1', { port: 'true', host: 'true' }, 'npm start single6 -- --host HOST --port PORT'],
    ['single10', { crlf: 'true' }, 'npm start single10 -- --crlf'],
    ['', { list: 'true' }, 'npm start -- --list'],
  ] as [string, Record<string, string>, string][]) {
    test(`npm start ${words} with ${Object.keys(env)} taken says what to type`, async () => {
      const config = Object.entries(env).map(([name, value]) => [`npm_config_${name}`, value]);
      const args = [...runnable('scripts/start.ts'), ...words.split(' ').filter(Boolean)];
      const { exit, stderr } = await run(process.execPath, args, {
        env: { npm_lifecycle_event: 'start', ...Object.fromEntries(config) },
      });
      expect({ exit, stderr }).toEqual({ exit: 1, stderr: expect.stringContaining(`: type ${instead}\n`) });
    });
  }

  test('notices every option of every step', async () => {
    const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
    const source = files.filter((file) => file.endsWith('.ts')).map((file) => join(root, 'src', file));
    const names = source.flatMap((file) =>
      Array.from(
        readFileSync(file, 'utf8').matchAll(/^ +'?([\w-]+)'?: (?:\{\s*default: |\w+Option\b)/gm),
        ([, name = '']) => name,
      ),
    );
    expect(names).toEqual(expect.arrayContaining(['port', 'selector', 'on-stop', 'crlf', 'max-questions']));
    const env: NodeJS.ProcessEnv = { npm_lifecycle_event: 'start' };
    for (const name of names) {
      env[`npm_config_${name === 'quiet' ? 'loglevel' : name.replaceAll('-', '_')}`] = 'warn';
    }
    const { exit, stderr } = await run(process.execPath, runnable('scripts/start.ts'), { env });
    expect(exit).toBe(1);
    for (const name of names) expect(stderr).toMatch(new RegExp(` -- .*--${name}\\b`));
  });

  test('ignores settings of npm that are no options of the script: npm --silent, and a configuration file', async () => {
    const npm_config_userconfig = join(temporaryFolder(), 'npmrc');
    writeFileSync(npm_config_userconfig, 'loglevel = warn\nport = 80\n');
    for (const [args, env] of [
      [['--silent', 'start', 'single6'], {}],
      [['start', 'single6'], { npm_config_userconfig, npm_config_loglevel: undefined }],
    ] as const) {
      await started('npm', [...args, '--'], async () => {}, { group: true, env });
    }
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

describe.concurrent('a tool', () => {
  for (const [path, ...args] of [
    ['scripts/step.ts', 'single3'],
    ['src/single/single3.ts', '--help'],
  ] as [string, ...string[]][]) {
    test(`${[path, ...args].join(' ')} ends quietly when nothing reads its output`, async () => {
      const program = new Program(process.execPath, [...runnable(path), ...args]);
      program.child.stdout?.destroy();
      expect(await program.exited()).toBe(0);
      expect(await program.stderr.rest()).toBe('');
    });
  }
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

test('npm run timeline -- --help prints its usage', async () => {
  const { exit, stdout, stderr } = await runScript('scripts/timeline.ts', '--help');
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
  expect(stdout.startsWith('Usage: npm run timeline [-- STEP... OPTIONS]\n')).toBe(true);
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

test('finger takes user@host:port apart, with IPv6 addresses in brackets before a port', () => {
  for (const [text, parts] of [
    ['ada@localhost', { user: 'ada', host: 'localhost' }],
    ['@localhost:7979', { user: '', host: 'localhost', port: '7979' }],
    ['ada@far@near:79', { user: 'ada@far', host: 'near', port: '79' }],
    ['ada@::1', { user: 'ada', host: '::1' }],
    ['ada@[::1]', { user: 'ada', host: '::1' }],
    ['ada@[::1]:7979', { user: 'ada', host: '::1', port: '7979' }],
    ['@[fe80::1%eth0]:79', { user: '', host: 'fe80::1%eth0', port: '79' }],
    ['ada@localhost:', { user: 'ada', host: 'localhost', port: '' }],
    ['ada@localhost:79:80', { user: 'ada', host: 'localhost', port: '79:80' }],
  ] as const) {
    expect(splitUserAtHost(text), text).toEqual(parts);
  }
  const wrong = ['ada', 'ada@', 'ada@:79', 'ada@[localhost]:79'];
  expect(wrong.map(splitUserAtHost)).toEqual(wrong.map(() => undefined));
});

describe.concurrent('nc.ts', () => {
  test('sends what you type, and half-closes at the end of stdin, even if the server listens only on the second address of localhost', () =>
    listening(
      createServer({ allowHalfOpen: true }, (socket) => {
        const heard: Buffer[] = [];
        socket.write('hello\n');
        socket.on('data', (bytes) => heard.push(bytes)).on('end', () => socket.end(Buffer.concat(heard)));
      }),
      async (port) => {
        const client = runnable('src/clients/nc.ts', ['--import', './test/fixtures/two-addresses.ts']);
        const args = [...client, 'localhost', `${port}`];
        const result = await run(process.execPath, args, { input: 'one\ntwo\n' });
        expect(result).toEqual({ exit: 0, stdout: 'hello\none\ntwo\n', stderr: '' });
      },
    ));

  test('ends when the server does, though stdin stays open', () =>
    serving('single9', async ({ port }) => {
      const client = new Program(process.execPath, [
        ...runnable('src/clients/nc.ts'),
        'localhost',
        `${port}`,
      ]);
      client.type('ECHO hello\nQUIT\n');
      expect(await client.stdout.rest()).toBe('hello\nBYE\n');
      expect(await client.exited()).toBe(0);
    }));
});
