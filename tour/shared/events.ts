// The events of a run, as the server sends them to the page. This file has only types.

import type { Callback } from '../../scripts/timeline/drawing/recording.ts';
import type { Happening } from '../../src/behaviours/client.ts';
import type { TraceEvent } from '../../src/sockets/trace-event.ts';

/** A client sends, receives, or connects. */
export type ClientEvent = {
  kind: 'client';
  time: number;
  name: string;
  what: Happening['what'] | 'stops reading' | 'reads again' | 'is refused';
  /** The beginning of the bytes sent or received, as text to show. */
  text?: string;
  /** How many bytes were sent or received. */
  length?: number;
  /** How many lines end in them, without those by which a chat says that users join and leave. */
  lines?: number;
};

/** Times are in microseconds, on the clock of the trace. */
export type TourEvent =
  | { kind: 'trace'; event: TraceEvent }
  | { kind: 'callback'; event: Callback }
  | ClientEvent
  | { kind: 'log'; time: number; line: string }
  /** The step listens. */
  | { kind: 'begin'; time: number; port: number }
  /** The scene of the four clients begins. */
  | { kind: 'scene'; time: number; slower: number; roles: Record<string, string> }
  | { kind: 'end'; time: number; how: string }
  /** How many events were left out: there were too many at once. */
  | { kind: 'skipped'; time: number; count: number };

/** A report from the server to the page. */
export type Report = {
  /** Which of the two steps on the page the report is about, from the left. */
  side: number;
  step: string;
  options: readonly string[];
  /** The time on the clock of the events when the report was sent. */
  now: number;
  /** Whether the page drops the earlier events of this side. */
  anew: boolean;
  events: TourEvent[];
};

/** A recording of the scene, as a static page plays it. */
export type Recorded = Pick<Report, 'step' | 'events'> & { end: number };
