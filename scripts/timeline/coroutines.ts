// The lanes of coroutines: the loop tells what they wait for, and when it wakes them.

import { type Kind, type Lane, within } from './lane.ts';
import type { Call } from './threads.ts';
import type { CoroutineEvent } from './watch-loop.ts';

/** What waits for a descriptor, from when it first did until the descriptor was closed. */
export type Coroutine = { lane: Lane; fd: number; begin: number; wakes: number[] };

type State = { coroutine: Coroutine; now: Kind; since: number };

/** The coroutines, in the order in which they began to wait: first the one that accepts, then one for each client. */
export function findCoroutines(
  events: readonly CoroutineEvent[],
  calls: readonly Call[],
  time: (at: number) => number,
): Coroutine[] {
  const coroutines: Coroutine[] = [];
  const states = new Map<number, State>();
  const happened = [
    ...events.map(({ coroutine, what, fd, at }) => ({
      what: coroutine === 'waits' ? what : coroutine,
      fd,
      at: time(at),
    })),
    ...calls
      .filter(({ call }) => call === 'close')
      .map(({ fd, begin }) => ({ what: 'closed' as const, fd, at: begin })),
  ].sort((a, b) => a.at - b.at);
  for (const { what, fd, at } of happened) {
    const state = states.get(fd) ?? begin(fd, at);
    if (!states.has(fd)) coroutines.push(state.coroutine);
    states.set(fd, state);
    goOn(state, at, what === 'wakes' || what === 'closed' ? 'running' : what);
    if (what === 'wakes') state.coroutine.wakes.push(at);
    if (what === 'closed') states.delete(fd);
  }
  for (const state of states.values()) goOn(state, Number.POSITIVE_INFINITY, 'running');
  return coroutines;
}

function begin(fd: number, at: number): State {
  return {
    coroutine: { lane: { name: '', spans: [] }, fd, begin: at, wakes: [] },
    now: 'running',
    since: at,
  };
}

function goOn(state: State, at: number, next: Kind): void {
  const { spans } = state.coroutine.lane;
  spans.push(...within([{ kind: state.now, begin: state.since, end: at }], 0, Number.POSITIVE_INFINITY));
  state.now = next;
  state.since = at;
}
