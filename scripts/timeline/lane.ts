// What a timeline consists of: lanes, each with what went on in it, and arrows between them.

/** What may go on in a lane. */
export const kinds = {
  unanswered: 'waits for an answer',
  running: 'runs',
  accept: 'blocked in accept()',
  recv: 'blocked in recv()',
  send: 'blocked in send()',
  poll: 'parked in poll() or epoll_wait()',
  lock: 'asleep in Atomics.wait()',
  read: 'suspended until it can read',
  write: 'suspended until it can write',
  node: "in Node's own loop, not visible",
} as const;

export type Kind = keyof typeof kinds;

/** A time in which the same went on. All times are in milliseconds from the beginning of the scenario. */
export type Span = { kind: Kind; begin: number; end: number };

/** A client, a thread, a process, a loop, or a coroutine. */
export type Lane = { name: string; spans: Span[] };

/** A client's lane: what it said and when all of the answer was there, in milliseconds, as everything here. */
export type ClientLane = Lane & {
  connected: number;
  left: number;
  said: number[];
  answered: number[];
};

/** From when bytes of a client, or the client itself, had arrived at the server, until somebody woke because of them. */
export type Arrow = { from: ClientLane; to: Lane; arrived: number; woke: number };

/** What there is of it between these two times. */
export function within(spans: readonly Span[], from: number, to: number): Span[] {
  return spans
    .map(({ kind, begin, end }) => ({ kind, begin: Math.max(begin, from), end: Math.min(end, to) }))
    .filter(({ begin, end }) => begin < end);
}

/** The same, where the same follows on the same, as one. */
export function joined(spans: readonly Span[]): Span[] {
  const result: Span[] = [];
  for (const span of spans) {
    const last = result.at(-1);
    if (last?.kind === span.kind && last.end === span.begin) last.end = span.end;
    else result.push({ ...span });
  }
  return result;
}
