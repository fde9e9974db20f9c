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
  /** Of each way to measure: a server of each kind, and its columns behind the name. The other tests try the rest of the steps. */
  const measurements: Partial<Record<TableName, [servers: string[], figures: RegExp]>> = {
    echo: [
      ['C, epoll', 'select3', 'Python, selectors', 'Python, asyncio', 'node:net'],
      /^[\d,]+ \| [\d.–]+ \| [\d.–]+ \| [\d.–]+$/,
    ],
    compute: [['node:net', 'work7'], /^[\d.]+ m?s \| [\d.]+ m?s \| [\d,]+$/],
    attack: [['select12'], /^[a-z ]+ \| [\d,]+ \| [\d.]+ \| [\d.]+ m?s \| [\d.]+ MB$/],
    chat: [
      // Nothing is lost.
      ['C, epoll, a send for each', 'C, epoll, a send for each user and tick', 'Python, asyncio', 'node:net'],
      /^[\d,]+ \| 0 \| [\d.–]+ \| [\d.–]+$/,
    ],
    machines: [
      ['await13', 'await13, with Redis', 'await13, with Redis, two processes'],
      /^[\d,]+ \| 0 \| [\d.–]+$/,
    ],
    cpu: [['C, epoll', 'select6', 'node:net'], /^[\d.]+ µs \| [\d.]+ µs$/],
    threads: [['pool4', 'Python, threads'], /^[\d.]+ m?s \| [\d.]+ m?s \| -?[\d.]+ \S+$/],
    'start-up': [
      ['node:net, types taken out', 'single1', 'thread4'],
      /^[\d.]+ m?s \| [\d.]+ m?s \| [\d.]+ MB$/,
    ],
  };
  for (const [name, [servers, figures]] of Object.entries(measurements) as [
    TableName,
    [string[], RegExp],
  ][]) {
    if (takesC(name) && missingForC) continue;
    test(`measures ${name}`, LONG, async () => {
      const chosen = (group: Group) => group.servers.filter((server) => servers.includes(server.name));
      const groups = tables[name].groups(true).map((group) => ({ ...group, servers: chosen(group) }));
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

  for (const args of [
    ['--only', 'votes'],
    ['--rounds', '0'],
    ['--fast'],
    ['--quick', '--write'],
    ['--only', 'suspended', '--json', '/no/such/folder/results.json'],
  ]) {
    test(`says in one line what is wrong with ${args.join(' ')}`, async () => {
      const { exit, stdout, stderr } = await runScript('scripts/bench.ts', ...args);
      expect({ exit, stdout }).toEqual({ exit: 1, stdout: '' });
      expect(stderr).toMatch(/^[^\n]+\n$/);
    });
  }
});

test('npm run bench -- --help lists the options and the tables', async () => {
  const { exit, stdout } = await runScript('scripts/bench.ts', '--help');
  expect(exit).toBe(0);
  for (const name of ['--quick', '--only', '--write', '--render', '--json', ...tableNames])
    expect(stdout).toContain(name);
});

describe.skipIf(missingForC).concurrent('the load client', () => {
  /** Has it play clients of a server for a moment: 8 of them, or 4 that talk. */
  async function asked(mode: string, serve: (client: Socket, all: Set<Socket>) => void, ...more: string[]) {
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
    const extent = mode === 'talk' ? ['4', '32', '100'] : ['8', '32', '0.1'];
    const result = await run(compile('scripts/bench/load.c'), [mode, `${port}`, ...extent, ...more], {
      patience,
    });
    server.close();
    return { ...result, counted: result.exit === 0 ? JSON.parse(result.stdout) : undefined };
  }

  const answer = (reply: (line: Buffer) => string) => (client: Socket) =>
    client.on('data', (line) => client.write(reply(line)));
  const wrong = [
    ['changes a letter', answer(() => 'A'), /what came back is not what was sent/],
    ['says too much', answer((line) => `${line}?`), /more came back|not what was sent/],
    ['closes too early', (client: Socket) => client.end(), /closed the connection|reset by peer|Broken pipe/],
  ] as const;
  for (const mode of ['messages', 'visits']) {
    test(`counts ${mode} that come back`, async () => {
      let lines = 0;
      const { counted, stderr } = await asked(
        mode,
        answer((line) => {
          lines++;
          return `${line}`;
        }),
      );
      expect(counted?.count, stderr).toBeGreaterThan(0);
      expect(counted.count).toBeLessThan(lines); // There was a warm-up.
      expect(counted.seconds).toBeGreaterThanOrEqual(0.1);
    });

    for (const [what, serve, why] of wrong) {
      test(`ends with one line when a server, asked for ${mode}, ${what}`, async () => {
        const { exit, stdout, stderr } = await asked(mode, serve);
        expect({ exit, stdout }).toEqual({ exit: 1, stdout: '' });
        expect(stderr).toMatch(why);
        expect(stderr).toMatch(/^[^\n]+\n$/);
      });
    }
  }

  /** Answers to `ECHO text`, with a notice before each. */
  const echo = (client: Socket) =>
    createInterface(client)
      .on('line', (line) => client.write(`* a notice\n${line.replace('ECHO ', '')}\n`))
      .on('error', () => {}); // An attacker resets, and readline passes that on.
  test('counts answers, past notices, and says how long they take', async () => {
    const { counted, stderr } = await asked('ask', echo);
    expect(counted?.count, stderr).toBeGreaterThan(0);
    expect(counted.late).toBeGreaterThan(0);
    // Both are rounded to microseconds.
    expect(Math.round(1000 * counted.late)).toBeLessThanOrEqual(Math.round(1_000_000 * counted.seconds));
  });

  test('ends with one line when an answer is wrong', async () => {
    const { exit, stderr } = await asked('ask', (client) => client.on('data', () => client.write('A\n')));
    expect({ exit, stderr }).toEqual({
      exit: 1,
      stderr: expect.stringMatching(/^[^\n]+ not what was sent\n$/),
    });
  });

  /** What the server sees of an attack, beside a client who asks. */
  async function seen(attack: string) {
    const texts = new Map<Socket, string>();
    const { counted, stderr } = await asked(
      'ask',
      (client) => {
        texts.set(client, '');
        client.on('data', (data) => texts.set(client, `${texts.get(client)}${data}`));
        echo(client);
      },
      attack,
    );
    expect(counted?.count, stderr).toBeGreaterThan(0);
    return [...texts.values()];
  }

  test('trickles: each of its clients sends a line that never ends', async () => {
    expect((await seen('trickle')).filter((text) => /^x+$/.test(text))).toHaveLength(8);
  });

  test('hoards: each of its clients asks for more than the kernel keeps, within a limit', async () => {
    const lengths = (await seen('hoard'))
      .filter((text) => /^ECHO x+\n/.test(text))
      .map(({ length }) => length);
    expect(lengths).toHaveLength(8);
    for (const length of lengths) expect(length).toBeLessThanOrEqual(512 * 1024);
    expect(Math.max(...lengths)).toBeGreaterThan(64 * 1024);
  });

  test('floods: it opens more connections than it has clients, and sends nothing', async () => {
    expect((await seen('flood')).filter((text) => text === '').length).toBeGreaterThan(10);
  });

  /** A chat. `times` says how often a client gets a line. */
  const chat = (times: (line: string) => number) => (client: Socket, all: Set<Socket>) =>
    createInterface(client).on('line', (line) => {
      for (const other of all) if (other !== client) other.write(`${line}\n`.repeat(times(line)));
    });
  const deliveries = 4 * 3 * 100;
  const unlike = (number: string, times: number) => chat((line) => (line.includes(` ${number}`) ? times : 1));
  for (const [what, serve, counted] of [
    ['counts lines that reach all others', chat(() => 1), { count: deliveries, lost: 0, duplicates: 0 }],
    ['counts lines that are lost', unlike('0000007', 0), { count: deliveries - 12, lost: 12, duplicates: 0 }],
    ['counts lines that arrive twice', unlike('0000007', 2), { count: deliveries, lost: 0, duplicates: 12 }],
  ] as const) {
    test(what, async () => {
      expect((await asked('talk', serve)).counted).toMatchObject(counted);
    });
  }
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
