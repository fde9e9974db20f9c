// The tour without a browser: the requests that it refuses, the processes that it ends, and the contents of its page.

import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { findSteps, partOf, type Step } from '../scripts/steps.ts';
import { PATIENCE } from '../src/behaviours/inbox.ts';
import { Program } from '../src/behaviours/program.ts';
import { runnable } from '../src/behaviours/server.ts';
import { now } from '../src/sockets/system-call.ts';
import type { TraceEvent } from '../src/sockets/trace-event.ts';
import { contentOf, optionsOf } from '../tour/content/content.ts';
import { readAct } from '../tour/server/acts.ts';
import { startTour, type Tour } from '../tour/server/server.ts';
import { thinned } from '../tour/server/thin.ts';
import { ownTries, triesOf } from '../tour/server/tries.ts';
import { readActOf, Visit } from '../tour/server/visit.ts';
import type { Report, TourEvent } from '../tour/shared/events.ts';
import { Kept, MOST } from '../tour/shared/kept.ts';
import { lanesOf, lineOf } from '../tour/shared/lanes.ts';
import { momentAt } from '../tour/shared/moment.ts';
import { onLinux, until } from './harness.ts';

const steps = findSteps();
const stepOf = (name: string) => steps.get(name) as Step;

let tour: Tour;
let cookie = '';

beforeAll(async () => {
  tour = await startTour();
  const { headers } = await ask(new URL(tour.address).pathname + new URL(tour.address).search, {}, {});
  cookie = `${headers['set-cookie']}`.split(';')[0] ?? '';
});
afterAll(() => tour.close());

type Answer = { status: number; headers: IncomingHttpHeaders; text: string };

/** A request as a browser makes it from the page, unless these headers say otherwise. */
async function ask(
  path: string,
  headers: Record<string, string | undefined>,
  own: { cookie?: string } = { cookie },
  body?: string,
): Promise<Answer> {
  const base =
    body === undefined ? {} : { origin: `http://127.0.0.1:${tour.port}`, 'content-type': 'application/json' };
  const all = Object.entries({ ...own, ...base, ...headers }).filter(([, value]) => value !== undefined);
  const request = httpRequest({
    ...{ port: tour.port, host: '127.0.0.1', path, method: body === undefined ? 'GET' : 'POST' },
    headers: Object.fromEntries(all) as Record<string, string>,
  });
  request.end(body);
  const [response] = await once(request, 'response');
  let text = '';
  for await (const piece of response) text += piece;
  return { status: response.statusCode, headers: response.headers, text };
}

/** Opens a page's stream, which tells what happens. */
async function open(page: string) {
  const request = httpRequest({
    port: tour.port,
    host: '127.0.0.1',
    path: `/events?page=${page}`,
    headers: { cookie },
  });
  request.on('error', () => {}).end();
  const [response] = await once(request, 'response');
  const reports: Report[] = [];
  let rest = '';
  response
    .on('error', () => {})
    .on('data', (bytes: Buffer) => {
      const pieces = `${rest}${bytes}`.split('\n\n');
      rest = pieces.pop() ?? '';
      for (const piece of pieces) if (piece.startsWith('data: ')) reports.push(JSON.parse(piece.slice(6)));
    });
  const events = () => reports.flatMap(({ events }) => events);
  const act = (what: unknown) => ask(`/act?page=${page}`, {}, { cookie }, JSON.stringify(what));
  return { status: response.statusCode as number, events, act, leave: () => request.destroy() };
}

/** Opens it as soon as there is a place: a page that has gone keeps its own for two seconds. */
async function enter(name: string) {
  let page = await open(name);
  for (; page.status === 503; page = await open(name)) await sleep(50);
  const act = async (what: unknown) => expect(await page.act(what)).toMatchObject({ status: 204, text: '' });
  return { ...page, act };
}

const start = { act: 'start', step: 'single3', options: [] };

describe('the tour refuses', () => {
  const page = '/content/overview.json';
  const refused = async (answer: Promise<Answer>, why: RegExp, status = 403) =>
    expect(await answer).toMatchObject({ status, text: expect.stringMatching(why) });

  test('a request without its cookie, or with another', async () => {
    await refused(ask(page, {}, { cookie: '' }), /no cookie/);
    await refused(ask(page, {}, { cookie: `${cookie}x` }), /no cookie/);
    await refused(ask('/events?page=12345678', { cookie: undefined }), /no cookie/);
    await refused(ask('/act?page=12345678', { cookie: undefined }, { cookie }, '{}'), /no cookie/);
    expect((await ask(page, {})).status).toBe(200);
  });
  test.runIf(onLinux)('a connection to another address of this machine', async () => {
    const [error] = await once(connect(tour.port, '127.0.0.2'), 'error').catch((error) => [error]);
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  });
  test('another token', () => refused(ask('/?token=guess', {}), /another token/));
  test('the right token under another name', () =>
    refused(ask(`/${new URL(tour.address).search}`, { host: 'example.org' }), /another Host/));
  test('another Host: the name of another site may resolve to this machine', async () => {
    await refused(ask(page, { host: `example.org:${tour.port}` }), /another Host/);
    await refused(ask(page, { host: '127.0.0.1:1' }), /another Host/);
    expect((await ask(page, { host: `localhost:${tour.port}` })).status).toBe(200);
  });
  test('another Origin, and a POST without any', async () => {
    const body = JSON.stringify(start);
    for (const origin of [
      'http://example.org',
      `https://127.0.0.1:${tour.port}`,
      'http://127.0.0.1:1',
      'null',
      undefined,
    ]) {
      await refused(ask('/act?page=12345678', { origin }, { cookie }, body), /another Origin/);
    }
    await refused(ask(page, { origin: 'http://example.org' }), /another Origin/);
  });
  test('a request that the browser marks as one of another site', async () => {
    await refused(ask(page, { 'sec-fetch-site': 'cross-site' }), /another site/);
    await refused(ask(page, { 'sec-fetch-site': 'same-site' }), /another site/);
    await refused(ask('/act?page=12345678', { 'sec-fetch-site': 'none' }, { cookie }, '{}'), /another site/);
    for (const site of ['same-origin', 'none'])
      expect((await ask(page, { 'sec-fetch-site': site })).status).toBe(200);
  });
  test('steps and options that the page does not offer, and acts that no client does', () => {
    const reading = (what: Record<string, unknown>) => () => readAct(JSON.stringify({ ...start, ...what }));
    expect(reading({})()).toMatchObject({ act: 'start' });
    expect(reading({ step: '../../bin/sh' })).toThrow('no such step');
    expect(reading({ step: 'constructor' })).toThrow('no such step');
    expect(reading({ options: ['--host', '0.0.0.0'] })).toThrow('no such options');
    expect(reading({ options: ['--port', '1'] })).toThrow('no such options');
    expect(reading({ side: 2 })).toThrow('no such side');
    expect(reading({ act: 'exec' })).toThrow('no such act');
    expect(reading({ act: 'client', name: 'D', doing: 'connects' })).toThrow('no such client');
    expect(reading({ act: 'client', name: 'A', doing: 'close' })).toThrow('no client does that');
    expect(reading({ act: 'client', name: 'A', doing: 'says', text: 'x'.repeat(10_001) })).toThrow(
      'too long',
    );
    expect(reading({ act: 'scene', starts: [start, start, start], slower: 1 })).toThrow('one step, or two');
    expect(reading({ act: 'scene', starts: [start], slower: 1e9 })).toThrow('no such number');
  });
  test('a body that is too long, or no JSON, and acts of a page that is not connected', async () => {
    const { leave } = await enter('refusals');
    const post = (body: string, headers = {}, page = 'refusals') =>
      ask(`/act?page=${page}`, headers, { cookie }, body);
    await refused(post('x'.repeat(70_000)), /too long/, 413);
    await refused(post('{}', { 'content-type': 'text/plain' }), /no JSON/, 415);
    await refused(post('x'), /JSON/, 400);
    await refused(post(JSON.stringify({ ...start, step: 'x1' })), /no such step/, 400);
    await refused(post('{}', {}, 'elsewhere'), /not connected/, 409);
    leave();
  });
  test('more pages than four', async () => {
    const pages = await Promise.all(
      ['page-one', 'page-two', 'page-three', 'page-four', 'page-five'].map(open),
    );
    expect(pages.map(({ status }) => status).filter((status) => status === 503).length).toBeGreaterThan(0);
    for (const { leave } of pages) leave();
    // When they have gone, another one may come.
    (await enter('page-six')).leave();
  });
  test('paths that lead elsewhere', async () => {
    for (const path of ['/../package.json', '/content/..%2f..%2fpackage.json', '/tour/tour.ts']) {
      expect((await ask(path, {})).status).toBe(404);
    }
  });
});

describe('the tour', () => {
  test('sets a cookie that no script can read, and that no request of another site carries', async () => {
    const { status, headers } = await ask(`/${new URL(tour.address).search}`, {}, { cookie: '' });
    expect(status).toBe(303);
    expect(headers.location).toBe('/');
    expect(`${headers['set-cookie']}`).toMatch(/; HttpOnly; SameSite=Strict$/);
  });
  test('lets the page run only its own code, and connect only to its server', async () => {
    const { headers } = await ask('/', {});
    expect(headers['content-security-policy']).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; .*frame-ancestors 'none'$/,
    );
  });
  test('tells a page that was too slow for the reports all events anew', async () => {
    const reports: Report[] = [];
    let read = () => {};
    const reads = new Promise<void>((resolve) => {
      read = resolve;
    });
    const stream = new Writable({
      write: async (bytes, _, done) => {
        await reads;
        for (const [, json] of `${bytes}`.matchAll(/^data: (.*)$/gm)) reports.push(JSON.parse(`${json}`));
        done();
      },
    });
    const visit = new Visit(() => {});
    try {
      visit.listen(stream as ServerResponse);
      stream.write('x'.repeat(5_000_000)); // more than a page may be behind
      await visit.do(readAct(JSON.stringify({ ...start, side: 0 })));
      read();
      await until(() => reports.some(({ events }) => events.some(({ kind }) => kind === 'trace')));
      expect(reports[0]).toMatchObject({ side: 0, step: 'single3', anew: true });
    } finally {
      await visit.leave();
    }
  });
  test('ends the steps of a page when the page is closed', async () => {
    const { act, events, leave } = await enter('goes-away');
    await act(start);
    const traced = () => events().find((one) => one.kind === 'trace');
    await until(() => traced() !== undefined);
    const { pid } = (traced() as { event: TraceEvent }).event;
    leave();
    await until(() => !isThere(pid));
  });
  test('ends all its steps on Ctrl-C', async () => {
    const program = new Program(process.execPath, [...runnable('tour/tour.ts'), '--no-open']);
    const address = new URL((await program.stdout.lineLike(/http:/)).trim());
    const [enter] = (await once(
      httpRequest({ port: address.port, path: address.pathname + address.search }).end(),
      'response',
    )) as [{ headers: IncomingHttpHeaders }];
    const own = { cookie: `${enter.headers['set-cookie']}`.split(';')[0] ?? '' };
    const stream = httpRequest({ port: address.port, path: '/events?page=12345678', headers: own }).end();
    const [told] = await once(stream, 'response');
    let pid = 0;
    told
      .on('error', () => {})
      .on('data', (bytes: Buffer) => {
        pid ||= Number(/"pid":(\d+)/.exec(`${bytes}`)?.[1] ?? 0);
      });
    const headers = { ...own, origin: address.origin, 'content-type': 'application/json' };
    httpRequest({ port: address.port, path: '/act?page=12345678', method: 'POST', headers }).end(
      JSON.stringify(start),
    );
    await until(() => pid > 0);
    program.kill('SIGINT');
    await program.exited();
    await until(() => !isThere(pid));
  });
  test.concurrent.each([
    ['single3', 0, /^A receives "first\\n"\n(.*\n)*B receives "second\\n"$/m],
    ['generator7', 0, /^A receives "2178309\\n"\n(.*\n)*B receives "hello\\n"$/m],
    ['select3', 1, /^A reads again\n(.*\n)*A receives /m],
    ['select11', 1, /^B stops reading\n(.*\n)*C receives ".*<guest1> the quick brown fox/m],
  ])('plays a proposal of %s with one click', async (step, index, expected) => {
    const { act, events, leave } = await enter(`plays-${step}`);
    await act({ act: 'try', step, index });
    const seen = () => events().filter((one) => one.kind === 'client');
    const told = () => seen().map(({ name, what, text }) => [name, what, text].filter(Boolean).join(' '));
    await vi.waitFor(() => expect(told().join('\n')).toMatch(expected), PATIENCE);
    await act({ act: 'forget' });
    leave();
  });
  test.concurrent.each([
    [
      'thread4',
      { who: 'main thread', what: 'accept()' },
      { who: expect.stringMatching(/^thread \d+$/), what: 'recv()', whom: 'A' },
    ],
    ['callback6', { who: 'the one thread', what: "Node's loop" }],
  ])('knows where %s stands', async (step, ...waits) => {
    const { act, events, leave } = await enter(`stands-${step}`);
    await act({ ...start, step });
    await until(() => events().some(({ kind }) => kind === 'begin'));
    await act({ act: 'client', name: 'A', doing: 'connects' });
    await vi.waitFor(() => expect(momentAt(events(), now()).waits).toMatchObject(waits), PATIENCE);
    leave();
  });
});

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('what the page shows', () => {
  test('is the code of a step, its header, and its section of the README', async () => {
    for (const step of ['single3', 'select9', 'thread10'].map(stepOf)) {
      const { files, header, section } = await contentOf(step);
      const text = files[0]?.lines.map((line) => line.replace(/<[^>]*>/g, '')).join('\n') ?? '';
      const decoded = text.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(code));
      expect(`${decoded}\n`, step.name).toBe(
        step.header
          .replace(/^/gm, '// ')
          .replace(/\/\/ $/gm, '//')
          .replace(/\/\/$/, '') + step.code,
      );
      expect(header.new && header.try && header.wrong, step.name).toBeTruthy();
      expect(section, step.name).toMatch(/<p>/);
    }
  });
  test('has proposals with words of the headers, acts that clients can do, and options that are offered', () => {
    for (const [name, tries] of ownTries) {
      const proposed = (['Try', 'Still wrong'] as const)
        .map((part) => partOf(stepOf(name), part))
        .join(' ')
        .replace(/\n +/g, ' ');
      for (const { words, acts, options } of tries) {
        expect(proposed, name).toContain(words);
        for (const act of acts) if (act !== 'stop') expect(() => readActOf(act)).not.toThrow();
        expect(optionsOf(stepOf(name)), name).toContainEqual([...options]);
      }
    }
    for (const step of steps.values()) {
      if (/redis-server/.test(partOf(step, 'Try'))) continue; // The page starts no server of others.
      expect(triesOf(step).length, step.name).toBeGreaterThan(0);
    }
  });
});

const call = (id: number, more: object): TourEvent => ({
  kind: 'trace',
  event: {
    pid: 1,
    thread: 0,
    id,
    begin: id * 10_000,
    call: 'recv',
    fd: 5,
    at: 'src/a1.ts:1',
    ...more,
  } as TraceEvent,
});

describe('a run', () => {
  test('is kept with its last 5,000 events, and a count of the others', () => {
    const kept = new Kept();
    kept.add(call(1, { call: 'accept', result: 5, took: 1 }));
    for (let id = 2; id <= MOST + 100; id++) kept.add(call(id, { result: 1, took: 1 }));
    expect(kept.all.length).toBe(MOST);
    expect(kept.skipped).toBe(100);
    expect(kept.all[0]).toMatchObject({ event: { call: 'accept' } }); // It names the connection.
    kept.add({ kind: 'skipped', time: 0, count: 7 });
    expect(kept.skipped).toBe(107);
  });
  test('is kept within bounds, even if all its events are important', () => {
    const kept = new Kept(10);
    kept.add({ kind: 'begin', time: 0, port: 1 });
    for (let i = 0; i < 20; i++) kept.add({ kind: 'client', time: i, name: 'A', what: 'connects' });
    expect(kept.all.length).toBe(10);
    expect(kept.all[0]?.kind).toBe('begin');
  });
  test('reports a part of a flood, the count of all its bytes, and the number of events left out', () => {
    const flood = Array.from({ length: 1000 }, (_, i) => call(i, { result: 2, took: 1 }));
    const told = thinned(flood);
    expect(told.length).toBeLessThan(250);
    const bytes = told.flatMap((one) =>
      one.kind === 'trace' && 'result' in one.event ? [one.event.result ?? 0] : [],
    );
    expect(bytes.reduce((sum, length) => sum + length)).toBe(2000);
    expect(told.at(-1)).toMatchObject({ kind: 'skipped', count: 1000 - (told.length - 1) });
  });
  test('waits in the line of the call that has not returned, for the client of that connection', () => {
    const events: TourEvent[] = [
      { kind: 'begin', time: 0, port: 1 },
      { kind: 'client', time: 5000, name: 'A', what: 'connects' },
      call(1, { call: 'accept', fd: 4, result: 5, took: 100 }),
      call(2, { at: 'src/a1.ts:2', took: 80_000, result: 0 }),
    ];
    const [standing] = momentAt(events, 60_000).waits;
    expect(standing).toMatchObject({
      at: 'src/a1.ts:2',
      what: 'recv()',
      whom: 'A',
      since: 20_000,
      who: 'the one thread',
    });
    expect(momentAt(events, 100_500)).toMatchObject({
      waits: [],
      ran: new Set(['src/a1.ts:1', 'src/a1.ts:2']),
    });
  });
  test('is drawn with its last 15 seconds, in which a wait that began before still goes on', () => {
    const events: TourEvent[] = [
      { kind: 'begin', time: 0, port: 1 },
      { kind: 'client', time: 5000, name: 'A', what: 'connects' },
      call(1, { call: 'accept', fd: 4, result: 5, took: 100 }),
      call(2, { at: 'src/a1.ts:2' }),
    ];
    const lanes = lanesOf('a1', events, 20_000_000);
    expect(lanes).toMatchObject({
      from: 5_000_000,
      elapsed: 5000,
      timeline: { duration: 15_000, arrows: [] },
    });
    const wait = { kind: 'recv', begin: 0, end: 15_000 } as const;
    expect(lanes?.timeline.servers).toMatchObject([{ spans: [wait] }]);
    expect(lanes?.timeline.clients).toMatchObject([{ name: 'A, client 1', connected: 0, left: 15_000 }]);
    const early = lanesOf('a1', events, 1_000_000);
    const span = early?.timeline.servers[0]?.spans.find(({ kind }) => kind === 'recv');
    expect(span && lineOf(events, span, 0)).toBe('src/a1.ts:2');
  });
  test('names connections by number once a client of another program may be among them', () => {
    const events: TourEvent[] = [
      { kind: 'begin', time: 0, port: 1 },
      { kind: 'client', time: 5000, name: 'A', what: 'connects' },
      call(1, { call: 'accept', fd: 4, result: 5, took: 100 }),
      call(2, { call: 'accept', fd: 4, result: 6, took: 100 }),
      call(3, {}),
    ];
    expect(momentAt(events, 1_000_000).waits[0]?.whom).toBe('connection 5');
  });
});
