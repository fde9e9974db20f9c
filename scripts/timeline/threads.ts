// The lanes of threads and processes: all that is known of them are their calls, and what is between two calls is work.

import type { SystemCall } from '../../src/sockets/system-call.ts';
import { joined, type Kind, type Lane, type Span } from './lane.ts';
import type { Recording } from './record.ts';

/** A call that returned, with its times in milliseconds from the beginning of the scenario. */
export type Call = Pick<Required<SystemCall>, 'call' | 'fd' | 'result'> & {
  begin: number;
  end: number;
  /** How it has waited, if it has. */
  waited: Kind | undefined;
};

/** A thread with its calls, in their order. */
export type Thread = { pid: number; lane: Lane; calls: Call[] };

/** A call, and who made it. */
export type Made = { by: Thread; call: Call };

/** A connection, as the server knows it: how it was accepted, and all that tried to receive on it. */
export type Connection = { accepted: Made; received: Made[] };

/** A call that took longer, in microseconds, has waited, if it is one that waits. */
const WORK = 1000;

const waits = new Map<string, Kind>([
  ['accept', 'accept'],
  ['recv', 'recv'],
  ['send', 'send'],
  ['poll', 'poll'],
  ['epoll_wait', 'poll'],
  ['Atomics.wait', 'lock'],
]);

/** The threads that made these calls, in the order in which they began. */
export function findThreads(recording: Recording, time: (at: number) => number): Thread[] {
  const byThread = new Map<string, Required<SystemCall>[]>();
  for (const call of recording.calls) {
    const key = `${call.pid} ${call.thread}`;
    const own = byThread.get(key);
    if (own) own.push(call);
    else byThread.set(key, [call]);
  }
  return Array.from(byThread.values(), (own, i) => {
    const calls = toCalls(own, time);
    return { pid: own[0]?.pid ?? 0, lane: { name: '', spans: toSpans(calls, i === 0) }, calls };
  });
}

function toCalls(calls: readonly Required<SystemCall>[], time: (at: number) => number): Call[] {
  const nonBlocking = new Set<number>();
  const set = (fd: number, yes: boolean) => (yes ? nonBlocking.add(fd) : nonBlocking.delete(fd));
  return calls.map(({ call, fd, result, begin, took }) => {
    // On macOS, a connection is at first what its listener is.
    if (call === 'accept') set(result, process.platform === 'darwin' && nonBlocking.has(fd));
    // Socket.setBlocking() asks for the flags, which are not 0, and turns one over if it has to, which returns 0.
    if (call === 'fcntl' && result === 0) set(fd, !nonBlocking.has(fd));
    // If others had their turn meanwhile, a call that does not wait may take long, too.
    const waited = took > WORK && !nonBlocking.has(fd) ? waits.get(call) : undefined;
    return { call, fd, result, begin: time(begin), end: time(begin + took), waited };
  });
}

/** @param first whether it is the thread that goes on in Node's own loop after its last call */
function toSpans(calls: readonly Call[], first: boolean): Span[] {
  const spans: Span[] = [];
  let end = calls[0]?.begin ?? 0;
  for (const call of calls) {
    spans.push({ kind: 'running', begin: end, end: call.begin });
    spans.push({ kind: call.waited ?? 'running', begin: call.begin, end: call.end });
    end = call.end;
  }
  if (first) spans.push({ kind: 'node', begin: end, end: Number.POSITIVE_INFINITY });
  return joined(spans);
}

/** The connections of the scenario, in the order in which they were accepted: that in which the clients connected. */
export function findConnections(threads: readonly Thread[]): Connection[] {
  const made = threads
    .flatMap((by) => by.calls.map((call) => ({ by, call })))
    .sort((a, b) => takesEffect(a.call) - takesEffect(b.call));
  const connections: Connection[] = [];
  const open = new Map<string, Connection>();
  for (const { by, call } of made) {
    // A descriptor is known in its process, to all of its threads, and is another's after it has been closed.
    const key = `${by.pid} ${call.fd}`;
    if (call.call === 'close') open.delete(key);
    if (call.call === 'recv') open.get(key)?.received.push({ by, call });
    if (call.call !== 'accept' || call.result < 0 || call.end < 0) continue;
    const connection = { accepted: { by, call }, received: [] };
    open.set(`${by.pid} ${call.result}`, connection);
    connections.push(connection);
  }
  return connections;
}

/** A descriptor is free, and may be another's, before close() returns. */
function takesEffect({ call, begin, end }: Call): number {
  return call === 'close' ? begin : end;
}

/** Who received the byte at this offset of a connection, and by which call. */
export function findReceived({ received }: Connection, offset: number): Made | undefined {
  let count = 0;
  return received.find(({ call }) => {
    count += Math.max(0, call.result);
    return count > offset;
  });
}

/** When a thread woke to make this call: at its end, if the call itself has waited, or when it had been told to make it. */
export function wokeFor({ by, call }: Made): number {
  if (call.waited) return call.end;
  const told = by.calls.findLast(({ call: name, end }) => waits.get(name) === 'poll' && end <= call.begin);
  return told?.end ?? call.begin;
}
