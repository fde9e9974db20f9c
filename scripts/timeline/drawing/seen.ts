import type { Lane } from './timeline.ts';

/** Milliseconds from the beginning of the scenario, for microseconds. */
export type Clock = (at: number) => number;

/** Which lane woke, and when. */
export type Wake = { lane: Lane; at: number };

/** What a recording shows of a server. */
export type Seen = {
  lanes: Lane[];
  /** The lane that woke for the byte at this offset of a client's stream, or, at -1, for its connection. */
  woken: (client: number, offset: number) => Wake | undefined;
};
