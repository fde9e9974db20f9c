// The contents of a picture: lanes with spans, and arrows between them. It is plain data, so JSON can keep it. Times are in
// milliseconds from the beginning of the scenario.

/** The kinds of spans, and their names in the legend. */
export const kinds = {
  unanswered: 'waits for an answer',
  running: 'runs',
  accept: 'blocked in accept()',
  recv: 'blocked in recv()',
  send: 'blocked in send()',
  poll: 'parked in poll() or epoll_wait()',
  ring: 'parked in io_uring_enter()',
  lock: 'asleep in Atomics.wait()',
  read: 'suspended until it can read',
  write: 'suspended until it can write',
  node: "in Node's own loop (not traced)",
} as const;

export type Kind = keyof typeof kinds;

/** A time in which a lane does one thing. */
export type Span = { kind: Kind; begin: number; end: number };

/** A client, a thread, a process, a loop, or a coroutine. */
export type Lane = { name: string; spans: Span[] };

/** The lane of a client. A span begins when the client sends, and ends when it has the whole answer, or disconnects. */
export type ClientLane = Lane & { connected: number; left: number; answered: number[] };

/** Client number `from` connected, or its bytes arrived, at `arrived`. Lane number `to` of the server woke for that at `woke`. */
export type Arrow = { from: number; to: number; arrived: number; woke: number };

export type Timeline = {
  step: string;
  duration: number;
  clients: ClientLane[];
  servers: Lane[];
  arrows: Arrow[];
};

/** The time from the arrival of the bytes until the server woke for them. */
export function gap({ arrived, woke }: Arrow): number {
  return woke - arrived;
}

/** The timeline as JSON, with a line for each lane and each arrow, so that you can read a diff. */
export function toJson({ step, duration, ...lists }: Timeline): string {
  const parts = Object.entries(lists).map(
    ([name, list]) => `"${name}":[\n${list.map((one) => JSON.stringify(one)).join(',\n')}\n]`,
  );
  return `{"step":"${step}","duration":${duration},\n${parts.join(',\n')}}\n`;
}
