// Where a step stands at a moment: the lines in which its threads, processes and coroutines wait, and since when.

import type { CoroutineWait, SystemCall, TraceEvent } from '../../src/sockets/trace-event.ts';
import type { ClientEvent, TourEvent } from './events.ts';

/** A thread, process or coroutine that waits, or has just run, and where. */
export type Standing = {
  /** Its name: `main thread`, `thread 2`, `coroutine of B`. */
  who: string;
  /** The line, with its file. None, while Node's own loop waits. */
  at?: string;
  /** What it waits in: `recv()`, or `until it can read`. */
  what: string;
  /** The client it waits for: `B`, or `connection 7`. */
  whom?: string;
  /** Since when, in microseconds. */
  since: number;
};

export type Moment = {
  /** The threads, processes and coroutines that wait. */
  waits: Standing[];
  /** The lines that have made a call just now. */
  ran: Set<string>;
};

/** A shorter call does not count as a wait, in microseconds. */
const SHORT = 2000;
/** How long the page marks a line that has run, in microseconds. */
const FLASH = 300_000;

type Call = TraceEvent & SystemCall;
type Thread = { pid: number; thread: number; call?: Call; idle?: number };

/** Where the step stood at this time. */
export function momentAt(events: readonly TourEvent[], time: number): Moment {
  const threads = new Map<string, Thread>();
  const coroutines: (TraceEvent & CoroutineWait)[] = [];
  const ran = new Set<string>();
  for (const one of events) {
    if (one.kind === 'callback') wakeLoop(threads, one.event.begin + one.event.took, time);
    if (one.kind !== 'trace' || one.event.begin > time) continue;
    const { event } = one;
    const key = `${event.pid} ${event.thread}`;
    const thread: Thread = threads.get(key) ?? { pid: event.pid, thread: event.thread };
    threads.set(key, thread);
    if ('wait' in event && event.wait === 'node') {
      thread.idle = event.begin;
      continue;
    }
    const end = event.begin + (event.took ?? Number.POSITIVE_INFINITY);
    if ('wait' in event) {
      if (end > time) coroutines.push(event);
    } else if (end > time) thread.call = event;
    else {
      delete thread.call;
      if (thread.idle !== undefined) thread.idle = Math.max(thread.idle, end);
    }
    if (event.at && event.begin > time - FLASH && end <= time) ran.add(event.at);
    if (event.at && 'call' in event && time - event.begin < SHORT) ran.add(event.at);
  }
  const nameOf = namesAt(events, time);
  const waits = [...threads.values()].flatMap((thread) => standing(thread, threads, nameOf, time));
  const suspended = coroutines.filter(({ begin }) => time - begin >= SHORT);
  return { waits: [...waits, ...suspended.map((wait) => coroutine(wait, nameOf))], ran };
}

/** Node's loop has called JavaScript, and waits again. */
function wakeLoop(threads: Map<string, Thread>, end: number, time: number): void {
  for (const thread of threads.values()) {
    if (thread.idle !== undefined && end <= time) thread.idle = Math.max(thread.idle, end);
  }
}

type Names = (pid: number, fd: number | undefined) => string | undefined;

function standing(thread: Thread, threads: Map<string, Thread>, nameOf: Names, time: number): Standing[] {
  const { pid, call } = thread;
  const since = call?.begin ?? thread.idle;
  if (since === undefined || time - since < SHORT) return [];
  const who = whoIs(thread, threads);
  if (!call) return [{ who, what: "Node's loop", since }];
  const whom = nameOf(pid, call.fd);
  return [{ who, what: `${call.call}()`, since, ...(call.at && { at: call.at }), ...(whom && { whom }) }];
}

function whoIs({ pid, thread }: Thread, threads: Map<string, Thread>): string {
  const [first] = threads.values();
  if (first?.pid !== pid) return `process ${pid}`;
  if (thread > 0) return `thread ${thread}`;
  return threads.size > 1 ? 'main thread' : 'the one thread';
}

function coroutine(wait: TraceEvent & CoroutineWait, nameOf: Names): Standing {
  const whom = nameOf(wait.pid, wait.fd);
  const waitsForSocket = wait.fd !== undefined; // The listener, if it is no connection.
  return {
    who:
      whom !== undefined ? `coroutine of ${whom}` : waitsForSocket ? 'coroutine that accepts' : 'coroutine',
    what: reasons[wait.wait],
    since: wait.begin,
    ...(wait.at && { at: wait.at }),
  };
}

const reasons: Record<CoroutineWait['wait'], string> = {
  read: 'until it can read',
  write: 'until it can write',
  sleep: 'sleep()',
  join: 'until others have ended',
};

/** How long the page waits for the client of an accepted connection, in microseconds. After that, the client is not of this page. */
const LATE = 500_000;

/**
 * The name of a descriptor's connection at this time: the letter of a client, or a number. accept() returns connections in the
 * order in which clients connected. So the third accepted is the third that connected, as long as all clients are of this page.
 */
function namesAt(events: readonly TourEvent[], time: number): Names {
  const accepted: { key: string; at: number; fd: number }[] = [];
  let connected: ClientEvent[] = [];
  let begin = 0;
  for (const one of events) {
    if (one.kind === 'scene' && one.time <= time) [begin, connected] = [one.time, []];
    if (one.kind === 'client' && one.what === 'connects' && one.time <= time) connected.push(one);
    if (one.kind !== 'trace' || !('call' in one.event) || one.event.call !== 'accept') continue;
    const { pid, result = -1, took } = one.event;
    const at = one.event.begin + (took ?? Number.POSITIVE_INFINITY);
    if (result >= 0 && at <= time) accepted.push({ key: `${pid} ${result}`, at, fd: result });
  }
  accepted.sort((a, b) => a.at - b.at);
  const own = accepted.filter(({ at }) => at >= begin);
  const strangers = own.filter(({ at }) => at < time - LATE).length > connected.length;
  const names = new Map(accepted.map(({ key, fd }) => [key, `connection ${fd}`]));
  for (const [i, { key }] of own.entries()) {
    const name = connected[i]?.name;
    if (name !== undefined && !strangers) names.set(key, name);
  }
  return (pid, fd) => names.get(`${pid} ${fd}`);
}
