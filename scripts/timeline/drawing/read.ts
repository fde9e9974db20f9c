// Turns a recording into lanes and arrows.

import { readCoroutines, readNode } from './loops.ts';
import type { ClientLog, Recording } from './recording.ts';
import type { Clock, Seen } from './seen.ts';
import { readThreads } from './threads.ts';
import type { ClientLane, Kind, Span, Timeline } from './timeline.ts';

/** A wait shorter than this, in milliseconds, counts as work: you could not see it, and any call may take that long. */
const SHORT = 1;

/** The timeline of a recording. */
export function toTimeline(recording: Recording): Timeline {
  const { step, begin, duration } = recording;
  const time = (at: number) => Math.round(at - begin) / 1000;
  const { lanes, woken } = read(recording, time);
  const servers = lanes.map(({ name, spans }) => ({ name, spans: filled(spans, duration) }));
  const arrows = recording.clients.flatMap(({ connected, messages }, from) =>
    [{ said: connected, offset: -1 }, ...messages].flatMap(({ said, offset }) => {
      const wake = woken(from, offset);
      if (!wake || wake.at >= duration) return [];
      // The server may accept a client before the client knows that it is connected.
      const arrived = Math.min(time(said), wake.at);
      return { from, to: lanes.indexOf(wake.lane), arrived, woke: wake.at };
    }),
  );
  return {
    step,
    duration,
    clients: recording.clients.map((log) => clientLane(log, time, duration)),
    servers,
    arrows,
  };
}

function read(recording: Recording, time: Clock): Seen {
  if (recording.callbacks.length > 0) return readNode(recording, time);
  const { connections, ...threads } = readThreads(recording, time);
  return recording.waits.length > 0 ? readCoroutines(recording, time, connections, threads) : threads;
}

function clientLane(
  { name, role, connected, left, messages }: ClientLog,
  time: Clock,
  duration: number,
): ClientLane {
  const seen = (at: number) => Math.min(time(at), duration);
  const spans = messages.map(
    ({ said, answered = left }): Span => ({ kind: 'unanswered', begin: time(said), end: seen(answered) }),
  );
  const answered = messages.flatMap(({ answered }) => (answered === undefined ? [] : [time(answered)]));
  return {
    name: `${name}, ${role}`,
    spans: spans.filter(({ begin }) => begin < duration),
    connected: seen(connected),
    left: seen(left),
    answered: answered.filter((at) => at < duration),
  };
}

/** The spans of a lane in the scenario, without gaps: time between two spans is work. Neighbours of one kind become one. */
function filled(spans: readonly Span[], duration: number): Span[] {
  const result: Span[] = [];
  const add = (kind: Kind, from: number, to: number) => {
    const [begin, end] = [Math.max(0, from), Math.min(to, duration)];
    const last = result.at(-1);
    if (begin >= end) return;
    if (last?.kind === kind && last.end === begin) last.end = end;
    else result.push({ kind, begin, end });
  };
  let now = spans[0]?.begin ?? 0;
  for (const { kind, begin, end } of spans) {
    add('running', now, begin);
    add(end - begin < SHORT ? 'running' : kind, begin, end);
    now = Math.max(now, end); // In a chat, one coroutine of a client reads while another one writes.
  }
  return result;
}
