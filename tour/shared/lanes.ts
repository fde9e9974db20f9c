// The lanes of a run: the data of the README's pictures, read by the same code, for a part of the time.

import { toTimeline } from '../../scripts/timeline/drawing/read.ts';
import type { Callback, ClientLog, Message, Recording } from '../../scripts/timeline/drawing/recording.ts';
import type { Span, Timeline } from '../../scripts/timeline/drawing/timeline.ts';
import type { ClientEvent, TourEvent } from './events.ts';

/** How much time the picture shows while a step runs, in milliseconds. */
const WINDOW = 15_000;

export type Lanes = {
  timeline: Timeline;
  /** The time at the left end of the picture, in microseconds on the clock of the events. */
  from: number;
  /** The same, in milliseconds since the step or the scene began. */
  elapsed: number;
};

/** The events until this time; of a long run, the last ones. Undefined, if the step does not listen yet. */
export function lanesOf(step: string, events: readonly TourEvent[], until: number): Lanes | undefined {
  const begin = beginOf(events);
  if (begin === undefined || until <= begin) return undefined;
  const duration = (until - begin) / 1000;
  const timeline = toTimeline(recordingOf(step, events, begin, duration));
  const scene = events.some(({ kind }) => kind === 'scene');
  const elapsed = scene ? 0 : Math.max(0, duration - WINDOW);
  return {
    timeline: elapsed > 0 ? lastOf(timeline, elapsed) : timeline,
    from: begin + elapsed * 1000,
    elapsed,
  };
}

/** When the scene began, or else the step. */
export function beginOf(events: readonly TourEvent[]): number | undefined {
  const begins = events.filter((event) => event.kind === 'scene' || event.kind === 'begin');
  return begins.at(-1)?.time;
}

function recordingOf(step: string, events: readonly TourEvent[], begin: number, duration: number): Recording {
  const traced = events.flatMap((one) => (one.kind === 'trace' ? [one.event] : []));
  return {
    ...{ step, platform: '', begin, duration },
    clients: clientsOf(step, events, begin),
    calls: traced.filter((event) => 'call' in event).sort((a, b) => a.begin - b.begin),
    waits: traced.flatMap((event) =>
      'wait' in event && (event.wait === 'read' || event.wait === 'write') && event.fd !== undefined
        ? [{ ...event, wait: event.wait, fd: event.fd }]
        : [],
    ),
    callbacks: events.flatMap((one): Callback[] => (one.kind === 'callback' ? [one.event] : [])),
  };
}

/** For each connection a client, with its messages, and when the step has answered all of each. */
function clientsOf(step: string, events: readonly TourEvent[], begin: number): ClientLog[] {
  const roles = events.flatMap((one) => (one.kind === 'scene' ? [one.roles] : [])).at(-1);
  const own = events.filter((one): one is ClientEvent => one.kind === 'client' && one.time >= begin);
  const logs: ClientLog[] = [];
  const open = new Map<
    string,
    { log: ClientLog; pending: Pending[]; sent: number; count: number; heard: number }
  >();
  const level = Number(/\d+$/.exec(step));
  for (const { name, what, time, length = 0, lines = 0 } of own) {
    if (what === 'connects') {
      const role = roles?.[name] ?? `client ${logs.length + 1}`;
      const log: ClientLog = { name, role, connected: time, left: Number.MAX_SAFE_INTEGER, messages: [] };
      logs.push(log);
      open.set(name, { log, pending: [], sent: 0, count: 0, heard: 0 });
      continue;
    }
    const client = open.get(name);
    if (!client) continue;
    if (what === 'sends') {
      const message: Message = { said: time, offset: client.sent };
      client.sent += length;
      client.count += level < 6 ? length : Math.max(1, lines);
      client.log.messages.push(message);
      client.pending.push({ message, until: client.count });
    }
    if (what === 'receives') {
      client.heard += level < 6 ? length : lines;
      while (client.pending[0] && client.pending[0].until <= client.heard) {
        (client.pending.shift() as Pending).message.answered = time;
      }
    }
    if (what === 'closes' || what === 'resets' || what === 'sees a reset') client.log.left = time;
  }
  return logs;
}

/** A message, and how many bytes or lines the client has received when all of the message is answered. */
type Pending = { message: Message; until: number };

/** The part of a timeline from this time on, in milliseconds, with the lanes that have spans then. */
function lastOf(timeline: Timeline, from: number): Timeline {
  const cut = (spans: readonly Span[]) =>
    spans
      .filter(({ end }) => end > from)
      .map(({ kind, begin, end }) => ({ kind, begin: Math.max(0, begin - from), end: end - from }));
  const clients = timeline.clients.map((client) => ({
    ...client,
    spans: cut(client.spans),
    connected: Math.max(0, client.connected - from),
    left: client.left - from,
    answered: client.answered.map((time) => time - from).filter((time) => time >= 0),
  }));
  const servers = timeline.servers.map((lane) => ({ ...lane, spans: cut(lane.spans) }));
  const shownClients = clients.filter(({ left }) => left > 0);
  const shownServers = servers.filter(({ spans }) => spans.length > 0);
  const arrows = timeline.arrows.flatMap((arrow) => {
    const client = clients[arrow.from];
    const server = servers[arrow.to];
    const to = server ? shownServers.indexOf(server) : -1;
    const origin = client ? shownClients.indexOf(client) : -1;
    if (arrow.woke < from || to < 0 || origin < 0) return [];
    return [{ from: origin, to, arrived: Math.max(0, arrow.arrived - from), woke: arrow.woke - from }];
  });
  return {
    ...timeline,
    duration: timeline.duration - from,
    clients: shownClients,
    servers: shownServers,
    arrows,
  };
}

/** The line of code of a span, if the trace knows it. `begin` is when the picture begins, as in {@link Lanes}. */
export function lineOf(
  events: readonly TourEvent[],
  { kind, begin }: Span,
  from: number,
): string | undefined {
  const at = from + begin * 1000;
  let nearest: { line: string; distance: number } | undefined;
  for (const one of events) {
    if (one.kind !== 'trace' || one.event.at === undefined) continue;
    const { event } = one;
    const took = 'took' in event ? (event.took ?? 0) : 0;
    const time = kind === 'running' ? event.begin + took : event.begin;
    const distance = Math.abs(time - at);
    if (!nearest || distance < nearest.distance) nearest = { line: event.at as string, distance };
  }
  return nearest?.line;
}
