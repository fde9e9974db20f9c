// Mistakes on the command line: one line says what is wrong, and the exit code is 1. And --help.

import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { protocolNames } from '../src/protocol/protocols.ts';
import { mechanisms } from '../src/sockets/selector.ts';
import { listening, runScript } from './harness.ts';

const noSuchOption = (option: string) => `Unknown option '${option}': --help lists the options`;
const noSuchPort = (port: string) => `Cannot connect to port "${port}": it is a whole number from 1 to 65535`;
const syncVsAsync = 'Usage: npx tsx src/coroutine/sync-vs-async.ts sync|async';

/** Of each program, what is typed, and what it says. No program listens on port 1. */
const mistakes: Record<string, [args: string, message: string | RegExp][]> = {
  'src/single/single3.ts': [
    ['--prot 80', noSuchOption('--prot')],
    ['--port http', 'Cannot use --port "http": it is a whole number from 0 to 65535'],
    ['--port', "Option '--port <value>' argument missing: --help lists the options"],
    ['12345', "Unexpected argument '12345': --help lists the options"],
    ['--host no.such.host.invalid', /^Cannot listen on no\.such\.host\.invalid:12345: E\w+, ./],
    ['--host 2001:db8::1', /^Cannot listen on \[2001:db8::1\]:12345: EADDRNOTAVAIL, ./],
  ],
  'src/single/single10.ts': [
    ['--max-questions -1', 'Cannot use --max-questions "-1": it is a whole number, 0 or more'],
    ['--framing smoke', 'Cannot use --framing "smoke": it is one of lines, fixed, length, json'],
    ['--protocol zen --framing json', 'Cannot use --framing json: zen has a framing of its own'],
  ],
  'src/threaded/pool4.ts': [
    ['--workers -1', 'Cannot use --workers "-1": it is a whole number from 1 to 100'],
  ],
  'src/threaded/prefork4.ts': [['--prot 80', noSuchOption('--prot')]],
  'src/select/select6.ts': [
    ['--selector kqueue', `Cannot use --selector "kqueue": it is one of ${mechanisms.join(', ')}`],
  ],
  'src/coroutine/generator6.ts': [
    ['--stats 1e3', 'Cannot use --stats "1e3": it is a whole number, 0 or more'],
  ],
  'src/coroutine/stream10.ts': [
    ['--protocol gopher', `Cannot use --protocol "gopher": it is one of ${protocolNames.join(', ')}`],
  ],
  'src/select/select11.ts': [
    ['--web-port http', 'Cannot use --web-port "http": it is a whole number from 0 to 65535'],
    ['--host 192.0.2.1 --web-port 0', /^Cannot listen on 192\.0\.2\.1:0: EADDRNOTAVAIL, ./],
  ],
  'src/threaded/thread11.ts': [['--web-port 8080', noSuchOption('--web-port')]],
  'src/coroutine/sync-vs-async.ts': [
    ['', syncVsAsync],
    ['sync async', syncVsAsync],
  ],
  'src/clients/nc.ts': [
    ['localhost 1', 'Cannot talk to localhost:1: ECONNREFUSED'],
    ['localhost', 'Usage: npx tsx src/clients/nc.ts HOST PORT'],
    ['localhost 80 --x', noSuchOption('--x')],
    ['localhost 65536', noSuchPort('65536')],
  ],
  'src/clients/ask.ts': [
    ['localhost', /^Usage: npx tsx src\/clients\/ask\.ts HOST PORT .+$/],
    ['localhost 1 -x', noSuchOption('-x')],
    ['localhost 1 --protocol gopher', /^Cannot use --protocol "gopher": .+ zen, oracle$/],
    ['localhost 1 --pause 3600.5', /^Cannot use --pause "3600\.5": .+ from 0 to 3600$/],
    ['localhost 1', /^Cannot connect to localhost:1: ECONNREFUSED, .+$/],
  ],
  'src/clients/finger.ts': [
    ['alice@localhost:1', 'Cannot finger localhost: ECONNREFUSED'],
    ['alice@no-such-host.invalid', /^Cannot finger no-such-host\.invalid: (ENOTFOUND|EAI_AGAIN)$/],
    ['alice', /^Usage: npx tsx src\/clients\/finger\.ts .+$/],
    ['', /^Usage: .+$/],
    ['-x alice@localhost', noSuchOption('-x')],
    ['@localhost:http', noSuchPort('http')],
  ],
  'scripts/step.ts': [
    ['', /^Cannot show a step without its name: .+$/],
    ['single6 single7', /^Cannot show single6 and single7: .+$/],
  ],
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

  // Every step listens by way of src/cli/listen.ts: see house.test.ts. So a step of each kind will do.
  test('is a port in use: one line says so, and how to go on', () =>
    listening(createServer(), async (port) => {
      for (const [step, option] of [
        ['single/single1', '--port'],
        ['threaded/prefork4', '--port'],
        ['coroutine/callback6', '--port'],
        ['select/select11', '--web-port'],
      ] as const) {
        const { exit, stdout, stderr } = await runScript(`src/${step}.ts`, option, `${port}`);
        expect({ exit, stdout }).toEqual({ exit: 1, stdout: '' });
        const cause = `EADDRINUSE, address already in use: end that server, or take another port with ${option}`;
        expect(stderr).toBe(`Cannot listen on 127.0.0.1:${port}: ${cause}\n`);
      }
    }));
});

describe('a step does not take', () => {
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
  afterEach(() => vi.restoreAllMocks());

  for (const port of ['http', '65536', '-1', '', '1e3', '0x50', '+80', ' 80', '80.0']) {
    test(`--port=${port}`, async () => {
      const { readOptions } = await import('../src/cli/options.ts');
      vi.spyOn(process, 'argv', 'get').mockReturnValue(['node', 'single3.ts', `--port=${port}`]);
      expect(() => readOptions()).toThrow(
        `Cannot use --port ${JSON.stringify(port)}: it is a whole number from 0 to 65535`,
      );
    });
  }
});

describe.concurrent('--help', () => {
  for (const [path, usage] of [
    ['src/single/single10.ts', /^Usage: npx tsx \S+ \[options\]\n {2}--host HOST .*--port PORT .*--crlf /s],
    ['src/clients/nc.ts', /^Usage: npx tsx src\/clients\/nc\.ts HOST PORT\n/],
    ['src/clients/ask.ts', /^Usage: npx tsx src\/clients\/ask\.ts HOST PORT \[--protocol zen\|oracle\]/],
    ['src/clients/finger.ts', /^Usage: npx tsx src\/clients\/finger\.ts \[-l\] \[user\]@host\[:port\]/],
    ['scripts/start.ts', /^Usage: npm start \[STEP\] \[-- OPTIONS\]\n/],
    ['scripts/step.ts', /^Usage: npm run step NAME \[-- --files\]\n/],
  ] as const) {
    test(`says how to use ${path}`, async () => {
      const { exit, stdout, stderr } = await runScript(path, '--help');
      expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
      expect(stdout).toMatch(usage);
    });
  }
});
