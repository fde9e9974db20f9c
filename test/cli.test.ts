// What people type: options, and the commands of package.json and README.

import { describe, expect, test } from 'vitest';
import { findSteps } from '../scripts/steps.ts';
import { quote } from '../src/cli/log.ts';
import { Client, nodeOptions, Program, run, runScript, serving } from './harness.ts';

const steps = [...findSteps().values()];

describe.concurrent('a step', () => {
  const failure = async (step: string, ...args: string[]) => {
    const { exit, stdout, stderr } = await runScript(step, ...args);
    expect({ exit, stdout }).toEqual({ exit: 1, stdout: '' });
    expect(stderr).toMatch(/^[^\n]+\n$/); // one line
    return stderr.trim();
  };

  for (const { name, path } of steps) {
    test(`${name} says in one line that its port is in use`, () =>
      serving(name, async ({ port }) => {
        const cause = 'EADDRINUSE, address already in use';
        expect(await failure(path, '--port', `${port}`)).toBe(`Cannot listen on 127.0.0.1:${port}: ${cause}`);
      }));
  }

  // It is the same code that reads them: a step of each kind will do.
  for (const path of [
    'src/single/single1.ts',
    'src/threaded/pool4.ts',
    'src/threaded/prefork4.ts',
    'src/select/select9.ts',
  ]) {
    test(`${path} says in one line which option it does not know`, async () => {
      expect(await failure(path, '--prot', '80')).toBe("Unknown option '--prot': --help lists the options");
    });
  }

  const mistakes: [args: string[], message: RegExp][] = [
    [['--port', 'http'], /^Cannot use --port "http": it is a whole number from 0 to 65535$/],
    [['--port', '65536'], /^Cannot use --port "65536": /],
    [['--port=-1'], /^Cannot use --port "-1": /],
    [['--port', ''], /^Cannot use --port "": /],
    [['--port', '1e3x'], /^Cannot use --port "1e3x": /],
    [['--port'], /^Option '--port <value>' argument missing: --help lists the options$/],
    [['12345'], /^Unexpected argument '12345': --help lists the options$/],
    [['--host', 'no such host'], /^Cannot listen on no such host:12345: ENOTFOUND, ./],
    [['--host', '::1'], /^Cannot listen on ::1:12345: ENOTFOUND, ./],
    [['--host', '192.0.2.1'], /^Cannot listen on 192\.0\.2\.1:12345: EADDRNOTAVAIL, ./],
  ];
  for (const [args, message] of mistakes) {
    test(`says in one line what is wrong with ${args.join(' ')}`, async () => {
      expect(await failure('src/single/single3.ts', ...args)).toMatch(message);
    });
  }

  test('listens where --host says', async () => {
    const program = new Program(process.execPath, [
      ...nodeOptions,
      'src/single/single3.ts',
      ...['--host', '0.0.0.0', '--port', '0'],
    ]);
    expect(await program.stdout.line()).toMatch(/^listening on 0\.0\.0\.0:\d+$/);
    await program.stop();
  });

  test('lists its options for --help', async () => {
    const { exit, stdout } = await run(process.execPath, [
      ...nodeOptions,
      'src/single/single10.ts',
      '--help',
    ]);
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^Usage: npx tsx src\/single\/single10\.ts \[options\]\n/);
    for (const option of ['--host HOST', '--port PORT', '--crlf']) expect(stdout).toContain(option);
  });

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
  test('runs single1, and says what to type in a second terminal', async () => {
    const program = new Program('npm', ['start', '--', 'single1', '--port', '0'], { group: true });
    try {
      expect(await program.stdout.lineLike(/^This is /)).toBe(
        'This is src/single/single1.ts. Talk to it from a second terminal:',
      );
      expect(await program.stdout.lineLike(/nc localhost/)).toBe('  nc localhost 0');
      const port = Number((await program.stdout.lineLike(/^listening on /)).split(':')[1]);
      const client = await Client.connect(port);
      await client.send('hello\n');
      expect(await client.line()).toBe('hello');
      client.end();
      expect(await program.exited()).toBe(0);
    } finally {
      await program.stop();
    }
  });

  test('runs single1 unless another is named', async () => {
    for (const [args, path] of [
      [[], 'src/single/single1.ts'],
      [['single6'], 'src/single/single6.ts'],
    ] as const) {
      const { exit, stdout, stderr } = await runScript('scripts/start.ts', ...args, '--port', 'x');
      expect({ exit, stderr }).toMatchObject({ exit: 1, stderr: expect.stringMatching('--port "x"') });
      expect(stdout).toContain(`This is ${path}.`);
    }
  });

  test('knows which steps there are', async () => {
    const { exit, stdout, stderr } = await runScript('scripts/start.ts', 'single11');
    expect({ exit, stdout }).toEqual({ exit: 1, stdout: '' });
    expect(stderr).toMatch(/^Unknown step "single11": the steps are single1 single2 .*single10.*\n$/);
  });
});

describe('the log', () => {
  test('shows what was sent, a replacement character too, and cuts what is long between two characters', () => {
    expect(quote(Buffer.from('abc\ufffd'))).toBe('"abc\ufffd"');
    const long = Buffer.from(`${'x'.repeat(899)}é`);
    expect(quote(long)).toBe(`"${'x'.repeat(899)}"… (901 in all)`);
  });
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

  for (const { name, path, predecessor } of steps) {
    if (predecessor === undefined) continue;
    test(`${name} is compared to ${predecessor}, which exists`, async () => {
      const { stdout } = await runScript('scripts/step.ts', name);
      const added = Number(new RegExp(`Since ${predecessor}: (\\d+) lines added`).exec(stdout)?.[1]);
      // On the ladder, and in threads, which climb it again, a step is small. To turn a server inside out is not.
      expect(added).toBeLessThan(/single|thread/.test(path) ? 41 : 121);
    });
  }

  test('knows which steps there are', async () => {
    for (const args of [['sinlge6'], []]) {
      const { exit, stderr } = await runScript('scripts/step.ts', ...args);
      expect(exit).toBe(1);
      expect(stderr).toMatch(/^Unknown step "(sinlge6)?": the steps are single1 .*\n$/);
    }
  });
});

describe.concurrent('nc.ts', () => {
  const nc = (...args: string[]) => [...nodeOptions, 'src/clients/nc.ts', ...args];

  test('sends what is typed, shows what comes, and still does after the end of stdin', () =>
    serving('single3', async ({ port }) => {
      const { exit, stdout } = await run(process.execPath, nc('localhost', `${port}`), {
        input: 'one\ntwo\n',
      });
      expect({ exit, stdout }).toEqual({ exit: 0, stdout: 'one\ntwo\n' });
    }));

  test('ends when the server does, though nothing more is typed', () =>
    serving('single9', async ({ port }) => {
      const client = new Program(process.execPath, nc('localhost', `${port}`));
      client.type('ECHO hello\nQUIT\n');
      expect(await client.stdout.rest()).toBe('hello\nBYE\n');
      expect(await client.exited()).toBe(0);
    }));

  test('says in one line why it can not connect', async () => {
    const free = await serving('single3', async ({ port }) => port);
    const messages: [args: string[], message: RegExp][] = [
      [['localhost', `${free}`], /^Cannot talk to localhost:\d+: ECONNREFUSED\n$/],
      [['localhost', 'http'], /^Cannot connect to port "http": .+\n$/],
      [['localhost', '65536'], /^Cannot connect to port "65536": .+\n$/],
      [['localhost'], /^Usage: npx tsx src\/clients\/nc\.ts HOST PORT\n$/],
    ];
    for (const [args, message] of messages) {
      const { exit, stderr } = await run(process.execPath, nc(...args));
      expect(exit).toBe(1);
      expect(stderr).toMatch(message);
    }
  });
});
