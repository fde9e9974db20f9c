// The lanes of threads and processes. The trace has their calls. Time between two calls is work.

import type { SystemCall } from '../../../src/sockets/trace-event.ts';
import type { Recording } from './recording.ts';
import type { Clock, Seen } from './seen.ts';
import type { Kind, Lane } from './timeline.ts';

type Thread = Lane & {
  pid: number;
  /** When poll(), epoll_wait() or io_uring_enter() last returned. */
  told?: number;
  /** Whether its loop is a guest in Node's loop, which waits in its place. */
  guest?: boolean;
};

/** A call by which a thread accepted a connection, or received on it. */
type Heard = {
  thread: Thread;
  fd: number;
  begin: number;
  /** When the thread woke to make the call. */
  woke: number;
  /** How many bytes of the connection had been received when the call returned. */
  until: number;
};

/** A connection of the server: its descriptor, the call that accepted it, and the calls that tried to receive on it. */
export type Connection = { fd: number; heard: [Heard, ...Heard[]] };

/** A call, with times in milliseconds. `waits` is the kind of its wait, if it can wait. */
type Call = Required<Pick<SystemCall, 'call' | 'pid' | 'thread' | 'fd' | 'result' | 'begin'>> & {
  end: number;
  waits: Kind | undefined;
};

/** The end of a call that never returned. */
const NEVER = Number.MAX_VALUE;

/** The calls that wait, unless their socket is non-blocking. */
const blocking = new Map<string, Kind>([
  ['accept', 'accept'],
  ['recv', 'recv'],
  ['send', 'send'],
  ['poll', 'poll'],
  ['epoll_wait', 'poll'],
  ['io_uring_enter', 'ring'],
  ['Atomics.wait', 'lock'],
]);

/** The threads, and the connections of the scenario in the order in which they were accepted. */
export function readThreads(recording: Recording, time: Clock): Seen & { connections: Connection[] } {
  const threads = new Map<string, Thread>();
  const connections: Connection[] = [];
  const open = new Map<string, Connection>();
  for (const { call, pid, thread: id, fd, result, begin, end, waits } of readCalls(recording, time)) {
    const thread = threads.get(`${pid} ${id}`) ?? { name: '', spans: [], pid };
    threads.set(`${pid} ${id}`, thread);
    if (call === 'uv_poll_start') thread.guest = true;
    const asks = thread.guest && waits === 'poll'; // Its timeout is 0. Before, it waited in Node's loop.
    if (asks) thread.spans.push({ kind: 'node', begin: thread.spans.at(-1)?.end ?? begin, end: begin });
    thread.spans.push({ kind: asks ? 'running' : (waits ?? 'running'), begin, end });
    if (waits === 'poll' || waits === 'ring') thread.told = end;
    const heard = { thread, fd, begin, woke: thread.told ?? (waits ? end : begin), until: 0 };
    const known = open.get(`${pid} ${fd}`)?.heard;
    if (call === 'close') open.delete(`${pid} ${fd}`);
    if (call === 'recv') known?.push({ ...heard, until: (known.at(-1)?.until ?? 0) + Math.max(0, result) });
    if (call !== 'accept' || result < 0 || end < 0) continue; // Connections before the scenario are those of the guests.
    const connection: Connection = { fd: result, heard: [heard] };
    connections.push(connection);
    open.set(`${pid} ${result}`, connection);
  }
  const [first] = threads.values();
  const end = first?.spans.at(-1)?.end ?? NEVER;
  first?.spans.push({ kind: 'node', begin: end, end: NEVER }); // From then on, it is in Node's own loop.
  return {
    lanes: named([...threads.values()], connections, recording),
    connections,
    woken(client, offset) {
      const heard = connections[client]?.heard.find(({ until }) => until > offset);
      return heard && { lane: heard.thread, at: heard.woke };
    },
  };
}

/** The calls in the order in which they took effect. Before close() returns, the kernel may give its descriptor away. */
function readCalls({ calls, platform }: Recording, time: Clock): Call[] {
  const nonBlocking = new Set<string>();
  const effect = ({ call, begin, end }: Call) => (call === 'close' ? begin : end);
  const inOrder = calls
    .map(({ fd = -1, result = -1, took = NEVER, ...call }): Call => {
      const [begin, end] = [time(call.begin), time(call.begin + took)];
      return { ...call, fd, result, begin, end, waits: blocking.get(call.call) };
    })
    .sort((a, b) => effect(a) - effect(b));
  for (const one of inOrder) {
    const socket = `${one.pid} ${one.fd}`; // All threads of a process share its descriptors.
    if (nonBlocking.has(socket)) one.waits = undefined;
    if (one.call === 'close') nonBlocking.delete(socket);
    // Socket.setBlocking() reads the flags with a first fcntl(), which are not 0. A second one, if needed, returns 0.
    if (one.call === 'fcntl' && one.result === 0 && !nonBlocking.delete(socket)) nonBlocking.add(socket);
    // On macOS, a connection inherits O_NONBLOCK from its listener.
    if (one.call === 'accept' && platform === 'darwin' && nonBlocking.has(socket)) {
      nonBlocking.add(`${one.pid} ${one.result}`);
    }
  }
  return inOrder;
}

/** The lanes, with names: the main thread, then threads that serve a client, in the order of the clients, then idle ones. */
function named(
  [main, ...workers]: Thread[],
  connections: Connection[],
  { clients, duration }: Recording,
): Lane[] {
  if (!main) return [];
  const served = new Map<Thread, Set<string>>();
  for (const [i, { name }] of clients.entries()) {
    for (const { thread } of connections[i]?.heard ?? []) {
      served.set(thread, (served.get(thread) ?? new Set()).add(name));
    }
  }
  served.delete(main);
  // All other threads served guests.
  const inVain = workers.filter(
    (thread) =>
      !served.has(thread) &&
      thread.spans.some(({ kind, begin, end }) => kind !== 'running' && begin < duration && end > 0),
  );
  const [first, other] = workers.some(({ pid }) => pid !== main.pid)
    ? ['parent', 'child']
    : ['main thread', 'thread'];
  main.name = workers.length > 0 ? first : 'the one thread';
  const shown = [...served.keys(), ...inVain];
  for (const [i, thread] of shown.entries()) {
    const names = [...(served.get(thread) ?? [])].join(' and ');
    thread.name = `${other} ${i + 1}${names && `, serves ${names}`}`;
  }
  return [main, ...shown];
}
