// npm run bench: it measures all servers that this machine can run, checks their answers, and leaves nothing behind. The READMEs
// show the figures of results/bench.json.

import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { compile, isHere, missingForC } from '../scripts/bench/contestants.ts';
import { measure } from '../scripts/bench/engine.ts';
import { blocks, conditions, documents, markdown } from '../scripts/bench/report.ts';
import {
  type Entry,
  type Measured,
  median,
  percentile,
  readResults,
  type TableName,
  tableNames,
  toJson,
} from '../scripts/bench/results.ts';
import { type Group, tables, takesC } from '../scripts/bench/tables.ts';
import { written } from '../scripts/markers.ts';
import { root } from '../scripts/steps.ts';
import { Program } from '../src/behaviours/program.ts';
import { runnable } from '../src/behaviours/server.ts';
import { run, runScript, temporaryFolder, until } from './harness.ts';

const bench = (...args: string[]) => [...runnable('scripts/bench.ts'), '--quick', ...args];

/** The bench starts many servers. On a busy machine, each takes long to start. */
const patience = 120_000;
const options = { patience, group: true };
const LONG = { timeout: 3 * patience };
const equipment = { node: '20.0.0', cpus: 2, rounds: 3, seconds: 1 };

describe.concurrent('npm run bench', () => {
  /**
   * Of each way to measure: servers, and their columns behind the name. Of each kind of server, one table has one: of the modes of
   * server.c, server.py and server.ts, and of the steps.
   */
  const measurements: Partial<Record<TableName, [servers: string[], figures: RegExp]>> = {
    echo: [['Python, selectors'], /^[\d,]+ \| – \| – \| [\d.–]+$/],
    compute: [['node:net'], /^[\d.]+ m?s \| [\d.]+ m?s \| [\d,]+$/],
    attack: [['select12'], /^[a-z ]+ \| [\d,]+ \| [\d.]+ \| [\d.]+ m?s \| [\d.]+ MB$/],
    chat: [
      // Nothing is lost.
      ['C, epoll, a send for each', 'C, epoll, a send for each user and tick', 'Python, asyncio', 'node:net'],
      /^[\d,]+ \| 0 \| [\d.]+ \| [\d.]+$/,
    ],
    machines: [['await13, with Redis, two processes'], /^[\d,]+ \| 0 \| –$/],
    cpu: [['C, epoll', 'node:net'], /^[\d.]+ µs \| [\d.]+ µs$/],
    threads: [['pool4', 'Python, threads'], /^[\d.]+ m?s \| [\d.]+ m?s \| -?[\d.]+ \S+$/],
    'start-up': [
      ['C, epoll', 'Python, asyncio', 'node:net, types taken out', 'single1'],
      /^[\d.]+ m?s \| [\d.]+ m?s \| [\d.]+ MB$/,
    ],
  };
  for (const [name, [servers, figures]] of Object.entries(measurements) as [
    TableName,
    [string[], RegExp],
  ][]) {
    if (takesC(name) && missingForC) continue;
    test(`measures ${name}`, LONG, async () => {
      // One attack is enough: the load client has a test for each.
      const chosen = ({ attacks, ...group }: Group) => ({
        ...group,
        servers: group.servers.filter((server) => servers.includes(server.name)),
        ...(attacks && { attacks: attacks.slice(0, 2) }),
      });
      const groups = tables[name].groups(true).map(chosen);
      expect(groups.flatMap(({ servers }) => servers.map(({ name }) => name)).sort()).toEqual(servers.sort());
      const entries = await measure(
        { ...tables[name], groups: () => groups },
        { rounds: 1, seconds: 0.1, quick: true, say() {} },
      );
      const expected = groups.flatMap(({ servers, attacks = [undefined] }) =>
        servers.filter(isHere).flatMap(({ name }) => attacks.map(() => name)),
      );
      expect(entries.map(({ server }) => server).sort()).toEqual(expected.sort());
      for (const { rows } of blocks(name, { ...equipment, entries })) {
        for (const [who, ...cells] of rows) expect(cells.join(' | '), who).toMatch(figures);
      }
    });
  }

  test('keeps the figures of each round, and says in a line each what is missing', LONG, async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'results.json');
    const env = { PATH: folder };
    const bare = (...args: string[]) => run(process.execPath, bench(...args), { ...options, env });
    const { exit, stdout, stderr } = await bare('--only', 'suspended', '--json', file);
    expect(exit, stderr).toBe(0);
    expect(stdout).toMatch(/^There is no (cc|epoll) here: the speed tables need a C compiler, .* echo, /m);
    expect(stdout).toMatch(/^Rough: one round\.$/m);
    expect(stdout).toMatch(/^There is no python3 here: the Python servers are left out\.$/m);
    const { suspended } = JSON.parse(readFileSync(file, 'utf8'));
    expect(stdout).toContain(
      blocks('suspended', suspended)
        .map((block) => markdown(block))
        .join(),
    );
    for (const { figures } of suspended.entries) expect(figures.memory).toEqual([expect.any(Number)]);

    const speed = await bare('--only', 'echo');
    expect([speed.exit, speed.stdout]).toEqual([1, '']);
    expect(speed.stderr).toMatch(/^Cannot measure echo: .+\n$/);
  });

  test.skipIf(missingForC)('leaves no process behind after Ctrl-C', LONG, async () => {
    const program = new Program(process.execPath, bench('--only', 'cores', '--rounds', '1000'), options);
    const isAlone = () => {
      try {
        return !process.kill(-(program.child.pid ?? Number.NaN), 0);
      } catch {
        return true; // ESRCH: the group has no process any more
      }
    };
    try {
      await program.stderr.lineLike(/multi6 is warm$/); // It has children of its own.
      expect(isAlone()).toBe(false);
      program.child.kill('SIGINT'); // to the bench alone: a terminal sends it to all
      expect(await program.exited()).toBe(130);
      await until(isAlone);
    } finally {
      program.kill('SIGKILL');
    }
  });

  test('says in one line what it can not do', async () => {
    for (const [why, ...args] of [
      ['Cannot use --only "votes": there are echo, lines', '--only', 'votes'],
      ['Cannot use --rounds "0"', '--rounds', '0'],
      ['Cannot use --write with --quick', '--quick', '--write'],
      ['ENOENT', '--only', 'suspended', '--json', '/no/such/folder/results.json'],
    ] as const) {
      const { exit, stdout, stderr } = await runScript('scripts/bench.ts', ...args);
      expect({ exit, stdout }).toEqual({ exit: 1, stdout: '' });
      expect(stderr).toContain(why);
      expect(stderr).toMatch(/^[^\n]+\n$/);
    }
  });

  test('lists the options and the tables with --help', async () => {
    const { exit, stdout } = await runScript('scripts/bench.ts', '--help');
    expect(exit).toBe(0);
    for (const name of ['--quick', '--only', '--write', '--render', '--json', ...tableNames])
      expect(stdout).toContain(name);
  });
});

describe.skipIf(missingForC).concurrent('the load client', () => {
  type Serve = (client: Socket, all: Set<Socket>) => void;

  /** Has it play clients of a server for a moment: 8 of them, or 4 that talk. Returns what it counts, or why it ended. */
  async function asked(mode: string, serve: Serve, ...more: string[]) {
    const all = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true }, (client) => {
      all.add(client.setNoDelay());
      client.on('close', () => all.delete(client));
      client.on('error', () => {}); // The load client may end in the middle.
      client.on('end', () => client.end());
      serve(client, all);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const extent = mode === 'talk' ? ['4', '32', '100'] : ['8', '32', '0.02'];
    const { exit, stdout, stderr } = await run(
      compile('scripts/bench/load.c'),
      [mode, `${port}`, ...extent, ...more],
      { patience },
    );
    server.close();
    return exit === 0 ? JSON.parse(stdout) : { exit, stdout, stderr };
  }

  const answer = (reply: (line: Buffer) => string) => (client: Socket) =>
    client.on('data', (line) => client.write(reply(line)));
  /** Answers to `ECHO text`, with a notice before each. */
  const echo = (client: Socket) =>
    createInterface(client)
      .on('line', (line) => client.write(`* a notice\n${line.replace('ECHO ', '')}\n`))
      .on('error', () => {}); // An attacker resets, and readline passes that on.

  test('counts messages and visits that come back, but not those of the warm-up', async () => {
    for (const mode of ['messages', 'visits']) {
      let lines = 0;
      const serve = (client: Socket) =>
        client.on('data', (line) => {
          lines++;
          client.write(line);
        });
      const { count, seconds } = await asked(mode, serve);
      expect(count, mode).toBeGreaterThan(0);
      expect(count, mode).toBeLessThan(lines);
      expect(seconds, mode).toBeGreaterThanOrEqual(0.02);
    }
  });

  test('counts answers, past notices, and says how long they take', async () => {
    const { count, late, seconds } = await asked('ask', echo);
    expect(count).toBeGreaterThan(0);
    expect(late).toBeGreaterThan(0);
    // Both are rounded to microseconds.
    expect(Math.round(1000 * late)).toBeLessThanOrEqual(Math.round(1_000_000 * seconds));
  });

  test('ends with one line when a server changes a letter, says too much, or closes too early', async () => {
    const failures: [why: RegExp, serve: Serve, ...modes: string[]][] = [
      [/^[^\n]+not what was sent\n$/, answer(() => 'A\n'), 'messages', 'visits', 'ask'],
      [
        /^[^\n]+(more came back|not what was sent)[^\n]*\n$/,
        answer((line) => `${line}?`),
        'messages',
        'visits',
      ],
      [
        /^[^\n]+(closed the connection|reset by peer|Broken pipe)\n$/,
        (client) => client.end(),
        ...['messages', 'visits', 'ask'],
      ],
    ];
    for (const [why, serve, ...modes] of failures) {
      for (const mode of modes) {
        const stderr = expect.stringMatching(why);
        expect(await asked(mode, serve), mode).toEqual({ exit: 1, stdout: '', stderr });
      }
    }
  });

  test.each([
    ['trickle', 'each of its clients sends a line that never ends'],
    ['hoard', 'each of its clients asks for more than the kernel keeps, within a limit'],
    ['flood', 'it opens more connections than it has clients, and sends nothing'],
  ])('attacks, beside a client who asks, with a %s: %s', async (attack) => {
    const texts = new Map<Socket, string>();
    const serve = (client: Socket) => {
      texts.set(client, '');
      client.on('data', (data) => texts.set(client, `${texts.get(client)}${data}`));
      echo(client);
    };
    expect((await asked('ask', serve, attack)).count).toBeGreaterThan(0);
    const seen = (pattern: RegExp) => [...texts.values()].filter((text) => pattern.test(text));
    if (attack === 'flood') expect(seen(/^$/).length).toBeGreaterThan(10);
    else if (attack === 'trickle') expect(seen(/^x+$/)).toHaveLength(8);
    else {
      const lengths = seen(/^ECHO x+\n/).map(({ length }) => length);
      expect(lengths).toHaveLength(8);
      expect(Math.max(...lengths)).toBeGreaterThan(64 * 1024);
      expect(Math.max(...lengths)).toBeLessThanOrEqual(512 * 1024);
    }
  });

  test('counts lines that reach all others, lines that are lost, and lines that arrive twice', async () => {
    /** A chat, whose users get line 7 of each other so many times. */
    const chat =
      (times: number): Serve =>
      (client, all) =>
        createInterface(client).on('line', (line) => {
          const text = `${line}\n`.repeat(line.includes(' 0000007') ? times : 1);
          for (const other of all) if (other !== client) other.write(text);
        });
    const all = 4 * 3 * 100;
    const counted = [{ count: all - 12, lost: 12 }, { count: all }, { count: all, duplicates: 12 }];
    const seen = await Promise.all([0, 1, 2].map((times) => asked('talk', chat(times))));
    expect(seen).toMatchObject(counted.map((one) => ({ lost: 0, duplicates: 0, ...one })));
  });
});

const results = readResults();
const files = await documents(results);

describe('what has been measured', () => {
  test('has every table', () => {
    expect(Object.keys(results)).toEqual([...tableNames]);
  });

  for (const [path, content] of files) {
    test(`is what ${path} shows: npm run bench -- --render writes it`, () => {
      expect(readFileSync(join(root, path), 'utf8')).toBe(content);
    });
    if (!path.endsWith('.svg')) continue;

    test(`is described in words in ${path}, with lines that differ in more than colour`, () => {
      expect(content).toMatch(/<title id="title">.+<\/title>\n<desc id="description">.*select.*<\/desc>/);
      const looks = new Map<string, string>();
      const groups = /<g([^>]*) aria-description="([^"]+)" aria-label="(line|dot)"[^>]*>(.+)/g;
      for (const [, attributes = '', name = '', kind, drawn = ''] of content.matchAll(groups)) {
        const look = kind === 'line' ? /dasharray="[^"]+"/.exec(attributes) : / d="[^"]+"/.exec(drawn);
        looks.set(name, `${looks.get(name) ?? ''} ${look}`);
      }
      expect(looks.size).toBeGreaterThan(2);
      expect(new Set(looks.values()).size).toBe(looks.size);
    });
  }
});

describe('a table', () => {
  const entry = (server: string, ...speed: number[]): Entry => ({ server, busy: 50, figures: { speed } });
  const measured = (...entries: Entry[]): Measured => ({ ...equipment, entries });

  test('shows medians, ratios within rounds, and a dash where there is nothing', () => {
    expect([median([3, 1, 2]), median([4, 1, 3, 2]), median([])]).toEqual([2, 2.5, Number.NaN]);
    const counted = entry('C, epoll', 100, 1000, 10);
    counted.figures.calls = [2.04];
    const both = measured(counted, entry('node:net', 50, 250, 10));
    expect(blocks('echo', both)[0]?.rows).toEqual([
      ['C, epoll', '100', '1.00', '2.00', '2.04'],
      ['node:net', '50', '0.50', '1.00', '–'],
    ]);
    const single6 = { ...entry('single6', 30), busy: 1 };
    const [ratios, byNumber] = blocks('lines', measured(single6, entry('select6', 40)));
    expect(ratios?.rows).toEqual([['select6', '40', '–', '–', '1.00']]);
    expect(byNumber?.rows).toEqual([
      ['single6', '30', '–'],
      ['select6', '–', '40'],
    ]);
  });

  test('compares a server under attack to the same server without attack, in the same round', () => {
    const attacked = entry('select12', 90, 100);
    const rows = blocks('attack', measured(entry('select12', 100, 200), { ...attacked, attack: 'flood' }))[0]
      ?.rows;
    expect(rows).toEqual([
      ['select12', 'nothing', '150', '1.00', '–', '–'],
      ['select12', 'a flood of connections', '95', '0.70', '–', '–'],
    ]);
  });

  test('shows the time within which 99 of 100 answers arrive', () => {
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect([percentile(99, hundred), percentile(100, hundred), percentile(50, [7])]).toEqual([99, 100, 7]);
    expect(percentile(99, [])).toBe(Number.NaN);
  });

  test('shows the versions, the machine, and the number of rounds', () => {
    const memory = { server: 'select3', figures: { memory: [1, 2] } };
    const both = { ...measured(entry('select3', 1, 2, 3), memory), python: '3.11.7' };
    expect(conditions(both)).toBe('Node 20.0.0 and Python 3.11.7, 2 CPUs; medians of 2 to 3 rounds of 1 s.');
  });

  test('is kept as JSON, an entry a line', () => {
    const results = { echo: measured(entry('select3', 1, 2)), chat: measured(entry('a', 3), entry('b', 4)) };
    const json = toJson(results);
    expect(JSON.parse(json)).toEqual(results);
    expect(json.match(/^ +{"server":"\w+",.*},?$/gm)).toHaveLength(3);
  });

  test('is written between its own markers, and nowhere else', () => {
    const end = '<!-- as far as here -->';
    const text = `a\n<!-- x -->\nold\n${end}\nb\n<!-- y -->\nkept\n${end}\nc\n`;
    expect(written(text, 'x', 'new')).toBe(text.replace('old', '\nnew\n'));
    expect(() => written(text, 'z', 'new')).toThrow('Cannot find <!-- z -->');
  });
});
