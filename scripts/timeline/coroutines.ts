// The lanes of coroutines: the loop tells what they wait for, and when it wakes them.

import { type Kind, type Lane, within } from './lane.ts';
import type { Call } from './threads.ts';
import type { CoroutineEvent } from './watch-loop.ts';

/** What waits for a descriptor, from when it first did until the descriptor was closed. */
export type Coroutine = { lane: Lane; fd: number; begin: number; wakes: number[] };

/** `waits` is what is waited for: in a chat, one coroutine of a client reads, and another one writes. */
type State = { coroutine: Coroutine; waits: Set<Kind>; now: Kind; since: number };

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
      event: coroutine,
      what,
      fd,
      at: time(at),
    })),
    ...calls
      .filter(({ call }) => call === 'close')
      .map(({ fd, begin }) => ({ event: 'closed' as const, what: undefined, fd, at: begin })),
  ].sort((a, b) => a.at - b.at);
  for (const { event, what, fd, at } of happened) {
    const state = states.get(fd) ?? begin(fd, at);
    if (!states.has(fd)) coroutines.push(state.coroutine);
    states.set(fd, state);
    if (event === 'waits') state.waits.add(what);
    else if (event === 'wakes') state.waits.delete(what);
    const [waits = 'running'] = event === 'closed' ? [] : state.waits;
    goOn(state, at, waits);
    if (event === 'wakes') state.coroutine.wakes.push(at);
    if (event === 'closed') states.delete(fd);
  }
  for (const state of states.values()) goOn(state, Number.POSITIVE_INFINITY, 'running');
  return coroutines;
}

function begin(fd: number, at: number): State {
  return {
    coroutine: { lane: { name: '', spans: [] }, fd, begin: at, wakes: [] },
    waits: new Set(),
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
