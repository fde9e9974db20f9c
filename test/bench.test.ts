// npm run bench: it measures what is there, checks what it measures, leaves nothing behind, and the READMEs show what
// results/bench.json says.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { documents, readResults } from '../scripts/bench/documents.ts';
import { blocks, conditions, markdown } from '../scripts/bench/report.ts';
import { type Entry, type Measured, tableNames, toJson } from '../scripts/bench/results.ts';
import { written } from '../scripts/markers.ts';
import { apart } from '../scripts/plot.ts';
import { root } from '../scripts/steps.ts';
import { PATIENCE } from '../src/behaviours/inbox.ts';
import { Program } from '../src/behaviours/program.ts';
import { nodeOptions } from '../src/behaviours/server.ts';
import { run, runScript, until } from './harness.ts';

const bench = (table: string, ...args: string[]) => [
  ...nodeOptions,
  ...['scripts/bench.ts', '--quick', '--only', table, ...args],
];

/** It starts many servers, which take their time, and are to end with it. */
const options = { patience: 2 * PATIENCE, group: true };

describe.concurrent('npm run bench', () => {
  const measure = (table: string) => run(process.execPath, bench(table), options);

  test('measures the servers that there are', async () => {
    const { exit, stdout, stderr } = await measure('echo');
    expect(exit, stderr).toBe(0);
    const servers = ['select3', 'node:net'];
    if (!stdout.includes('the C servers are left out')) servers.push('C, epoll');
    if (!stdout.includes('the Python servers are left out')) servers.push('Python, selectors');
    const ratio = '(\\d+\\.\\d\\d|–)';
    for (const server of servers) {
      expect(stdout).toMatch(new RegExp(`^\\| ${server} \\| [\\d,]+ \\| ${ratio} \\| ${ratio} \\|$`, 'm'));
    }
  });

  test('has everybody talk to everybody, and nothing is lost', async () => {
    const { exit, stdout, stderr } = await measure('chat');
    expect(exit, stderr).toBe(0);
    const peers = ['node:net'];
    if (!stdout.includes('the C servers are left out')) peers.push('C, epoll, a send for each');
    if (!stdout.includes('the Python servers are left out')) peers.push('Python, asyncio');
    const ratio = '\\| (\\d+\\.\\d\\d|–) ';
    for (const peer of peers) {
      expect(stdout).toMatch(new RegExp(`^\\| ${peer} \\| [\\d,]+ \\| 0 ${ratio}${ratio}\\|$`, 'm'));
    }
    const lost = Array.from(stdout.matchAll(/^\| [^|]+ \| [\d,]+ \| ([^|]+) \|/gm), ([, figure]) => figure);
    expect(lost.length).toBeGreaterThanOrEqual(peers.length);
    expect(new Set(lost)).toEqual(new Set(['0']));
  });

  test.runIf(process.platform === 'linux')('tells how much CPU time a message takes, and where', async () => {
    const { exit, stdout, stderr } = await measure('cpu');
    expect(exit, stderr).toBe(0);
    const rows = [...stdout.matchAll(/^\| ([^|]+) \| ([\d.]+) µs \| ([\d.]+) µs \|$/gm)];
    expect(rows.map(([, server]) => server)).toEqual(
      expect.arrayContaining(['select6', 'generator6', 'await6', 'callback6', 'stream6', 'node:net']),
    );
    for (const [, server, kernel, user] of rows) {
      expect(Number(kernel) + Number(user), server).toBeGreaterThan(0);
      if (server === 'C, epoll') expect(Number(kernel)).toBeGreaterThan(Number(user)); // It makes calls, and little else.
    }
  });

  test('has a crowd come, and finds a pool to be quicker than a thread for each', async () => {
    const { exit, stdout, stderr } = await measure('threads');
    expect(exit, stderr).toBe(0);
    const one = (server: string) =>
      Number(new RegExp(`^\\| ${server} \\| ([\\d.]+) ms \\|`, 'm').exec(stdout)?.[1]);
    expect(one('pool4')).toBeLessThan(one('thread4'));
  });

  test('keeps the figures of each round, and names what is not installed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bench-'));
    try {
      const file = join(folder, 'results.json');
      const args = bench('suspended', '--json', file);
      const { exit, stdout, stderr } = await run(process.execPath, args, {
        ...options,
        env: { PATH: folder },
      });
      expect(exit, stderr).toBe(0);
      expect(stdout).toMatch(/^There is no (cc|epoll) here: the C servers are left out/m);
      expect(stdout).toMatch(/^There is no python3 here: the Python servers are left out\.$/m);
      const { suspended } = JSON.parse(readFileSync(file, 'utf8'));
      expect(stdout).toContain(blocks('suspended', suspended).map(markdown).join());
      for (const { figures } of suspended.entries) expect(figures.memory).toEqual([expect.any(Number)]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('leaves no process behind after Ctrl-C', async () => {
    const program = new Program(process.execPath, bench('connections'), options);
    const group = -(program.child.pid ?? Number.NaN);
    const somebodyIsLeft = () => {
      try {
        return process.kill(group, 0);
      } catch {
        return false; // ESRCH: the group has no process any more
      }
    };
    try {
      await program.stderr.lineLike(/prefork4 is warm$/); // It has children of its own.
      expect(somebodyIsLeft()).toBe(true);
      program.child.kill('SIGINT'); // to the bench alone, where a terminal would tell them all
      expect(await program.exited()).toBe(130);
      await until(() => !somebodyIsLeft());
    } finally {
      program.kill('SIGKILL');
    }
  });

  test('says in one line what it does not know, or can not do', async () => {
    for (const args of [
      ['--only', 'votes'],
      ['--rounds', '0'],
      ['--seconds', 'x'],
      ['--fast'],
      ['--quick', '--write'],
      ['--only', 'suspended', '--json', '/no/such/folder/results.json'],
    ]) {
      const { exit, stderr } = await runScript('scripts/bench.ts', ...args);
      expect(exit).toBe(1);
      expect(stderr).toMatch(/^[^\n]+\n$/);
    }
  });
});

describe.concurrent('connect_load.ts', () => {
  /** Has it visit a server for a moment. */
  async function visited(serve: (client: Socket) => void) {
    let clients = 0;
    const server = createServer({ allowHalfOpen: true }, (client) => {
      clients++;
      client.on('error', () => {}); // It may find what it wants to find, and go.
      serve(client);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const result = await runScript('scripts/bench/clients/connect_load.ts', `${port}`, '8', '0.1', '32');
    server.close();
    return { ...result, clients };
  }

  test('counts clients who have had their line back', async () => {
    let ended = 0;
    const { exit, stdout, stderr, clients } = await visited((client) => {
      client.pipe(client).on('close', () => ended++);
    });
    expect(exit, stderr).toBe(0);
    const { connections, seconds } = JSON.parse(stdout);
    expect(connections).toBeGreaterThanOrEqual(20);
    expect(connections).toBeLessThan(clients); // some were there before it counted, and at the end
    expect(seconds).toBeGreaterThanOrEqual(0.1);
    await until(() => ended === clients);
  });

  const wrong: [what: string, serve: (client: Socket) => void, message: RegExp][] = [
    [
      'changes a letter',
      (client) => client.on('data', () => client.write('A')),
      /what came back is not what/,
    ],
    [
      'says too much',
      (client) => client.on('data', (line) => client.write(`${line}?`)),
      /what came back is not what/,
    ],
    ['closes too early', (client) => client.end(), /the server has closed the connection/],
  ];
  for (const [what, serve, message] of wrong) {
    test(`finds a server that ${what}`, async () => {
      const { exit, stdout, stderr } = await visited(serve);
      expect({ exit, stdout }).toEqual({ exit: 1, stdout: '' });
      expect(stderr).toMatch(message);
    });
  }
});

describe('what has been measured', () => {
  const results = readResults();

  test('is kept of every table', () => {
    expect(Object.keys(results)).toEqual([...tableNames]);
  });

  test('has figures of single6 for one user, and never for fifty', () => {
    const entries = results.lines?.entries.filter(({ server }) => server === 'single6');
    expect(entries?.map(({ busy }) => busy)).toEqual([1]);
  });

  for (const [path, content] of documents(results)) {
    test(`is what ${path} shows: npm run bench -- --write writes it`, () => {
      expect(readFileSync(join(root, path), 'utf8')).toBe(content);
    });
  }

  const pictures = [...documents(results)].filter(([path]) => path.endsWith('.svg'));
  for (const [path, picture] of pictures) {
    test(`can be told apart without colours in ${path}, which is small`, () => {
      expect(picture.length).toBeLessThan(20_000);
      const lines = Array.from(
        picture.matchAll(
          /stroke-width="2"( stroke-dasharray="[^"]+")?\/>\n<path class="\S+ s-paper" d="([^"]+)"/g,
        ),
      );
      const styles = new Set(lines.map(([, dashes, marker]) => `${dashes} ${marker}`));
      const names = new Set(
        Array.from(picture.matchAll(/paint-order="stroke">([^<]+)</g), ([, name]) => name),
      );
      expect(names.size).toBeGreaterThan(2);
      expect(styles.size).toBe(names.size);
    });
  }
});

describe('a table', () => {
  const entry = (server: string, ...speed: number[]): Entry => ({ server, busy: 50, figures: { speed } });
  const measured = (...entries: Entry[]): Measured => ({
    node: '20.0.0',
    cpus: 2,
    rounds: 3,
    seconds: 1,
    entries,
  });

  test('shows medians, and ratios within rounds', () => {
    const [block] = blocks(
      'echo',
      measured(entry('C, epoll', 100, 1000, 10), entry('node:net', 50, 250, 10)),
    );
    expect(block?.rows).toEqual([
      ['C, epoll', '100', '1.00', '2.00'],
      ['node:net', '50', '0.50', '1.00'],
    ]);
  });

  test('has a dash where there is nothing to compare to, and where nothing was measured', () => {
    const [block] = blocks('echo', measured(entry('node:net', 50, 250, 10)));
    expect(block?.rows).toEqual([['node:net', '50', '–', '1.00']]);
    const single6 = { ...entry('single6', 30), busy: 1 };
    const [, byNumber] = blocks('lines', measured(single6, entry('select6', 40)));
    expect(byNumber?.rows).toEqual([
      ['single6', '30', '–'],
      ['select6', '–', '40'],
    ]);
  });

  test('says what it was measured with, and in how many rounds', () => {
    const memory = { server: 'select3', figures: { memory: [1, 2] } };
    expect(conditions(measured(entry('select3', 1, 2, 3)))).toBe(
      'Node 20.0.0, 2 CPUs; medians of 3 rounds of 1 s.',
    );
    expect(conditions({ ...measured(entry('select3', 1, 2, 3), memory), python: '3.11.7' })).toBe(
      'Node 20.0.0 and Python 3.11.7, 2 CPUs; medians of 2 to 3 rounds of 1 s.',
    );
  });

  test('is kept as JSON, an entry a line', () => {
    const results = { echo: measured(entry('select3', 1, 2)), chat: measured(entry('a', 3), entry('b', 4)) };
    const json = toJson(results);
    expect(JSON.parse(json)).toEqual(results);
    for (const server of ['select3', 'a', 'b'])
      expect(json).toMatch(new RegExp(`^ +{"server":"${server}",.*},?$`, 'm'));
  });

  test('is written between its own markers, and nowhere else', () => {
    const text =
      'a\n<!-- x -->\nold\n<!-- as far as here -->\nb\n<!-- y -->\nkept\n<!-- as far as here -->\nc\n';
    expect(written(text, 'x', 'new')).toBe(text.replace('old', '\nnew\n'));
    expect(written(text, 'y', 'new')).toBe(text.replace('kept', '\nnew\n'));
    expect(() => written(text, 'z', 'new')).toThrow('Cannot find <!-- z -->');
  });
});

test('names that would stand on each other are moved apart, in the order of their lines', () => {
  const heights = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(heights, (wanted) => {
      const moved = apart(wanted);
      for (const [i, a] of moved.entries()) {
        for (const [j, b] of moved.entries()) {
          if (i === j) continue;
          expect(Math.abs(a - b)).toBeGreaterThan(14.9);
          if ((wanted[i] as number) < (wanted[j] as number)) expect(a).toBeLessThan(b);
        }
      }
    }),
  );
});
