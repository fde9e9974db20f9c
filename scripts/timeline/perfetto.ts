// A recording as a file for the Perfetto viewer, https://ui.perfetto.dev, in which one can look at each call from near by.
// The format is the Trace Event Format of Chrome, in JSON: times are in microseconds.

import { type Arrow, type ClientLane, kinds, type Lane } from './lane.ts';
import type { Recording } from './record.ts';
import type { Timeline } from './timeline.ts';

/** An event of that format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU */
export type TraceEvent = {
  name: string;
  /** X is a slice, b and e are the two ends of a message, s and f those of an arrow, M is a name for what there is. */
  ph: 'X' | 'b' | 'e' | 's' | 'f' | 'M';
  pid: number;
  tid: number;
  ts?: number;
  dur?: number;
  [more: string]: unknown;
};

/** The clients and the lanes of the server are shown as two processes, and the calls of each thread as a third. */
const CLIENTS = 1;
const SERVER = 2;
const CALLS = 3;

/** All there is of it. */
export function toTraceEvents(recording: Recording, timeline: Timeline): TraceEvent[] {
  const events = [
    named('process_name', 'clients', CLIENTS),
    named('process_name', recording.step, SERVER),
    named('process_name', `${recording.step}, call by call`, CALLS),
    ...timeline.clients.flatMap((client, i) => clientEvents(client, i, timeline.arrows)),
    ...timeline.servers.flatMap(laneEvents),
    ...callEvents(recording),
    ...arrowEvents(timeline),
  ];
  // The viewer drops what is before 0, and the server has started before the scenario.
  const first = Math.min(...events.map(({ ts = 0 }) => ts));
  return events.map((event) => (event.ts === undefined ? event : { ...event, ts: event.ts - first }));
}

function named(name: 'process_name' | 'thread_name', what: string, pid: number, tid = 0): TraceEvent {
  return { name, ph: 'M', pid, tid, args: { name: what } };
}

function clientEvents(client: ClientLane, i: number, arrows: readonly Arrow[]): TraceEvent[] {
  const { name, connected, left, said, answered } = client;
  // It hears that it is connected from its own loop, which may be after it has been accepted: arrows begin in the slice.
  const since = Math.min(
    connected,
    ...arrows.filter(({ from }) => from === client).map(({ arrived }) => arrived),
  );
  const place = { pid: CLIENTS, tid: i + 1 };
  const messages = said.flatMap((at, j) => {
    const message = { name: 'waits for an answer', cat: 'message', id: `${name} ${j}`, ...place };
    return [
      { ...message, ph: 'b' as const, ts: 1000 * at },
      { ...message, ph: 'e' as const, ts: 1000 * (answered[j] ?? left) },
    ];
  });
  return [
    named('thread_name', name, CLIENTS, i + 1),
    { name: 'is connected', ph: 'X', ...place, ts: 1000 * since, dur: 1000 * (left - since) },
    ...messages,
  ];
}

function laneEvents({ name, spans }: Lane, i: number): TraceEvent[] {
  return [
    named('thread_name', name, SERVER, i + 1),
    ...spans.map(({ kind, begin, end }) => ({
      name: kinds[kind],
      ph: 'X' as const,
      pid: SERVER,
      tid: i + 1,
      ts: 1000 * begin,
      dur: 1000 * (end - begin),
    })),
  ];
}

function callEvents({ begin, calls }: Recording): TraceEvent[] {
  const threads = [...new Set(calls.map(({ pid, thread }) => `${pid}, thread ${thread}`))];
  return [
    ...threads.map((name, i) => named('thread_name', `process ${name}`, CALLS, i + 1)),
    ...calls.map(({ call, pid, thread, begin: at, took, ...args }) => ({
      name: call,
      ph: 'X' as const,
      pid: CALLS,
      tid: threads.indexOf(`${pid}, thread ${thread}`) + 1,
      ts: at - begin,
      dur: took,
      args,
    })),
  ];
}

function arrowEvents({ clients, servers, arrows }: Timeline): TraceEvent[] {
  return arrows.flatMap(({ from, to, arrived, woke }, id) => {
    const arrow = { name: 'arrived, until somebody woke', cat: 'arrow', id };
    const tid = clients.indexOf(from) + 1;
    return [
      { ...arrow, ph: 's' as const, pid: CLIENTS, tid, ts: 1000 * arrived },
      { ...arrow, ph: 'f' as const, bp: 'e', pid: SERVER, tid: servers.indexOf(to) + 1, ts: 1000 * woke },
    ];
  });
}
