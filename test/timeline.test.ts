// The timelines: how a recording is read, and drawn; and that the scenario goes as the READMEs say.

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
import type { Recording, Wait } from '../scripts/timeline/drawing/recording.ts';
import { type Kind, type Span, type Timeline, toJson } from '../scripts/timeline/drawing/timeline.ts';
import { record } from '../scripts/timeline/record.ts';
import type { SystemCall } from '../src/sockets/trace-event.ts';
import { onLinux, runScript } from './harness.ts';

// Recordings by hand, with times in milliseconds.

const NOTED = /([\w.]+)\((-?\d+)\)(?: = (-?\d+))? at (-?[\d.]+)(?: for ([\d.]+))?(?: by (\d))?/g;

/** Reads `recv(4) = 5 at 12 for 20 by 1`: by thread 1. Without `for`, it has not returned. */
function noted(text: string) {
  return Array.from(text.matchAll(NOTED), ([, name = '', ...numbers]) => {
    const [fd = 0, result, begin = 0, took, thread = 0] = numbers.map((n) => (n ? Number(n) : undefined));
    const returned = took === undefined ? {} : { result: result ?? 0, took: took * 1000 };
    return { name, fd, begin: begin * 1000, thread, ...returned };
  });
}

const calls = (text: string): SystemCall[] =>
  noted(text).map(({ name, ...call }) => ({ call: name, pid: 1, ...call }));

/** Each message has five bytes. */
function client(name: string, connected: number, left: number, ...said: [at: number, answered?: number][]) {
  const messages = said.map(([at, answered], i) => {
    const heard = answered === undefined ? {} : { answered: answered * 1000 };
    return { said: at * 1000, offset: 5 * i, ...heard };
  });
  const role = name === 'B' ? 'sends 6 lines' : 'sends nothing';
  return { name, role, connected: connected * 1000, left: left * 1000, messages };
}

const recording = (parts: Partial<Recording>): Recording => ({
  ...{ step: 'single3', platform: 'linux', begin: 0, duration: 1800, clients: [], calls: [] },
  ...{ waits: [], callbacks: [], ...parts },
});

/** In short: `recv 12–32`. */
const spans = ({ servers }: Timeline, lane: number): string[] =>
  servers[lane]?.spans.map(({ kind, begin, end }) => `${kind} ${begin}–${end}`) ?? [];

/** In short: `B 20–53 → 0`, to the first lane of the server. */
const arrows = ({ clients, arrows }: Timeline): string[] =>
  arrows.map(({ from, to, arrived, woke }) => `${clients[from]?.name[0]} ${arrived}–${woke} → ${to}`);

const names = ({ servers }: Timeline): string[] => servers.map(({ name }) => name);

/** A is served first, B after it, and in the end the server waits for another. */
const oneAfterTheOther = recording({
  clients: [client('A', 10, 50, [30, 40]), client('B', 20, 190, [25, 60], [170, 180])],
  calls: calls(`
    accept(3) = 4 at -5 for 15   recv(4) = 5 at 12 for 20   send(4) = 5 at 33 for 0.1
    recv(4) = 0 at 34 for 17     close(4) = 0 at 52 for 0
    accept(3) = 4 at 153 for 0   recv(4) = 5 at 154 for 0
    recv(4) = 5 at 161 for 10    close(4) = 0 at 190 for 0
    accept(3) at 190`),
});

/** The thread parks, and resumes the coroutines. B does not read, and C gets the descriptor that was A's. */
const withCoroutines = recording({
  step: 'generator6',
  clients: [client('A', 10, 60, [20, 31]), client('B', 25, 1700, [40]), client('C', 90, 1800)],
  // The recv() at 31 takes long, but its socket is non-blocking.
  calls: calls(`
    fcntl(3) = 2 at -9 for 0         fcntl(3) = 0 at -9 for 0
    epoll_wait(5) = 1 at -5 for 15   accept(3) = 4 at 11 for 0   fcntl(4) = 2 at 11 for 0   fcntl(4) = 0 at 11 for 0
    epoll_wait(5) = 2 at 12 for 18   accept(3) = 6 at 30 for 0   recv(4) = 5 at 31 for 5
    epoll_wait(5) = 1 at 36 for 4    recv(6) = 5 at 42 for 0
    epoll_wait(5) = 1 at 43 for 17   recv(4) = 0 at 60 for 0     close(4) = 0 at 61 for 0
    epoll_wait(5) = 1 at 62 for 38   accept(3) = 4 at 100 for 0
    epoll_wait(5) at 102`),
  waits: noted(`
    read(3) at -5 for 15   read(4) at 11 for 19.5   read(3) at 12 for 18   read(3) at 31 for 69
    read(6) at 30.5 for 10.5   read(4) at 36 for 24   write(6) at 43   read(4) at 101
  `).map(({ name, ...wait }) => ({ wait: name as Wait['wait'], ...wait })),
});

describe('a recording', () => {
  test('shows where a thread was blocked, and how long bytes waited, even if a call has not returned', () => {
    const timeline = toTimeline(oneAfterTheOther);
    expect(names(timeline)).toEqual(['the one thread']);
    expect(spans(timeline, 0)).toEqual([
      ...['accept 0–10', 'running 10–12', 'recv 12–32', 'running 32–34', 'recv 34–51', 'running 51–161'],
      ...['recv 161–171', 'running 171–190', 'accept 190–1800'],
    ]);
    expect(arrows(timeline)).toEqual([
      'A 10–10 → 0',
      'A 30–32 → 0',
      'B 20–153 → 0',
      'B 25–154 → 0',
      'B 170–171 → 0',
    ]);
    expect(timeline.clients[1]).toEqual({
      ...{ name: 'B, sends 6 lines', connected: 20, left: 190, answered: [60, 180] },
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
        // There is a guest before the scenario, in thread 7, and one after it, in thread 8.
        calls: calls(`
          accept(3) = 4 at -50 for 10   recv(4) = 0 at -40 for 20 by 7   close(4) = 0 at -10 for 0 by 7
          accept(3) = 4 at -10 for 20   accept(3) = 6 at 11 for 19       recv(6) = 0 at 31 for 49 by 1
          recv(4) = 5 at 12 for 8 by 2  recv(4) = 0 at 26 for 64 by 2    Atomics.wait(-1) at 15 by 3
          accept(3) = 4 at 31 for 1780  recv(4) = 0 at 1811 for 20 by 8
        `).sort((a, b) => a.begin - b.begin),
      }),
    );
    expect(names(timeline)).toEqual(['main thread', 'thread 1, serves A', 'thread 2, serves B', 'thread 3']);
    expect(spans(timeline, 1)).toEqual(['recv 12–20', 'running 20–26', 'recv 26–90']);
    expect(spans(timeline, 3)).toEqual(['lock 15–1800']);
    expect(arrows(timeline)).toEqual(['A 10–10 → 0', 'A 20–20 → 1', 'B 30–30 → 0']);
  });

  test('has a lane for each coroutine, from its first wait on', () => {
    const timeline = toTimeline(withCoroutines);
    const coroutines = ['that accepts', 'of A', 'of B', 'of C'].map((what) => `coroutine ${what}`);
    expect(names(timeline)).toEqual(['the one thread', ...coroutines]);
    expect(spans(timeline, 0)).toEqual([
      ...['poll 0–10', 'running 10–12', 'poll 12–30', 'running 30–36', 'poll 36–40', 'running 40–43'],
      ...['poll 43–60', 'running 60–62', 'poll 62–100', 'running 100–102', 'poll 102–1800'],
    ]);
    expect(spans(timeline, 2)).toEqual(['read 11–30.5', 'running 30.5–36', 'read 36–60']);
    expect(spans(timeline, 3)).toEqual(['read 30.5–41', 'running 41–43', 'write 43–1800']);
    expect(spans(timeline, 4)).toEqual(['read 101–1800']);
    const woke = ['A 10–10 → 1', 'A 20–30.5 → 2', 'B 25–30 → 1', 'B 40–41 → 3', 'C 90–100 → 1'];
    expect(arrows(timeline)).toEqual(woke);
  });

  test("has a lane for Node's own loop, which shows when it calls JavaScript", () => {
    const callback = (connection: number, begin: number, took: number, received?: number) => ({
      callback: received === undefined ? ('accepted' as const) : ('called' as const),
      ...{ connection, received: received ?? 0, begin: begin * 1000, took: took * 1000 },
    });
    const guests = [callback(7, -5, 0), callback(7, 22, 1, 5)];
    const own = [callback(9, 11, 0), callback(9, 11, 4, 0), callback(9, 30, 3, 5)];
    const callbacks = [...guests, ...own].sort((a, b) => a.begin - b.begin);
    const timeline = toTimeline(recording({ clients: [client('A', 10, 50, [20, 35])], callbacks }));
    expect(spans(timeline, 0)).toEqual([
      ...['node 0–11', 'running 11–15', 'node 15–22', 'running 22–23', 'node 23–30', 'running 30–33'],
      'node 33–1800',
    ]);
    expect(names(timeline)).toEqual(["Node's loop"]);
    expect(arrows(timeline)).toEqual(['A 10–11 → 0', 'A 20–30 → 0']);
  });
});

describe('a picture', () => {
  /** The boxes of each kind that are drawn for these spans, as [column, top, width, height]. */
  const boxes = (...spans: [kind: Kind, begin: number, end: number][]) => {
    const lane = spans.map(([kind, begin, end]) => ({ kind, begin, end }));
    const drawn = bars(lane, (time) => 100 + time, 10, 16);
    return Array.from(drawn.matchAll(/#(\w+)\)" d="([^"]*)"/g), ([, kind, path = '']) => [
      kind,
      ...Array.from(path.matchAll(/M(\d+) (\d+)h(\d+)v(\d+)/g), ([, ...numbers]) => numbers.join(' ')),
    ]);
  };

  test('shows in each column the kind with the largest share, and a tick for short work', () => {
    expect(boxes(['recv', 0, 3], ['running', 3, 5], ['recv', 5, 8])).toEqual([
      ['recv', '100 10 3 16', '105 10 3 16'],
      ['running', '103 10 2 16'],
    ]);
    expect(boxes(['poll', 0, 2.6], ['running', 2.6, 2.7], ['poll', 2.7, 5])).toEqual([
      ['poll', '100 10 5 16'],
      ['running', '102 18 1 8'],
    ]);
  });

  test('describes itself in words, and shows the longest wait of each client in its row', () => {
    const timeline = toTimeline(oneAfterTheOther);
    expect(inWords(timeline)).toBe(
      'A, sends nothing: the one thread wakes for it at once. B, sends 6 lines: the one thread wakes for it after up to 0.1 s. ' +
        'the one thread: runs for 0.1 s, blocked in accept() for 1.6 s.',
    );
    expect(draw(timeline).match(/\b[AB] waits [^<]+/g)).toEqual(['B waits 133 ms']);
    const [a] = timeline.clients;
    const deaf = { ...timeline, clients: [a as Timeline['clients'][0]], arrows: timeline.arrows.slice(0, 1) };
    expect(inWords(deaf)).toMatch(/^A, sends nothing: the server does not receive all of its bytes\. /);
    expect(draw(deaf).match(/\b[AB] waits [^<]+/g)).toEqual(['A waits to the end']);
  });

  test('has a head for each arrow, a pattern for each kind, and no coordinate that is no number', () => {
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
    test(`results/${file} is drawn from the timeline in the file beside it`, async () => {
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
    const script = `${outputFiles[0]?.text};timeline.draw(timeline.toTimeline(recording))`;
    expect(runInContext(script, browser)).toBe(draw(toTimeline(withCoroutines)));
  });
});

// Live: what the README says of the pictures, as orders of events, which hold on a slow machine, too.
describe.concurrent('in the scenario', () => {
  type Scenario = {
    /** The lanes of the server: the one that accepts, the ones that serve the clients, and others. */
    accepts: string;
    serves: (client: string, i: number) => string;
    others?: string[];
    /** Lanes that may be there or not: each thread of a pool that has had work. */
    maybe?: RegExp;
    /** Whether A asks for a number. */
    asks?: boolean;
    /** What goes on in which lane, and what does not. */
    does?: string[];
    never?: string[];
    hold?: string;
    also?: (timeline: Timeline) => void;
  };
  const ONE = 'the one thread';
  const MAIN = 'main thread';
  const LOOP = "Node's loop";
  const leaves = ({ clients }: Timeline) => clients[0]?.left ?? 0;
  const scenarios: Record<string, Scenario> = {
    'single3 wakes for B, C and D after A has left': {
      ...{ accepts: ONE, serves: () => ONE, does: [`${ONE}: recv`] },
      also(timeline) {
        for (const { from, woke } of timeline.arrows)
          if (from > 0) expect(woke).toBeGreaterThan(leaves(timeline));
      },
    },
    'thread4 has a thread for each client, and the thread of A stays until A leaves': {
      accepts: MAIN,
      serves: (client, i) => `thread ${i + 1}, serves ${client}`,
      never: [`${MAIN}: recv`, `${MAIN}: send`, 'thread \\d.*: accept', 'thread \\d.*: lock'],
      also: (timeline) => expect(timeline.servers[1]?.spans.at(-1)?.end).toBeGreaterThan(leaves(timeline)),
    },
    "await6 has a coroutine for each client, the coroutine of C is suspended until it can write, and the thread waits in Node's loop":
      {
        accepts: 'coroutine that accepts',
        serves: (client) => `coroutine of ${client}`,
        others: [ONE],
        does: [`${ONE}: ${onLinux ? 'node' : 'poll'}`, 'coroutine of C: write'],
        never: [`${ONE}: accept`, `${ONE}: recv`, `${ONE}: send`, ...(onLinux ? [`${ONE}: poll`] : [])],
        hold: '"wait":"write"',
      },
    'work7 computes for A in a thread, and answers B meanwhile': {
      accepts: 'coroutine that accepts',
      serves: (client) => `coroutine of ${client}`,
      ...{ others: [MAIN], maybe: /^thread \d$/, asks: true },
      also({ clients: [a, b], servers }) {
        const { begin: asked = 0, end: told = 0 } = a?.spans[0] ?? {};
        const isWithin = ({ begin, end }: Span) => begin > asked && end < told;
        expect(b?.spans.some(isWithin)).toBe(true);
        const computes = ({ kind, begin, end }: Span) => kind === 'running' && end - begin > 50; // It takes longer.
        const threads = servers.filter(({ name }) => name.startsWith('thread '));
        expect(threads.filter(({ spans }) => spans.some(computes)).length).toBe(1);
      },
    },
    "callback6 has one lane, Node's loop": { accepts: LOOP, serves: () => LOOP },
  };

  for (const [title, scenario] of Object.entries(scenarios)) {
    test(title, async () => {
      const { accepts, serves, others = [], maybe, asks, does = [], never = [], hold = '', also } = scenario;
      const [step = ''] = title.split(' ');
      // Each client waits until it is answered, however long that takes.
      const timeline = toTimeline(await record(findStep(step), { patience: 50_000, hold }));
      const { clients, servers, arrows } = timeline;
      const messages = [asks ? 1 : 0, 6, 1, 1];
      expect(clients.map(({ spans }) => spans.length)).toEqual(messages);
      expect(clients.map(({ answered }) => answered.length)).toEqual(messages);
      const lanes = ['A', 'B', 'C', 'D'].map(serves);
      expect(names(timeline).filter((name) => !maybe?.test(name))).toEqual([
        ...new Set([...others, accepts, ...lanes]),
      ]);
      // One arrow for the connection, and one for each message.
      const woke = clients.map((_, i) =>
        arrows.filter(({ from }) => from === i).map(({ to }) => servers[to]?.name),
      );
      expect(woke).toEqual(messages.map((count, i) => [accepts, ...Array(count).fill(lanes[i])]));
      const seen = servers.flatMap(({ name, spans }) => spans.map(({ kind }) => `${name}: ${kind}`));
      expect(seen).toEqual(expect.arrayContaining(does));
      for (const kind of never) expect(seen.join('\n')).not.toMatch(new RegExp(`^${kind}$`, 'm'));
      also?.(timeline);
    });
  }
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
  test('draws into a temporary folder, and prints its path, and a description', async () => {
    const { exit, stdout, stderr } = await runScript('scripts/timeline.ts', 'single6', '--perfetto');
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    const path = /^(.+)\.svg$/m.exec(stdout)?.[1] ?? '';
    try {
      expect(path.startsWith(tmpdir())).toBe(true);
      expect(stdout).toMatch(/\nA, sends nothing: the one thread wakes for it /);
      const timeline = JSON.parse(readFileSync(`${path}.json`, 'utf8'));
      expect(draw(timeline)).toBe(readFileSync(`${path}.svg`, 'utf8'));
      const { traceEvents } = JSON.parse(readFileSync(`${path}.perfetto.json`, 'utf8'));
      expect(traceEvents.length).toBeGreaterThan(100);
    } finally {
      rmSync(dirname(path), { recursive: true });
    }
  });

  test('refuses in one line a step that it can not draw', async () => {
    for (const [args, message] of [
      [['single99'], /\n\nUnknown step "single99": .+\n$/], // below the list of steps
      [['single1'], /^Cannot draw single1: .+\n$/],
      [['single3', '--to', '/no such folder'], /^Cannot write \/no such folder: ENOENT\n$/],
    ] as [string[], RegExp][]) {
      const { exit, stderr } = await runScript('scripts/timeline.ts', ...args);
      expect(exit).toBe(1);
      expect(stderr).toMatch(message);
    }
  });
});
