// The lanes of coroutines, and of Node's own loop.

import type { Recording } from './recording.ts';
import type { Clock, Seen } from './seen.ts';
import type { Connection } from './threads.ts';
import type { Lane } from './timeline.ts';

/** The lanes of a step with coroutines: below its thread, the coroutine that accepts, and one for each client. */
export function readCoroutines(
  { waits, clients }: Recording,
  time: Clock,
  connections: readonly Connection[],
  thread: Seen,
): Seen {
  const listener = connections[0]?.heard[0].fd;
  const accepts: Lane = { name: 'coroutine that accepts', spans: [] };
  const lanes = clients.map(({ name }): Lane => ({ name: `coroutine of ${name}`, spans: [] }));
  for (const { wait, fd, begin, took = Number.MAX_VALUE } of waits) {
    const [from, to] = [time(begin), time(begin + took)];
    // The kernel may give a freed descriptor to the next connection.
    const own = connections.findLastIndex(
      ({ fd: of, heard: [accepted] }) => of === fd && accepted.begin <= from,
    );
    const lane = fd === listener ? accepts : own < 0 ? running(lanes, from) : lanes[own];
    lane?.spans.push({ kind: wait, begin: from, end: to });
  }
  return {
    lanes: [...thread.lanes, accepts, ...lanes.filter(({ spans }) => spans.length > 0)],
    woken(client, offset) {
      const wake = thread.woken(client, offset);
      const lane = offset < 0 ? accepts : lanes[client];
      // The thread woke, perhaps for many coroutines, and later resumed this one.
      const resumed = wake && lane?.spans.find(({ end }) => end >= wake.at);
      return resumed && lane ? { lane, at: resumed.end } : wake;
    },
  };
}

/** The coroutine that runs at this time, because it was resumed last. It may wait for a thread's result: see work.ts. */
function running(lanes: readonly Lane[], now: number): Lane | undefined {
  const resumed = ({ spans }: Lane) =>
    spans.findLast(({ end }) => end <= now)?.end ?? Number.NEGATIVE_INFINITY;
  return [...lanes].sort((a, b) => resumed(b) - resumed(a))[0];
}

/** The lane of a step on Node's own loop: when the loop calls JavaScript, and for which connection. */
export function readNode({ callbacks }: Recording, time: Clock): Seen {
  const lane: Lane = { name: "Node's loop", spans: [] };
  let idle = 0;
  for (const { callback, begin, took } of callbacks) {
    if (callback !== 'called') continue;
    const end = time(begin + took);
    lane.spans.push(
      { kind: 'node', begin: idle, end: time(begin) },
      { kind: 'running', begin: time(begin), end },
    );
    idle = end;
  }
  lane.spans.push({ kind: 'node', begin: idle, end: Number.MAX_VALUE });

  const accepted = callbacks.filter(({ callback, begin }) => callback === 'accepted' && time(begin) > 0);
  return {
    lanes: [lane],
    woken(client, offset) {
      const own = accepted[client];
      const called =
        own &&
        callbacks.find(({ connection, received = 0 }) => connection === own.connection && received > offset);
      return called && { lane, at: time(called.begin) };
    },
  };
}
