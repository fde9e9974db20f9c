// The timelines: what is read from a recording, how it is drawn, and that the READMEs say of the pictures what happens.

import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { findStep, root } from '../scripts/steps.ts';
import { bars } from '../scripts/timeline/drawing/bars.ts';
import { describe as inWords } from '../scripts/timeline/drawing/describe.ts';
import { draw } from '../scripts/timeline/drawing/draw.ts';
import { type TraceEvent, toTraceEvents } from '../scripts/timeline/drawing/perfetto.ts';
import { toTimeline } from '../scripts/timeline/drawing/read.ts';
import type { Recording } from '../scripts/timeline/drawing/recording.ts';
import { type Kind, type Timeline, toJson } from '../scripts/timeline/drawing/timeline.ts';
import { type Manner, record } from '../scripts/timeline/record.ts';
import type { SystemCall } from '../src/sockets/system-call.ts';
import { runScript } from './harness.ts';

// Recordings by hand, with times in milliseconds.

/** Without `took`, it has not returned. */
function call(
  name: string,
  fd: number,
  result: number,
  begin: number,
  took?: number,
  thread = 0,
): SystemCall {
  const returned = took === undefined ? {} : { result, took: took * 1000 };
  return { call: name, fd, pid: 1, thread, begin: begin * 1000, ...returned };
}

/** Each message has five bytes. */
function client(name: string, connected: number, left: number, ...said: [at: number, answered?: number][]) {
  const messages = said.map(([at, answered], i) => {
    const heard = answered === undefined ? {} : { answered: answered * 1000 };
    return { said: at * 1000, offset: 5 * i, ...heard };
  });
  const role = name === 'B' ? 'talks' : 'says nothing';
  return { name, role, connected: connected * 1000, left: left * 1000, messages };
}

const recording = (parts: Partial<Recording>): Recording => ({
  ...{ step: 'single3', platform: 'linux', begin: 0, duration: 1800, clients: [], calls: [] },
  ...{ waits: [], callbacks: [], ...parts },
});

/** In short: `recv 12–32`. */
const spans = ({ servers }: Timeline, lane: number): string[] =>
  servers[lane]?.spans.map(({ kind, begin, end }) => `${kind} ${begin}–${end}`) ?? [];

/** In short: `B 20–53 main thread`. */
const arrows = ({ clients, servers, arrows }: Timeline): string[] =>
  arrows.map(({ from, to, arrived, woke }) => {
    return `${clients[from]?.name[0]} ${arrived}–${woke} ${servers[to]?.name}`;
  });

/** A is served first, B after it, and in the end the server waits for another. */
const oneAfterTheOther = recording({
  clients: [client('A', 10, 50, [30, 40]), client('B', 20, 190, [25, 60], [170, 180])],
  calls: [
    call('accept', 3, 4, -5, 15),
    call('recv', 4, 5, 12, 20),
    call('send', 4, 5, 33, 0.1),
    call('recv', 4, 0, 34, 17),
    call('close', 4, 0, 52, 0),
    call('accept', 3, 4, 153, 0),
    call('recv', 4, 5, 154, 0),
    call('recv', 4, 5, 161, 10),
    call('close', 4, 0, 190, 0),
    call('accept', 3, -1, 190),
  ],
});

/** The thread parks, and resumes the coroutines. B does not read, and C gets the descriptor that was A's. */
const withCoroutines = recording({
  step: 'generator6',
  clients: [client('A', 10, 60, [20, 31]), client('B', 25, 1700, [40]), client('C', 90, 1800)],
  calls: [
    call('fcntl', 3, 2, -9, 0),
    call('fcntl', 3, 0, -9, 0),
    call('epoll_wait', 5, 1, -5, 15),
    call('accept', 3, 4, 11, 0),
    call('fcntl', 4, 2, 11, 0),
    call('fcntl', 4, 0, 11, 0),
    call('epoll_wait', 5, 2, 12, 18),
    call('accept', 3, 6, 30, 0),
    call('recv', 4, 5, 31, 5), // It takes long, but the socket is non-blocking.
    call('epoll_wait', 5, 1, 36, 4),
    call('recv', 6, 5, 42, 0),
    call('epoll_wait', 5, 1, 43, 17),
    call('recv', 4, 0, 60, 0),
    call('close', 4, 0, 61, 0),
    call('epoll_wait', 5, 1, 62, 38),
    call('accept', 3, 4, 100, 0),
    call('epoll_wait', 5, 1, 102),
  ],
  waits: [
    { wait: 'read', fd: 3, begin: -5_000, took: 15_000 },
    { wait: 'read', fd: 4, begin: 11_000, took: 19_500 },
    { wait: 'read', fd: 3, begin: 12_000, took: 18_000 },
    { wait: 'read', fd: 3, begin: 31_000, took: 69_000 },
    { wait: 'read', fd: 6, begin: 30_500, took: 10_500 },
    { wait: 'read', fd: 4, begin: 36_000, took: 24_000 },
    { wait: 'write', fd: 6, begin: 43_000 },
    { wait: 'read', fd: 4, begin: 101_000 },
  ],
});

describe('a recording', () => {
  test('shows where a thread was blocked, and for how long bytes lay there, also while a call has not returned', () => {
    const timeline = toTimeline(oneAfterTheOther);
    expect(timeline.servers.map(({ name }) => name)).toEqual(['the one thread']);
    expect(spans(timeline, 0)).toEqual([
      ...['accept 0–10', 'running 10–12', 'recv 12–32', 'running 32–34', 'recv 34–51', 'running 51–161'],
      ...['recv 161–171', 'running 171–190', 'accept 190–1800'],
    ]);
    expect(arrows(timeline)).toEqual([
      'A 10–10 the one thread',
      'A 30–32 the one thread',
      'B 20–153 the one thread',
      'B 25–154 the one thread',
      'B 170–171 the one thread',
    ]);
    expect(timeline.clients[1]).toEqual({
      ...{ name: 'B, talks', connected: 20, left: 190, answered: [60, 180] },
      spans: [
        { kind: 'unanswered', begin: 25, end: 60 },
        { kind: 'unanswered', begin: 170, end: 180 },
      ],
    });
  });

  test('has a lane for each thread that serves a client or waits, but not for those of the guests', () => {
    const timeline = toTimeline(
      recording({
        clients: [client('A', 10, 90, [20, 25]), client('B', 30, 80)],
        calls: [
          call('accept', 3, 4, -50, 10),
          call('recv', 4, 0, -40, 20, 7), // a guest, before the scenario
          call('close', 4, 0, -10, 0, 7),
          call('accept', 3, 4, -10, 20),
          call('accept', 3, 6, 11, 19),
          call('recv', 6, 0, 31, 49, 1),
          call('recv', 4, 5, 12, 8, 2),
          call('recv', 4, 0, 26, 64, 2),
          call('Atomics.wait', -1, 0, 15, undefined, 3),
          call('accept', 3, 4, 31, 1780),
          call('recv', 4, 0, 1811, 20, 8), // a guest, after it
        ].sort((a, b) => a.begin - b.begin),
      }),
    );
    const names = ['main thread', 'thread 1, serves A', 'thread 2, serves B', 'thread 3'];
    expect(timeline.servers.map(({ name }) => name)).toEqual(names);
    expect(spans(timeline, 1)).toEqual(['recv 12–20', 'running 20–26', 'recv 26–90']);
    expect(spans(timeline, 3)).toEqual(['lock 15–1800']);
    expect(arrows(timeline)).toEqual([
      'A 10–10 main thread',
      'A 20–20 thread 1, serves A',
      'B 30–30 main thread',
    ]);
  });

  test('has a lane for each coroutine, from when it first waits', () => {
    const timeline = toTimeline(withCoroutines);
    const names = [
      'the one thread',
      'coroutine that accepts',
      'coroutine of A',
      'coroutine of B',
      'coroutine of C',
    ];
    expect(timeline.servers.map(({ name }) => name)).toEqual(names);
    expect(spans(timeline, 0)).toEqual([
      ...['poll 0–10', 'running 10–12', 'poll 12–30', 'running 30–36', 'poll 36–40', 'running 40–43'],
      ...['poll 43–60', 'running 60–62', 'poll 62–100', 'running 100–102', 'poll 102–1800'],
    ]);
    expect(spans(timeline, 2)).toEqual(['read 11–30.5', 'running 30.5–36', 'read 36–60']);
    expect(spans(timeline, 3)).toEqual(['read 30.5–41', 'running 41–43', 'write 43–1800']);
    expect(spans(timeline, 4)).toEqual(['read 101–1800']);
    expect(arrows(timeline)).toEqual([
      'A 10–10 coroutine that accepts',
      'A 20–30.5 coroutine of A',
      'B 25–30 coroutine that accepts',
      'B 40–41 coroutine of B',
      'C 90–100 coroutine that accepts',
    ]);
  });

  test("has a lane for Node's own loop, which shows when it calls JavaScript", () => {
    const called = (connection: number, received: number, begin: number, took: number) => ({
      ...{ callback: 'called' as const, connection, received, begin: begin * 1000, took: took * 1000 },
    });
    const timeline = toTimeline(
      recording({
        clients: [client('A', 10, 50, [20, 35])],
        callbacks: [
          { callback: 'accepted', connection: 7, received: 0, begin: -5000, took: 0 }, // a guest's
          { callback: 'accepted', connection: 9, received: 0, begin: 11_000, took: 0 },
          called(9, 0, 11, 4),
          called(7, 5, 22, 1),
          called(9, 5, 30, 3),
        ],
      }),
    );
    expect(spans(timeline, 0)).toEqual([
      ...['node 0–11', 'running 11–15', 'node 15–22', 'running 22–23', 'node 23–30', 'running 30–33'],
      'node 33–1800',
    ]);
    expect(arrows(timeline)).toEqual(["A 10–11 Node's loop", "A 20–30 Node's loop"]);
  });
});

describe('a picture', () => {
  const x = (time: number) => 100 + time;
  /** The boxes of each kind, as [column, top, width, height]. */
  const boxes = (drawn: string) =>
    Array.from(drawn.matchAll(/#(\w+)\)" d="([^"]*)"/g), ([, kind, path = '']) => [
      kind,
      ...Array.from(path.matchAll(/M(\d+) (\d+)h(\d+)v(\d+)/g), ([, ...numbers]) => numbers.join(' ')),
    ]);

  test('shows in each column what prevails there, and a tick for work too short to be seen', () => {
    const span = (kind: Kind, begin: number, end: number) => ({ kind, begin, end });
    expect(boxes(bars([span('recv', 0, 3), span('running', 3, 5), span('recv', 5, 8)], x, 10, 16))).toEqual([
      ['recv', '100 10 3 16', '105 10 3 16'],
      ['running', '103 10 2 16'],
    ]);
    expect(
      boxes(bars([span('poll', 0, 2.6), span('running', 2.6, 2.7), span('poll', 2.7, 5)], x, 10, 16)),
    ).toEqual([
      ['poll', '100 10 5 16'],
      ['running', '102 18 1 8'],
    ]);
  });

  test('says in words what can be seen, and writes the longest gap at its arrow', () => {
    const timeline = toTimeline(oneAfterTheOther);
    expect(inWords(timeline)).toBe(
      'A, says nothing: the one thread wakes at once. B, talks: the one thread wakes after up to 0.1 s. ' +
        'the one thread: runs for 0.1 s, blocked in accept() for 1.6 s.',
    );
    expect(draw(timeline).match(/\d+ ms(?=<)/g)).toEqual(['133 ms']);
    const [a] = timeline.clients;
    const deaf = { ...timeline, clients: [a as Timeline['clients'][0]], arrows: timeline.arrows.slice(0, 1) };
    expect(inWords(deaf)).toMatch(/^A, says nothing: not all of it is received\. /);
  });

  test('has an arrow for each, a pattern for each kind, and no number that is none', () => {
    const timeline = toTimeline(withCoroutines);
    const picture = draw(timeline);
    const heads = picture.match(/<path class="s-ink" d="M[\d.]+ [\d.]+L[\d.]+ [\d.]+L[\d.]+ [\d.]+"/g);
    expect(heads).toHaveLength(timeline.arrows.length + 1); // There is one in the legend.
    for (const [, used] of picture.matchAll(/url\(#(\w+)\)/g))
      expect(picture).toContain(`<pattern id="${used}"`);
    expect(picture).not.toMatch(/NaN|Infinity|undefined|e[+-]\d/);
  });

  // vitest run test/timeline.test.ts -u draws the pictures anew.
  const results = join(root, 'results');
  for (const file of readdirSync(results).filter((file) => /^timeline-\w+\.svg$/.test(file))) {
    test(`results/${file} is what is drawn of the timeline that is kept beside it`, async () => {
      const kept = readFileSync(join(results, file.replace('.svg', '.json')), 'utf8');
      const timeline: Timeline = JSON.parse(kept);
      expect(toJson(timeline)).toBe(kept);
      expect(file).toBe(`timeline-${timeline.step}.svg`);
      await expect(draw(timeline)).toMatchFileSnapshot(join(results, file));
    });
  }

  test('is drawn by code that runs in a browser', async () => {
    const source = ['read', 'draw'].map((name) => `export * from './scripts/timeline/drawing/${name}.ts';`);
    const { outputFiles, metafile } = await build({
      stdin: { contents: source.join('\n'), resolveDir: root },
      ...{ bundle: true, platform: 'browser', format: 'iife', globalName: 'timeline' },
      ...{ write: false, metafile: true },
    });
    for (const path of Object.keys(metafile.inputs)) {
      expect(path).toMatch(/^(<stdin>|scripts\/svg\.ts|scripts\/timeline\/drawing\/\w+\.ts)$/);
    }
    const browser = createContext({ recording: withCoroutines }); // It has the language, and nothing of Node's.
    const drawn = runInContext(
      `${outputFiles[0]?.text};timeline.draw(timeline.toTimeline(recording))`,
      browser,
    );
    expect(drawn).toBe(draw(toTimeline(withCoroutines)));
  });
});

// Live: what the README says of the pictures, as orders of events, which hold on a slow machine, too.
describe.concurrent('in the scenario', () => {
  /** Each client waits until it is answered, however long that takes. */
  const live = async (step: string, manner?: Manner) => {
    const timeline = toTimeline(await record(findStep(step), { patience: 50_000, ...manner }));
    const { clients, servers, arrows } = timeline;
    expect(clients.map(({ spans }) => spans.length)).toEqual([0, 6, 1, 1]);
    expect(clients.map(({ answered }) => answered.length)).toEqual([0, 6, 1, 1]);
    const names = servers.map(({ name }) => name);
    const kindsOf = (lane: number) => new Set(servers[lane]?.spans.map(({ kind }) => kind));
    /** For each client, the lanes that its arrows end in: one for the connection, and one for each message. */
    const woke = clients.map((_, i) => arrows.flatMap(({ from, to }) => (from === i ? [names[to]] : [])));
    return { ...timeline, names, kindsOf, woke };
  };
  const letters = ['A', 'B', 'C', 'D'];
  const own = (accepts: string, lanes: string[]) =>
    [0, 6, 1, 1].map((messages, i) => [accepts, ...Array(messages).fill(lanes[i])]);

  test('single3 wakes for B, C and D after A has left', async () => {
    const { clients, arrows, names, kindsOf, woke } = await live('single3');
    expect(names).toEqual(['the one thread']);
    expect(kindsOf(0)).toContain('recv');
    expect(woke).toEqual(own('the one thread', Array(4).fill('the one thread')));
    for (const { from, woke } of arrows) if (from > 0) expect(woke).toBeGreaterThan(clients[0]?.left ?? 0);
  });

  test('thread4 has a thread for each client, and that of A is there until A leaves', async () => {
    const { clients, servers, names, kindsOf, woke } = await live('thread4');
    const threads = letters.map((client, i) => `thread ${i + 1}, serves ${client}`);
    expect(names).toEqual(['main thread', ...threads]);
    expect(woke).toEqual(own('main thread', threads));
    expect(servers[1]?.spans.at(-1)?.end).toBeGreaterThan(clients[0]?.left ?? 0);
    for (const kind of ['recv', 'send'] as const) expect(kindsOf(0)).not.toContain(kind);
    for (const kind of ['accept', 'lock'] as const) {
      for (const lane of [1, 2, 3, 4]) expect(kindsOf(lane)).not.toContain(kind);
    }
  });

  test('select6 has one thread, which waits in epoll_wait(), or poll(), and in no other call', async () => {
    const { names, kindsOf } = await live('select6');
    expect(names).toEqual(['the one thread']);
    expect(kindsOf(0)).toContain('poll');
    for (const kind of ['accept', 'recv', 'send'] as const) expect(kindsOf(0)).not.toContain(kind);
  });

  test('generator6 has a coroutine for each client, and that of C is suspended until it can write', async () => {
    const { names, kindsOf, woke } = await live('generator6', { hold: '"wait":"write"' });
    const coroutines = letters.map((client) => `coroutine of ${client}`);
    expect(names).toEqual(['the one thread', 'coroutine that accepts', ...coroutines]);
    expect(woke).toEqual(own('coroutine that accepts', coroutines));
    expect(kindsOf(0)).toContain('poll');
    expect(kindsOf(4)).toContain('write');
  });

  test("callback6 has Node's loop, and nothing else", async () => {
    const { names, woke } = await live('callback6');
    expect(names).toEqual(["Node's loop"]);
    expect(woke).toEqual(own("Node's loop", Array(4).fill("Node's loop")));
  });
});

test('the file for Perfetto has slices that do not overlap, and arrows that begin and end in one', () => {
  for (const recording of [oneAfterTheOther, withCoroutines]) {
    const timeline = toTimeline(recording);
    const events = toTraceEvents(recording, timeline);
    expect(Math.min(...events.map(({ ts = 0 }) => ts))).toBe(0); // The viewer drops what is before.
    const slices = events.filter(({ ph }) => ph === 'X');
    expect(slices.filter(({ pid }) => pid === 3)).toHaveLength(recording.calls.length);
    const until = new Map<string, number>();
    for (const { pid, tid, ts = 0, dur = 0 } of slices.toSorted((a, b) => (a.ts ?? 0) - (b.ts ?? 0))) {
      const track = `${pid} ${tid}`;
      expect(ts).toBeGreaterThanOrEqual((until.get(track) ?? 0) - 0.01);
      until.set(track, ts + dur);
    }
    const within = ({ pid, tid, ts = 0 }: TraceEvent) =>
      slices.some((slice) => {
        const { ts: begin = 0, dur = 0 } = slice;
        return slice.pid === pid && slice.tid === tid && begin <= ts && ts <= begin + dur + 0.01;
      });
    const [begins, ends] = ['s', 'f'].map((phase) => events.filter(({ ph }) => ph === phase));
    expect(begins?.map(({ id }) => id)).toEqual(ends?.map(({ id }) => id));
    expect(begins).toHaveLength(timeline.arrows.length);
    for (const end of [...(begins ?? []), ...(ends ?? [])])
      expect(within(end), JSON.stringify(end)).toBe(true);
  }
});

describe.concurrent('npm run timeline', () => {
  test('draws into a temporary folder, and says where, and what there is to be seen', async () => {
    const { exit, stdout, stderr } = await runScript('scripts/timeline.ts', 'single6', '--perfetto');
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    const path = /^(.+)\.svg$/m.exec(stdout)?.[1] ?? '';
    try {
      expect(path.startsWith(tmpdir())).toBe(true);
      expect(stdout).toMatch(/\nA, says nothing: the one thread wakes /);
      const timeline = JSON.parse(readFileSync(`${path}.json`, 'utf8'));
      expect(draw(timeline)).toBe(readFileSync(`${path}.svg`, 'utf8'));
      const { traceEvents } = JSON.parse(readFileSync(`${path}.perfetto.json`, 'utf8'));
      expect(traceEvents.length).toBeGreaterThan(100);
    } finally {
      rmSync(dirname(path), { recursive: true });
    }
  });

  test('says in one line what it can not draw', async () => {
    for (const [args, message] of [
      [['single99'], /\n\nUnknown step "single99": .+\n$/], // below the list of steps
      [['single1'], /^Cannot draw single1: .+\n$/],
      [['--fast'], /^Unknown option '--fast': --help lists the options\n$/],
      [['single3', '--to', '/no such folder'], /^Cannot write .+\n$/],
    ] as [string[], RegExp][]) {
      const { exit, stderr } = await runScript('scripts/timeline.ts', ...args);
      expect(exit).toBe(1);
      expect(stderr).toMatch(message);
    }
  });
});
