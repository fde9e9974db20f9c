// Mistakes on the command line: one line says what is wrong, and the exit code is 1. And --help.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { nearest } from '../scripts/nearest.ts';
import { findSteps, root } from '../scripts/steps.ts';
import { runnable } from '../src/behaviours/server.ts';
import { protocolNames } from '../src/protocol/protocols.ts';
import { mechanisms } from '../src/sockets/selector.ts';
import { listening, run, runScript, temporaryFolder } from './harness.ts';

const noSuchOption = (option: string) => `Unknown option '${option}': --help lists the options`;

/** Of programs of each kind, what is typed, and what they say. No program listens on port 1. */
const mistakes: Record<string, [args: string, message: string | RegExp][]> = {
  'src/threaded/thread11.ts': [['--web-port 8080', noSuchOption('--web-port')]],
  'src/threaded/pool4.ts': [
    ['--workers -1', 'Cannot use --workers "-1": it is a whole number from 1 to 100'],
  ],
  'src/coroutine/sync-vs-async.ts': [
    ['sync async', 'Usage: npx tsx src/coroutine/sync-vs-async.ts sync|async'],
  ],
  'src/clients/nc.ts': [['localhost 1', 'Cannot talk to localhost:1: ECONNREFUSED']],
  'src/clients/ask.ts': [
    ['localhost 1 --protocol gopher', /^Cannot use --protocol "gopher": .+ zen, oracle$/],
    ['localhost 1 --pause 3600.5', /^Cannot use --pause "3600\.5": .+ from 0 to 3600$/],
    ['localhost 1', /^Cannot connect to localhost:1: ECONNREFUSED, .+$/],
  ],
  'src/clients/finger.ts': [
    ['alice@localhost:1', 'Cannot finger localhost: ECONNREFUSED'],
    ['alice@no-such-host.invalid', /^Cannot finger no-such-host\.invalid: (ENOTFOUND|EAI_AGAIN)$/],
    ['alice', /^Usage: npx tsx src\/clients\/finger\.ts .+$/],
  ],
  'scripts/step.ts': [['single6 single7', /^Cannot show single6 and single7: .+$/]],
};

describe.concurrent('a mistake', () => {
  for (const [path, rows] of Object.entries(mistakes)) {
    for (const [args, message] of rows) {
      test(`is one line, and exit code 1: ${path} ${args}`, async () => {
        const { exit, stdout, stderr } = await runScript(path, ...args.split(' ').filter(Boolean));
        expect({ exit, stdout }).toEqual({ exit: 1, stdout: '' });
        expect(stderr).toMatch(/^[^\n]+\n$/);
        if (typeof message === 'string') expect(stderr).toBe(`${message}\n`);
        else expect(stderr.trimEnd()).toMatch(message);
      });
    }
  }

  // Every step listens by way of src/cli/listen.ts: see house.test.ts. prefork4 has children, which must not listen themselves.
  test('is a port in use: one line says so, and how to go on', () =>
    listening(createServer(), async (port) => {
      for (const [step, option] of [
        ['threaded/prefork4', '--port'],
        ['select/select11', '--web-port'],
      ] as const) {
        const { exit, stdout, stderr } = await runScript(`src/${step}.ts`, option, `${port}`);
        expect({ exit, stdout }).toEqual({ exit: 1, stdout: '' });
        const cause = `EADDRINUSE, address already in use: end that server, or take another port with ${option}`;
        expect(stderr).toBe(`Cannot listen on 127.0.0.1:${port}: ${cause}\n`);
      }
    }));

  test('is npm start without --: a line says what to type', async () => {
    const { exit, stdout, stderr } = await run('npm', ['start', 'single6', '--quiet'], { group: true });
    expect(exit).toBe(1);
    expect(stdout).not.toContain('listening');
    expect(stderr).toContain('npm has taken --quiet for its own: type npm start single6 -- --quiet\n');
  });

  test('is npm run step without --: a line says what to type', async () => {
    const env = { npm_lifecycle_event: 'step', npm_config_files: 'true' };
    const args = [...runnable('scripts/step.ts'), 'single6'];
    const stderr = 'npm has taken --files for its own: type npm run step single6 -- --files\n';
    expect(await run(process.execPath, args, { env })).toEqual({ exit: 1, stdout: '', stderr });
  });
});

describe('what fail() says when this is typed', () => {
  // Other tests of this worker have the modules with the fail() that ends the process.
  beforeAll(() => {
    vi.resetModules();
    vi.doMock('../src/cli/fail.ts', () => ({
      fail: (message: string): never => {
        throw new Error(message);
      },
    }));
  });
  afterAll(() => {
    vi.doUnmock('../src/cli/fail.ts');
    vi.resetModules();
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  });

  const usage = 'Usage: …';
  /** How programs read their command lines: any step, those with a selector, those of level 10, chats and clients. */
  const readers = {
    'a step': async () => {
      const { listen } = await import('../src/cli/listen.ts');
      listen().close();
    },
    select6: async () => {
      const { readOptions } = await import('../src/cli/options.ts');
      const { selectorOption } = await import('../src/cli/selector-option.ts');
      readOptions({ selector: selectorOption });
    },
    'level 10': async () => {
      const { readProtocolOptions } = await import('../src/cli/protocol-options.ts');
      readProtocolOptions();
    },
    'a chat': async () => {
      const { readOptions } = await import('../src/cli/options.ts');
      const { listenForChat, webOptions } = await import('../src/cli/chat-listeners.ts');
      for (const { listener } of listenForChat(readOptions(webOptions))) listener.close();
    },
    'a client': async () => {
      const { parseOrHelp } = await import('../src/cli/parse.ts');
      const { readTarget } = await import('../src/clients/target.ts');
      readTarget(parseOrHelp({ allowPositionals: true }, usage).positionals, usage);
    },
  };
  const noSuchPort = (port: string) =>
    `Cannot connect to port "${port}": it is a whole number from 1 to 65535`;
  const protocols = protocolNames.join(', ');
  for (const [reader, args, message] of [
    ['a step', '--prot 80', noSuchOption('--prot')],
    ['a step', '--port', "Option '--port <value>' argument missing: --help lists the options"],
    ['a step', '12345', "Unexpected argument '12345': --help lists the options"],
    ['a step', '--port -1', 'Cannot use --port "-1": it is a whole number from 0 to 65535'],
    ['a step', '--host no.such.host.invalid', /^Cannot listen on no\.such\.host\.invalid:12345: E\w+, ./],
    ['a step', '--host 2001:db8::1', /^Cannot listen on \[2001:db8::1\]:12345: EADDRNOTAVAIL, ./],
    ['select6', '--selector kqueue', `Cannot use --selector "kqueue": it is one of ${mechanisms.join(', ')}`],
    ['level 10', '--max-questions x', 'Cannot use --max-questions "x": it is a whole number, 0 or more'],
    ['level 10', '--protocol gopher', `Cannot use --protocol "gopher": it is one of ${protocols}`],
    ['level 10', '--framing smoke', 'Cannot use --framing "smoke": it is one of lines, fixed, length, json'],
    ['level 10', '--protocol zen --framing json', 'Cannot use --framing json: zen has a framing of its own'],
    ['a chat', '--web-port http', 'Cannot use --web-port "http": it is a whole number from 0 to 65535'],
    ['a chat', '--host 192.0.2.1 --web-port 0', /^Cannot listen on 192\.0\.2\.1:0: EADDRNOTAVAIL, ./],
    ['a client', 'localhost', usage],
    ['a client', 'localhost 80 81', usage],
    ['a client', 'localhost 80 --x', noSuchOption('--x')],
    ['a client', 'localhost 0', noSuchPort('0')],
    ['a client', 'localhost 65536', noSuchPort('65536')],
  ] as const) {
    test(`to ${reader}: ${args}`, async () => {
      vi.spyOn(process, 'argv', 'get').mockReturnValue(['node', 'program.ts', ...args.split(' ')]);
      const exactly = typeof message === 'string' ? new Error(message) : message;
      await expect(readers[reader]()).rejects.toThrow(exactly);
    });
  }

  for (const port of ['http', '65536', '-1', '', '1e3', '0x50', '+80', ' 80', '80.0']) {
    test(`to a step: --port=${port}`, async () => {
      vi.spyOn(process, 'argv', 'get').mockReturnValue(['node', 'program.ts', `--port=${port}`]);
      const message = `Cannot use --port ${JSON.stringify(port)}: it is a whole number from 0 to 65535`;
      await expect(readers['a step']()).rejects.toThrow(new Error(message));
    });
  }

  /** Reads these words as npm start does, when npm has put its settings into the environment. */
  async function npmStart(settings: Record<string, string>, words: string[] = []): Promise<void> {
    vi.stubEnv('npm_lifecycle_event', 'start');
    const all = { loglevel: 'notice', ...settings }; // The tests may run under npm --quiet.
    for (const [name, value] of Object.entries(all)) vi.stubEnv(`npm_config_${name}`, value);
    const { failIfTaken, stepOptions } = await import('../scripts/npm.ts');
    failIfTaken('npm start', { ...stepOptions, list: '' }, words);
  }

  // What npm makes of `--port=8000`, `--port 8000`, `--port 80 --host ::1`, `--crlf single10` and `--list`.
  for (const [words, settings, instead] of [
    ['single6', { port: '8000' }, 'npm start single6 -- --port 8000'],
    ['8000', { port: 'true' }, 'npm start -- --port 8000'],
    ['single6 80 ::1', { port: 'true', host: 'true' }, 'npm start single6 -- --host HOST --port PORT'],
    ['single10', { crlf: 'true' }, 'npm start single10 -- --crlf'],
    ['', { list: 'true' }, 'npm start -- --list'],
  ] as [string, Record<string, string>, string][]) {
    test(`to npm start: ${words}, when npm has taken ${Object.keys(settings)}`, () =>
      expect(npmStart(settings, words.split(' ').filter(Boolean))).rejects.toThrow(
        new RegExp(`: type ${instead}$`),
      ));
  }

  test('to npm start: nothing, when npm has taken every option of every step', async () => {
    const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
    const names = files
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(join(root, 'src', file), 'utf8'))
      .flatMap((source) => [...source.matchAll(/^ +'?([\w-]+)'?: (?:\{\s*default: |\w+Option\b)/gm)])
      .map(([, name = '']) => name);
    expect(names).toEqual(expect.arrayContaining(['port', 'selector', 'on-stop', 'crlf', 'max-questions']));
    const setting = (name: string) => (name === 'quiet' ? 'loglevel' : name.replaceAll('-', '_'));
    const taken = npmStart(Object.fromEntries(names.map((name) => [setting(name), 'warn'])));
    for (const name of names) await expect(taken).rejects.toThrow(new RegExp(` -- .*--${name}\\b`));
  });

  test('is nothing about settings of npm that are no options: npm --silent, and a configuration file', async () => {
    await npmStart({ loglevel: 'silent' }, ['single6']);
    const userconfig = join(temporaryFolder(), 'npmrc');
    writeFileSync(userconfig, 'loglevel = warn\nport = 80\n');
    await npmStart({ loglevel: 'warn', port: '80', userconfig }, ['single6']);
  });

  test('to npm start: a name that is none. It lists the steps, and names the nearest', async () => {
    const { findStep, listSteps } = await import('../scripts/steps.ts');
    const rows = [...findSteps().values()].map(({ name, header }) => [
      name,
      header.slice(name.length + 2).split('\n')[0],
    ]);
    expect(
      listSteps()
        .split('\n')
        .map((line) => line.trim().split(/ +(.*)/, 2)),
    ).toEqual(rows);
    for (const [name, hint] of [
      ['singel6', 'did you mean single6?'],
      ['Select11', 'did you mean select11?'],
      ['what', 'the steps are those above'],
    ] as const) {
      const message = `${listSteps()}\n\nUnknown step "${name}": ${hint}`;
      expect(() => findStep(name)).toThrow(new Error(message));
    }
  });
});

test('the nearest name has the fewest other letters', () => {
  const names = ['single1', 'single10', 'select3', 'poll3', 'pool4'];
  const typed = ['single', 'sinlge10', 'pol3', 'slct3', '', 'foo', '8000'];
  const found = ['single1', 'single10', 'poll3', 'select3', undefined, undefined, undefined];
  expect(typed.map((word) => nearest(word, names))).toEqual(found);
});

describe.concurrent('--help', () => {
  for (const [path, usage] of [
    ['src/single/single10.ts', /^Usage: npx tsx \S+ \[options\]\n {2}--host HOST .*--port PORT .*--crlf /s],
    ['src/clients/finger.ts', /^Usage: npx tsx src\/clients\/finger\.ts \[-l\] \[user\]@host\[:port\]/],
    ['scripts/start.ts', /^Usage: npm start \[STEP\] \[-- OPTIONS\]\n/],
    ['scripts/timeline.ts', /^Usage: npm run timeline \[-- STEP\.\.\. OPTIONS\]\n/],
  ] as const) {
    test(`says how to use ${path}`, async () => {
      const { exit, stdout, stderr } = await runScript(path, '--help');
      expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
      expect(stdout).toMatch(usage);
    });
  }
});
