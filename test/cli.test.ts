// What people type: options, and the commands of package.json and README. mistakes.test.ts has what goes wrong.

import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { nearest } from '../scripts/nearest.ts';
import { findSteps, root } from '../scripts/steps.ts';
import { Program, type ProgramOptions } from '../src/behaviours/program.ts';
import { nodeOptions, runnable } from '../src/behaviours/server.ts';
import { quote } from '../src/cli/log.ts';
import { splitUserAtHost } from '../src/clients/target.ts';
import { listening, run, runScript, say, serving, temporaryFolder } from './harness.ts';

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
    test(`${step} serves on when the reader of its log has gone`, () =>
      serving(step, async (server) => {
        server.child.stdout?.destroy();
        for (const line of ['one\n', 'two\n', 'three\n']) expect(await say(server, line)).toBe(line);
        expect(server.stderr.waiting).toBe('');
      }));
  }

  test('listens where --host says', () =>
    started(process.execPath, [...runnable('src/single/single3.ts'), '--host', '0.0.0.0'], async (step) => {
      expect(step.listening).toMatch(/^listening on 0\.0\.0\.0:\d+$/);
    }));

  test('names WSL on Windows', async () => {
    const options = ['--import', 'tsx', '--import', './test/fixtures/windows.ts'];
    const { exit, stderr } = await run(process.execPath, [...options, 'src/single/single1.ts']);
    expect(exit).toBe(1);
    expect(stderr).toBe(
      'Cannot make system calls on win32: use WSL, the Windows Subsystem for Linux (wsl --install)\n',
    );
  });
});

describe.concurrent('npm start', () => {
  /** What runs no step, in which types are to be seen to. */
  const start = (...args: string[]) => runScript('scripts/start.ts', ...args);
  const script = [...nodeOptions, 'scripts/start.ts'];
  const startStep = (...args: string[]) => run(process.execPath, [...script, ...args]);

  test('runs single1, and says what to type in a second terminal when it listens', () =>
    started(
      'npm',
      ['start', '--', 'single1'],
      async ({ program, port }) => {
        for (const line of [
          '',
          'This is src/single/single1.ts. Talk to it from a second terminal:',
          '',
          `  nc localhost ${port}`,
          '',
          `or, without netcat, npx tsx src/clients/nc.ts localhost ${port}. Ctrl-C here ends it.`,
          '',
        ]) {
          expect(await program.stdout.line()).toBe(line);
        }
        expect(await program.stdout.line()).toMatch(new RegExp(`^Try: nc localhost ${port}\\b`));
        expect(await say({ port }, 'hello\n')).toBe('hello\n');
        expect(await program.exited()).toBe(0);
      },
      { group: true },
    ));

  for (const [host, shown] of [
    ['0.0.0.0', 'localhost'],
    ['127.0.0.2', '127.0.0.2'],
  ] as const) {
    test.runIf(process.platform === 'linux' || host === '0.0.0.0')(
      `names ${shown} when it listens on ${host}`,
      () =>
        started(process.execPath, [...script, 'single3', '--host', host], async ({ program, port }) => {
          await program.stdout.has(`\n  nc ${shown} ${port}\n`);
          await program.stdout.has(`npx tsx src/clients/nc.ts ${shown} ${port}. `);
          await program.stdout.has(`\nTry: nc ${shown} ${port} in two terminals.`);
        }),
    );
  }

  for (const step of ['thread4', 'prefork4']) {
    test(`says it once for ${step}, whose threads or processes run the step, too`, () =>
      started(process.execPath, [...script, step], async ({ program, port }) => {
        await program.stdout.lineLike(/^Try: /);
        for (let i = 0; i < 2; i++) {
          expect(await say({ port }, 'hello\n')).toBe('hello\n');
          await program.stdout.lineLike(/ disconnected: /);
        }
        expect(program.stdout.waiting).not.toContain('Talk to it');
      }));
  }

  test('runs single1 unless another is named, and says nothing of a server that does not listen', async () => {
    for (const [args, path] of [
      [[], 'src/single/single1.ts'],
      [['single6'], 'src/single/single6.ts'],
    ] as const) {
      const failed = await startStep(...args, '--port', 'x');
      expect(failed).toEqual({ exit: 1, stdout: '', stderr: expect.stringMatching(/^.*--port "x".*\n$/) });
      if (args.length === 0) continue;
      const { exit, stdout } = await startStep(...args, '--help');
      expect(exit).toBe(0);
      expect(stdout).toContain(`Usage: npx tsx ${path} [options]\n  --host`);
      expect(stdout).not.toContain('Talk to it');
    }
  });

  test('says nothing but the reason when its port is in use', () =>
    serving('single3', async ({ port }) => {
      const { exit, stdout, stderr } = await startStep('single3', '--port', `${port}`);
      expect({ exit, stdout }).toEqual({ exit: 1, stdout: '' });
      expect(stderr).toMatch(/^Cannot listen on .+\n$/);
    }));

  const list = steps.map(({ name, header }) => `  ${name} ${header.slice(name.length + 2).split('\n')[0]}`);
  const squeezed = (text: string) =>
    text
      .replace(/(?<=\S) +/g, ' ')
      .trimEnd()
      .split('\n');

  test('lists all steps with what they are', async () => {
    const { exit, stdout } = await start('--list');
    expect(exit).toBe(0);
    expect(squeezed(stdout)).toEqual(list);
  });

  test('knows which steps there are, and which is meant', async () => {
    for (const [name, message] of [
      ['singel6', 'Unknown step "singel6": did you mean single6?'],
      ['Select11', 'Unknown step "Select11": did you mean select11?'],
      ['what', 'Unknown step "what": the steps are those above'],
    ] as const) {
      const { exit, stdout, stderr } = await start(name);
      expect({ exit, stdout }).toEqual({ exit: 1, stdout: '' });
      expect(squeezed(stderr)).toEqual([...list, '', message]);
    }
  });

  test('finds the nearest name', () => {
    const names = ['single1', 'single10', 'select3', 'poll3', 'pool4'];
    for (const [typed, name] of [
      ['single', 'single1'],
      ['sinlge10', 'single10'],
      ['pol3', 'poll3'],
      ['slct3', 'select3'],
      ['', undefined],
      ['foo', undefined],
      ['8000', undefined],
    ] as const) {
      expect(nearest(typed, names), typed).toBe(name);
    }
  });
});

describe.concurrent('npm without --', () => {
  const commands: [args: string, taken: string, instead: string][] = [
    ['start single6 --port 8000', '--port', 'npm start single6 -- --port 8000'],
    ['start single6 --quiet', '--quiet', 'npm start single6 -- --quiet'],
    ['start --crlf single10', '--crlf', 'npm start single10 -- --crlf'],
    ['run step single6 --files', '--files', 'npm run step single6 -- --files'],
  ];
  for (const [args, taken, instead] of commands) {
    test(`npm ${args} says what to type`, async () => {
      const { exit, stdout, stderr } = await run('npm', args.split(' '), { group: true });
      expect(exit).toBe(1);
      expect(stdout).not.toContain('listening');
      expect(stderr).toContain(`npm has taken ${taken} for its own: type ${instead}\n`);
    });
  }

  // What npm makes of these command lines is what it makes of those above.
  for (const [words, env, instead] of [
    [['single6'], { port: '8000' }, 'npm start single6 -- --port 8000'],
    [['8000'], { port: 'true' }, 'npm start -- --port 8000'],
    [
      ['single6', '80', '::1'],
      { port: 'true', host: 'true' },
      'npm start single6 -- --host HOST --port PORT',
    ],
    [[], { list: 'true' }, 'npm start -- --list'],
  ] as [string[], Record<string, string>, string][]) {
    test(`npm start ${words.join(' ')} with ${Object.keys(env)} taken says what to type`, async () => {
      const config = Object.entries(env).map(([name, value]) => [`npm_config_${name}`, value]);
      const { exit, stderr } = await run(process.execPath, [...runnable('scripts/start.ts'), ...words], {
        env: { npm_lifecycle_event: 'start', ...Object.fromEntries(config) },
      });
      expect({ exit, stderr }).toEqual({ exit: 1, stderr: expect.stringContaining(`: type ${instead}\n`) });
    });
  }

  test('every option of every step is noticed', async () => {
    const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
    const source = files.filter((file) => file.endsWith('.ts')).map((file) => join(root, 'src', file));
    const names = source.flatMap((file) =>
      Array.from(
        readFileSync(file, 'utf8').matchAll(/^ +'?([\w-]+)'?: (?:\{\s*default: |selectorOption\b)/gm),
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

  test('what npm has from elsewhere does not count: npm --silent, and a file of settings', async () => {
    const npm_config_userconfig = join(temporaryFolder(), 'npmrc');
    writeFileSync(npm_config_userconfig, 'loglevel = warn\nport = 80\n');
    for (const [args, env] of [
      [['--silent', 'start', 'single6'], {}],
      [['start', '-s', 'single6'], {}],
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

describe.concurrent('a tool', () => {
  for (const [path, ...args] of [
    ['scripts/start.ts', '--list'],
    ['scripts/step.ts', 'single3'],
    ['src/single/single3.ts', '--help'],
    ['src/clients/nc.ts', '--help'],
  ] as [string, ...string[]][]) {
    test(`${[path, ...args].join(' ')} ends quietly when nothing reads its output`, async () => {
      const program = new Program(process.execPath, [...runnable(path), ...args]);
      program.child.stdout?.destroy();
      expect(await program.exited()).toBe(0);
      expect(await program.stderr.rest()).toBe('');
    });
  }
});

describe('the log', () => {
  test('shows what was sent, a replacement character too, and cuts what is long between two characters', () => {
    expect(quote(Buffer.from('abc\ufffd'))).toBe('"abc\ufffd"');
    const long = Buffer.from(`${'x'.repeat(899)}é`);
    expect(quote(long)).toBe(`"${'x'.repeat(899)}"… (901 in all)`);
  });
});

describe.concurrent('a script', () => {
  for (const [path, usage] of [
    ['scripts/start.ts', 'npm start [STEP] [-- OPTIONS]'],
    ['scripts/step.ts', 'npm run step NAME [-- --files]'],
    ['scripts/timeline.ts', 'npm run timeline [-- STEP... OPTIONS]'],
  ] as const) {
    test(`${path} says how it is used`, async () => {
      const { exit, stdout, stderr } = await runScript(path, '--help');
      expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
      expect(stdout.startsWith(`Usage: ${usage}\n`)).toBe(true);
    });
  }
});

describe.concurrent('npm run step', () => {
  test('prints the header, the difference, its size, and what to type', async () => {
    const { exit, stdout } = await runScript('scripts/step.ts', 'single6');
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^single6: one client at a time, one message per line\.\n/);
    expect(stdout).toContain('\nStill wrong: ');
    expect(stdout).toContain("\n+        let end = buffer.indexOf('\\n');\n");
    expect(stdout).toMatch(/\nSince single5: \d+ lines added, \d+ removed, indentation aside\.\n/);
    expect(stdout).toContain('  npx tsx src/single/single6.ts\n');
    const changed = stdout.split('\n').filter((line) => /^[+-](?![+-])/.test(line)).length;
    const [, added, removed] = /(\d+) lines added, (\d+) removed/.exec(stdout) ?? [];
    expect(Number(added) + Number(removed)).toBe(changed);
  });

  test('shows the whole of the first step, for it adds it all', async () => {
    const { stdout } = await runScript('scripts/step.ts', 'single1');
    expect(stdout).toContain('const listener = listen();\n');
    expect(stdout).not.toContain('lines added');
  });

  for (const [name, before] of [
    ['single9', 'single8'],
    ['prefork4', 'accept4'],
    ['loop4', 'generator4'],
  ] as const) {
    test(`compares ${name} to ${before}`, async () => {
      const { stdout } = await runScript('scripts/step.ts', name);
      const added = Number(new RegExp(`Since ${before}: (\\d+) lines added`).exec(stdout)?.[1]);
      expect(added).toBe(await linesAdded(before, name));
    });
  }

  for (const { name, path, predecessor } of steps) {
    if (predecessor === undefined) continue;
    test(`${name} is compared to ${predecessor}, which exists`, async () => {
      // On the ladder, and in threads, which climb it again, a step is small. To turn a server inside out is not.
      expect(await linesAdded(predecessor, name)).toBeLessThan(/single|thread/.test(path) ? 45 : 121);
    });
  }

  /** How many lines git sees added between the code of two steps, headers and indentation aside. */
  async function linesAdded(before: string, step: string): Promise<number> {
    const folder = temporaryFolder();
    const files = [before, step].map((name) => join(folder, name));
    for (const [i, name] of [before, step].entries()) {
      writeFileSync(files[i] as string, findSteps().get(name)?.code.trimStart() ?? '');
    }
    const { stdout } = await run('git', ['diff', '--no-index', '-w', '--numstat', ...files]);
    return Number(stdout.split('\t')[0]);
  }

  /** The lines that name files. */
  const files = (stdout: string) => stdout.match(/^\+ \S+, \d+ lines$/gm);

  test('names the files that are new beside a step, and no others', async () => {
    const lines = (file: string) => readFileSync(join(root, file), 'utf8').split('\n').length - 1;
    const { stdout } = await runScript('scripts/step.ts', 'generator6');
    expect(files(stdout)).toEqual(
      expect.arrayContaining([
        `+ generator-loop.ts, ${lines('src/coroutine/generator-loop.ts')} lines`,
        `+ loop.ts, ${lines('src/coroutine/loop.ts')} lines`, // by way of the other
        `+ src/protocol/splitter.ts, ${lines('src/protocol/splitter.ts')} lines`,
      ]),
    );
    expect(stdout).not.toMatch(/^\+ \S*(log|listen|socket|selector)\.ts,/m); // loop4 has these.
    expect(stdout).toContain('\nnpm run step generator6 -- --files shows them.\n');
    expect(files((await runScript('scripts/step.ts', 'single6')).stdout)).toBe(null);
  });

  test('shows these files with --files', async () => {
    const { stdout } = await runScript('scripts/step.ts', 'generator6', '--files');
    for (const file of ['src/coroutine/loop.ts', 'src/protocol/splitter.ts']) {
      expect(stdout).toContain(`\n--- ${file}\n\n${readFileSync(join(root, file), 'utf8')}`);
    }
  });

  test('names the nearest step', async () => {
    const { exit, stderr } = await runScript('scripts/step.ts', 'sinlge6');
    expect(exit).toBe(1);
    expect(stderr).toMatch(/\n\nUnknown step "sinlge6": did you mean single6\?\n$/);
  });
});

describe.concurrent('a client', () => {
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
      ['ada', undefined],
      ['ada@', undefined],
      ['ada@:79', undefined],
      ['ada@[localhost]:79', undefined],
      ['ada@localhost:79:80', { user: 'ada', host: 'localhost', port: '79:80' }],
    ] as const) {
      expect(splitUserAtHost(text), text).toEqual(parts);
    }
  });
});

describe.concurrent('nc.ts', () => {
  const nc = (...args: string[]) => [...runnable('src/clients/nc.ts'), ...args];

  test('sends what is typed, shows what comes, and still does after the end of stdin', () =>
    serving('single3', async ({ port }) => {
      const { exit, stdout } = await run(process.execPath, nc('localhost', `${port}`), {
        input: 'one\ntwo\n',
      });
      expect({ exit, stdout }).toEqual({ exit: 0, stdout: 'one\ntwo\n' });
    }));

  test('half-closes at the end of stdin, though localhost has an address before the one that is listened on', () =>
    listening(
      createServer({ allowHalfOpen: true }, (socket) => {
        socket.write('hello\n');
        socket.pipe(socket);
      }),
      async (port) => {
        const client = runnable('src/clients/nc.ts', ['--import', './test/fixtures/two-addresses.ts']);
        const args = [...client, 'localhost', `${port}`];
        const result = await run(process.execPath, args, { input: 'one\ntwo\n' });
        expect(result).toEqual({ exit: 0, stdout: 'hello\none\ntwo\n', stderr: '' });
      },
    ));

  test('ends when the server does, though nothing more is typed', () =>
    serving('single9', async ({ port }) => {
      const client = new Program(process.execPath, nc('localhost', `${port}`));
      client.type('ECHO hello\nQUIT\n');
      expect(await client.stdout.rest()).toBe('hello\nBYE\n');
      expect(await client.exited()).toBe(0);
    }));
});
