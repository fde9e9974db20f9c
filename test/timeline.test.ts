// The timelines: that the pictures show what happens, and that what happens is read rightly from the trace.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findSteps, type Step } from '../scripts/steps.ts';
import { gap, describe as inWords } from '../scripts/timeline/describe.ts';
import { draw } from '../scripts/timeline/draw.ts';
import { kinds } from '../scripts/timeline/lane.ts';
import { type TraceEvent, toTraceEvents } from '../scripts/timeline/perfetto.ts';
import { drawnSteps, pictureOf, folder as pictures } from '../scripts/timeline/pictures.ts';
import { type Recording, record } from '../scripts/timeline/record.ts';
import { type Timeline, toTimeline } from '../scripts/timeline/timeline.ts';
import { runScript } from './harness.ts';

/**
 * Each is led through the scenario once, for all the tests that want to see it. Two scenes play side by side, and wait most of
 * the time: more would make each other late.
 */
const recordings = new Map<string, Promise<Recording>>();
const stages: Promise<unknown>[] = [Promise.resolve(), Promise.resolve()];
function recorded(name: string): Promise<Recording> {
  const known = recordings.get(name);
  if (known) return known;
  const recording = (stages.shift() as Promise<unknown>).then(() => record(findSteps().get(name) as Step));
  stages.push(recording.catch(() => {})); // The test that wants to see it hears of a failure.
  recordings.set(name, recording);
  return recording;
}
beforeAll(() => {
  for (const name of drawnSteps()) void recorded(name).catch(() => {});
});

/** If a test is tried again, it is with a new recording: a run may be spoilt by what else the machine does. */
function afresh(retries: number | undefined, ...names: string[]): void {
  if (retries) for (const name of names) recordings.delete(name);
}

const timelineOf = async (name: string): Promise<Timeline> => toTimeline(await recorded(name));

/** What a description says of each lane, and how long: `{ 'B, talks: somebody wakes': 0.7 }`. */
function figures(description: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const sentence of description.split(/\.(?: |$)/)) {
    const [, lane = '', contents = ''] = /^(.*?): (.*)$/.exec(sentence) ?? [];
    if (contents) found.set(/^not heard/.test(contents) ? `${lane} ${contents}` : lane, 0);
    for (const [, what = '', seconds] of contents.matchAll(/(?:^|, )(.+?) (?:for|after) ([\d.]+) s/g)) {
      found.set(`${lane}: ${what}`, Number(seconds));
    }
  }
  return found;
}

/** A busy machine makes everything later, but by less than what there is to be seen: seconds. */
const TOLERANCE = 0.45;

/** What is not as it is in the picture. */
function differences(shown: Map<string, number>, seen: Map<string, number>): string[] {
  return [...new Set([...shown.keys(), ...seen.keys()])].flatMap((what) => {
    const [before, now] = [shown.get(what), seen.get(what)];
    if (/^main thread: (blocked in accept|asleep)/.test(what)) return []; // How long threads take to start, the machine decides.
    if (before === undefined || now === undefined) {
      // Something that takes no time to speak of is left out; but a lane is there, or is not.
      if (!what.includes(': ')) return [`${what}: ${before} in the picture, ${now} now`];
    }
    const difference = Math.abs((before ?? 0) - (now ?? 0));
    return difference < TOLERANCE ? [] : [`${what}: ${before} s in the picture, ${now} s now`];
  });
}

/** What of a picture is the same each time: its colours, all that is written in it but the gaps, and how many arrows there are. */
function outline(picture: string): string[] {
  const words = Array.from(picture.matchAll(/>([^<]+)<\/text>/g), ([, word = '']) => word);
  const heads = picture.match(/<path class="s-ink" [^>]*stroke-width="1.5"\/>/g) ?? [];
  const [style = ''] = /<style>.*<\/style>/s.exec(picture) ?? [];
  const chance: readonly string[] = Object.values(kinds); // On a busy machine, even what does not wait may take long.
  const fixed = words.filter((word) => !/^\d+ ms$/.test(word) && !chance.includes(word));
  return [...fixed, `${heads.length} arrows and lines`, style];
}

describe('a timeline', () => {
  for (const name of drawnSteps()) {
    // If the picture is wrong, all runs are.
    test(`of ${name} shows what happens`, { retry: 3 }, async ({ task }) => {
      afresh(task.result?.retryCount, name);
      const picture = readFileSync(join(pictures, pictureOf(name)), 'utf8');
      const shown = figures(/<desc[^>]*>(.*)<\/desc>/.exec(picture)?.[1] ?? '');
      expect(shown.size).toBeGreaterThan(4);
      const timeline = await timelineOf(name);
      expect(differences(shown, figures(inWords(timeline)))).toEqual([]);
      expect(outline(draw(timeline))).toEqual(outline(picture));
    });
  }

  test('shows that single3 hears nobody before A has left', async () => {
    const { clients, arrows } = await timelineOf('single3');
    const [a] = clients;
    const others = arrows.filter(({ from }) => from !== a);
    expect(others.length).toBeGreaterThanOrEqual(10); // six messages of B, one of C and D, and three connections
    for (const { woke } of others) expect(woke).toBeGreaterThan(a?.left ?? 0);
  });

  const shows = 'shows that poll3 sits in send() for C, and B waits; and select6 does not, and B does not';
  test(shows, { retry: 3 }, async ({ task }) => {
    afresh(task.result?.retryCount, 'poll3', 'select6');
    const late = async (name: string) => {
      const { servers, clients, arrows } = await timelineOf(name);
      const sends = servers[0]?.spans.filter(({ kind }) => kind === 'send') ?? [];
      const b = arrows.filter(({ from }) => from === clients[1]);
      return {
        sends: sends.reduce((sum, { begin, end }) => sum + end - begin, 0),
        b: Math.max(...b.map(gap)),
      };
    };
    const [poll3, select6] = await Promise.all([late('poll3'), late('select6')]);
    expect(poll3.sends).toBeGreaterThan(100);
    expect(select6.sends).toBe(0);
    expect(poll3.b).toBeGreaterThan(select6.b);
  });

  test('has a lane for each thread, and for each coroutine', async () => {
    const names = async (step: string) => (await timelineOf(step)).servers.map(({ name }) => name);
    expect(await names('thread4')).toEqual([
      'main thread',
      ...['A', 'B', 'C', 'D'].map((client, i) => `thread ${i + 1}, serves ${client}`),
    ]);
    expect(await names('generator6')).toEqual([
      'the one thread',
      'coroutine that accepts',
      ...['A', 'B', 'C', 'D'].map((client) => `coroutine of ${client}`),
    ]);
    expect(await names('callback6')).toEqual(["Node's loop"]);
  });

  test('has an arrow to who accepts a client, and then to who serves it', async () => {
    const ends = async (step: string) => {
      const { clients, arrows } = await timelineOf(step);
      return clients.map((client) => arrows.flatMap(({ from, to }) => (from === client ? [to.name] : [])));
    };
    const [clients, said] = [
      ['A', 'B', 'C', 'D'],
      [0, 6, 1, 1],
    ];
    expect(await ends('thread4')).toEqual(
      clients.map((client, i) => [
        'main thread',
        ...Array(said[i]).fill(`thread ${i + 1}, serves ${client}`),
      ]),
    );
    expect(await ends('generator6')).toEqual(
      clients.map((client, i) => [
        'coroutine that accepts',
        ...Array(said[i]).fill(`coroutine of ${client}`),
      ]),
    );
  });

  test('is a picture with a pattern for each kind, and no number that is none', async () => {
    const timeline = await timelineOf('generator6');
    const picture = draw(timeline);
    for (const [, used] of picture.matchAll(/url\(#(\w+)\)/g))
      expect(picture).toContain(`<pattern id="${used}"`);
    expect(picture).not.toMatch(/NaN|Infinity|undefined/);
    expect(picture.length).toBeLessThan(30_000);
  });

  test('does not take for waiting what is not, since the socket never waits', () => {
    const call = (call: string, fd: number, result: number, begin: number, took: number) => ({
      ...{ call, fd, result, begin: begin * 1000, took: took * 1000, pid: 1, thread: 0, error: '' },
    });
    const calls = [
      call('fcntl', 4, 2, 0, 0),
      call('fcntl', 4, 0, 0, 0),
      call('recv', 4, 5, 0, 20),
      call('close', 4, 0, 20, 0),
    ];
    const { servers } = toTimeline({
      step: 'select6',
      begin: 0,
      clients: [],
      calls,
      coroutines: [],
      callbacks: [],
    });
    expect(servers[0]?.spans[0]).toEqual({ kind: 'running', begin: 0, end: 20 });
  });

  test('reads from calls who worked, who waited, and who woke', () => {
    const call = (call: string, fd: number, result: number, begin: number, took: number) => ({
      ...{ call, fd, result, begin: begin * 1000, took: took * 1000 },
      ...{ pid: 1, thread: 0, error: '' },
    });
    const message = (said: number, offset: number, answered: number) => ({
      said: said * 1000,
      offset,
      answered: answered * 1000,
    });
    const client = (
      name: string,
      connected: number,
      left: number,
      ...messages: ReturnType<typeof message>[]
    ) => ({
      ...{ name, connected: connected * 1000, left: left * 1000, messages },
    });
    const { servers, arrows } = toTimeline({
      step: 'single3',
      begin: 0,
      clients: [
        client('A', 10, 50, message(30, 0, 40)),
        client('B', 20, 90, message(25, 0, 60), message(70, 5, 80)),
      ],
      calls: [
        call('accept', 3, 4, -5, 15),
        call('recv', 4, 5, 12, 20),
        call('send', 4, 5, 33, 0.1),
        call('recv', 4, 0, 34, 17),
        call('close', 4, 0, 52, 0),
        call('accept', 3, 4, 53, 0),
        call('recv', 4, 5, 54, 0),
        call('recv', 4, 5, 61, 10),
        call('close', 4, 0, 90, 0),
        call('accept', 3, -1, 90, 2000),
      ],
      coroutines: [],
      callbacks: [],
    });
    expect(servers).toHaveLength(1);
    expect(servers[0]?.name).toBe('the one thread');
    expect(servers[0]?.spans).toEqual([
      { kind: 'accept', begin: 0, end: 10 },
      { kind: 'running', begin: 10, end: 12 },
      { kind: 'recv', begin: 12, end: 32 },
      { kind: 'running', begin: 32, end: 34 },
      { kind: 'recv', begin: 34, end: 51 },
      { kind: 'running', begin: 51, end: 61 },
      { kind: 'recv', begin: 61, end: 71 },
      { kind: 'running', begin: 71, end: 90 },
      { kind: 'accept', begin: 90, end: 1800 },
    ]);
    expect(arrows.map(({ from, arrived, woke }) => [from.name[0], arrived, woke])).toEqual([
      ['A', 10, 10],
      ['A', 30, 32],
      ['B', 20, 53],
      ['B', 25, 54],
      ['B', 70, 71],
    ]);
  });
});

describe('--perfetto', () => {
  const within = (event: TraceEvent, slice: TraceEvent) =>
    slice.ph === 'X' &&
    slice.pid === event.pid &&
    slice.tid === event.tid &&
    (slice.ts as number) <= (event.ts as number) &&
    (event.ts as number) <= (slice.ts as number) + (slice.dur as number);

  for (const name of ['thread4', 'generator6', 'callback6']) {
    test(`has slices of ${name} that do not overlap, and arrows that begin and end in one`, async () => {
      const recording = await recorded(name);
      const events = toTraceEvents(recording, toTimeline(recording));
      const slices = events.filter(({ ph }) => ph === 'X');
      expect(slices.filter(({ pid }) => pid === 3)).toHaveLength(recording.calls.length);
      const until = new Map<string, number>();
      for (const { pid, tid, ts = 0, dur = 0 } of slices.toSorted((a, b) => (a.ts ?? 0) - (b.ts ?? 0))) {
        const track = `${pid} ${tid}`;
        expect(ts).toBeGreaterThanOrEqual((until.get(track) ?? Number.NEGATIVE_INFINITY) - 0.01);
        until.set(track, ts + dur);
      }
      const flows = events.filter(({ ph }) => ph === 's' || ph === 'f');
      expect(flows.length).toBeGreaterThanOrEqual(22);
      const ends = (phase: string) =>
        flows.filter(({ ph }) => ph === phase).map(({ name, cat, id }) => ({ name, cat, id }));
      expect(ends('f')).toEqual(ends('s'));
      expect(Math.min(...events.map(({ ts = 0 }) => ts))).toBe(0); // The viewer drops what is before.
      for (const flow of flows)
        expect(
          slices.some((slice) => within(flow, slice)),
          JSON.stringify(flow),
        ).toBe(true);
      expect(events.filter(({ ph }) => ph === 'b')).toHaveLength(
        events.filter(({ ph }) => ph === 'e').length,
      );
    });
  }
});

describe.concurrent('npm run timeline', () => {
  const folder = mkdtempSync(join(tmpdir(), 'timeline-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  test('writes a picture and a file for Perfetto, and says what there is to be seen', async () => {
    const { exit, stdout, stderr } = await runScript(
      'scripts/timeline.ts',
      'single6',
      '--perfetto',
      '--to',
      folder,
    );
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    expect(stdout).toMatch(/B, talks: somebody wakes after \d\.\d s\./);
    expect(readFileSync(join(folder, 'timeline-single6.svg'), 'utf8')).toMatch(/^<svg .*<\/svg>\n$/s);
    const { traceEvents } = JSON.parse(readFileSync(join(folder, 'timeline-single6.json'), 'utf8'));
    expect(traceEvents.length).toBeGreaterThan(100);
  });

  test('says in one line what it can not draw', async () => {
    for (const [args, message] of [
      [['single99'], /\n\nUnknown step "single99": .+\n$/], // below the list of steps
      [['single1'], /^Cannot draw single1: .+\n$/],
      [['--fast'], /^Unknown option '--fast': .+\n$/],
      [['single3', '--to', '/no such folder'], /^Cannot write .+\n$/],
    ] as [string[], RegExp][]) {
      const { exit, stderr } = await runScript('scripts/timeline.ts', ...args);
      expect(exit).toBe(1);
      expect(stderr).toMatch(message);
    }
  });
});
