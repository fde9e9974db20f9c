// A recording as a file for the Perfetto viewer, https://ui.perfetto.dev, which zooms in to each call.
// The format is the Trace Event Format of Chrome, in JSON: times are in microseconds.

import type { SystemCall } from '../../../src/sockets/trace-event.ts';
import type { Recording } from './recording.ts';
import { kinds, type Timeline } from './timeline.ts';

/**
 * An event of that format. `ph` is X for a slice, s and f for the two ends of an arrow, M for the name of a process or thread.
 *
 * @see https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
 */
export type TraceEvent = {
  ph: string;
  pid: number;
  tid: number;
  ts?: number;
  dur?: number;
  [more: string]: unknown;
};

// The viewer shows these as processes: the clients, the lanes of the server, and the calls of each thread.
const CLIENTS = 1;
const SERVER = 2;
const CALLS = 3;

export function toTraceEvents({ begin, calls }: Recording, timeline: Timeline): TraceEvent[] {
  const { step, clients, servers, arrows } = timeline;
  const thread = ({ pid, thread }: SystemCall) => `process ${pid}, thread ${thread}`;
  const threads = [...new Set(calls.map(thread))];
  const names = (lanes: readonly { name: string }[]) => lanes.map(({ name }) => name);
  const events: TraceEvent[] = [
    ...named(CLIENTS, 'clients', names(clients)),
    ...named(SERVER, step, names(servers)),
    ...named(CALLS, `${step}, call by call`, threads),
    ...clients.map(({ connected, left }, i) => {
      // The server may accept a client before the client knows that it is connected. Its arrows begin in the slice.
      const own = arrows.filter(({ from }) => from === i).map(({ arrived }) => arrived);
      return slice('is connected', CLIENTS, i, Math.min(connected, ...own), left);
    }),
    ...servers.flatMap(({ spans }, i) =>
      spans.map(({ kind, begin, end }) => slice(kinds[kind], SERVER, i, begin, end)),
    ),
    ...calls.map((call) => {
      const [from, { took = 0 }] = [(call.begin - begin) / 1000, call];
      return {
        ...slice(call.call, CALLS, threads.indexOf(thread(call)), from, from + took / 1000),
        args: call,
      };
    }),
    ...arrows.flatMap(({ from, to, arrived, woke }, id) => {
      const arrow = { name: 'bytes arrive, then the server wakes', cat: 'arrow', id };
      return [
        { ...arrow, ph: 's', pid: CLIENTS, tid: from + 1, ts: 1000 * arrived },
        { ...arrow, ph: 'f', bp: 'e', pid: SERVER, tid: to + 1, ts: 1000 * woke },
      ];
    }),
  ];
  // The viewer drops events before 0, and the server starts before the scenario.
  const first = events.reduce((least, { ts = 0 }) => Math.min(least, ts), 0);
  return events.map((event) => (event.ts === undefined ? event : { ...event, ts: event.ts - first }));
}

/** A process with a track for each of these names. */
function named(pid: number, process: string, tracks: readonly string[]): TraceEvent[] {
  return [process, ...tracks].map((name, tid) => {
    return { name: tid === 0 ? 'process_name' : 'thread_name', ph: 'M', pid, tid, args: { name } };
  });
}

/** A slice on track number `i`. Times are in milliseconds. */
function slice(name: string, pid: number, i: number, begin: number, end: number): TraceEvent {
  return { name, ph: 'X', pid, tid: i + 1, ts: 1000 * begin, dur: 1000 * (end - begin) };
}
