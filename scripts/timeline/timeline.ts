// What a recording shows, as lanes and arrows.

import { type Coroutine, findCoroutines } from './coroutines.ts';
import { type Arrow, type ClientLane, type Lane, type Span, within } from './lane.ts';
import type { Recording } from './record.ts';
import { type ClientLog, DURATION } from './scenario.ts';
import {
  type Connection,
  findConnections,
  findReceived,
  findThreads,
  type Made,
  type Thread,
  wokeFor,
} from './threads.ts';

export type Timeline = {
  step: string;
  duration: number;
  clients: ClientLane[];
  servers: Lane[];
  arrows: Arrow[];
};

const roles: Record<string, string> = {
  A: 'A, says nothing',
  B: 'B, talks',
  C: 'C, reads slowly',
  D: 'D, comes late',
};

/** What a recording shows. */
export function toTimeline(recording: Recording): Timeline {
  const time = (at: number) => (at - recording.begin) / 1000;
  const clients = recording.clients.map((log) => clientLane(log, time));
  const onNode = recording.callbacks.length > 0;
  const { servers, arrows } = (onNode ? nodeLanes : ownLanes)(recording, clients, time);
  for (const lane of [...clients, ...servers]) lane.spans = within(lane.spans, 0, DURATION);
  return {
    step: recording.step,
    duration: DURATION,
    clients,
    servers: servers.filter(({ name, spans }) => name !== '' && spans.length > 0),
    arrows: arrows.filter(({ arrived, woke }) => arrived < DURATION && woke < DURATION),
  };
}

function clientLane({ name, connected, left, messages }: ClientLog, time: Clock): ClientLane {
  const gone = time(left);
  const spans = messages.map(
    ({ said, answered }): Span => ({
      kind: 'unanswered',
      begin: time(said),
      end: answered === undefined ? gone : time(answered),
    }),
  );
  return {
    name: roles[name] ?? name,
    spans,
    connected: Math.min(time(connected), gone), // It may have found nobody.
    left: gone,
    said: messages.map(({ said }) => time(said)),
    answered: messages.flatMap(({ answered }) => (answered === undefined ? [] : [time(answered)])),
  };
}

/** Milliseconds from the beginning of the scenario, for microseconds. */
type Clock = (at: number) => number;

type Seen = { servers: Lane[]; arrows: Arrow[] };

/** Of a step that makes its calls itself: its threads, and its coroutines if it has any. */
function ownLanes(recording: Recording, clients: readonly ClientLane[], time: Clock): Seen {
  const threads = findThreads(recording, time);
  const connections = findConnections(threads).slice(0, clients.length);
  const calls = threads.flatMap(({ calls }) => calls);
  const coroutines = findCoroutines(recording.coroutines, calls, time);
  const arrows = connections.flatMap((connection, i) => {
    const [from, { messages }] = [clients[i] as ClientLane, recording.clients[i] as ClientLog];
    const received = messages.map(({ offset }) => findReceived(connection, offset));
    return [connection.accepted, ...received].flatMap((made, j) => {
      const arrived = j === 0 ? from.connected : (from.said[j - 1] as number);
      return made ? [toArrow(from, arrived, woken(coroutines, made))] : [];
    });
  });
  const names = recording.clients.map(({ name }) => name);
  nameCoroutines(coroutines, connections, names);
  const servers = [...threadLanes(threads, connections, names), ...coroutines.map(({ lane }) => lane)];
  return { servers, arrows };
}

/** Who woke to make this call, and when: the coroutine that waited for it, or else the thread. */
function woken(coroutines: readonly Coroutine[], made: Made): { lane: Lane; at: number } {
  const { by, call } = made;
  const coroutine = coroutines.findLast(({ fd, begin }) => fd === call.fd && begin <= call.begin);
  const at = coroutine?.wakes.findLast((at) => at <= call.begin);
  return coroutine && at !== undefined ? { lane: coroutine.lane, at } : { lane: by.lane, at: wokeFor(made) };
}

/**
 * The lanes of the threads, with names: the first, then those who serve somebody, in the order of whom they serve, then those
 * who wait in vain. Those who were there for the guests have no name.
 */
function threadLanes(
  threads: readonly Thread[],
  connections: readonly Connection[],
  clients: readonly string[],
): Lane[] {
  const processes = new Set(threads.map(({ pid }) => pid)).size;
  const [first, others] = processes > 1 ? ['parent', 'child'] : ['main thread', 'thread'];
  const [main, ...workers] = threads.map((thread) => ({
    lane: thread.lane,
    served: clients.filter((_, i) => connections[i]?.received.some(({ by }) => by === thread)),
    waits: within(thread.lane.spans, 0, DURATION).some(({ kind }) => kind !== 'running'),
  }));
  if (!main) return [];
  main.lane.name = threads.length > 1 ? `${first}` : 'the one thread';
  const order = ({ served: [client] }: { served: string[] }) =>
    client === undefined ? clients.length : clients.indexOf(client);
  const shown = workers.filter(({ served, waits }) => served.length > 0 || waits);
  for (const [i, { lane, served }] of shown.sort((a, b) => order(a) - order(b)).entries()) {
    lane.name = `${others} ${i + 1}${served.length > 0 ? `, serves ${served.join(' and ')}` : ''}`;
  }
  return [main, ...shown].map(({ lane }) => lane);
}

/** The first is the one that accepts; another is called after its client. Those of the guests have no name. */
function nameCoroutines(
  coroutines: readonly Coroutine[],
  connections: readonly Connection[],
  clients: readonly string[],
): void {
  for (const [i, { lane, fd, begin }] of coroutines.entries()) {
    const own = connections.findLastIndex(
      ({ accepted }) => accepted.call.result === fd && accepted.call.begin <= begin,
    );
    if (i === 0) lane.name = 'coroutine that accepts';
    else if (own >= 0) lane.name = `coroutine of ${clients[own]}`;
  }
}

/** Of a step on Node's own loop: when it has called JavaScript, and for whom. */
function nodeLanes(recording: Recording, clients: readonly ClientLane[], time: Clock): Seen {
  const { callbacks } = recording;
  const lane: Lane = { name: "Node's loop", spans: [] };
  let end = 0;
  for (const { begin, took } of callbacks.filter(({ callback }) => callback === 'called')) {
    lane.spans.push({ kind: 'node', begin: end, end: time(begin) });
    end = time(begin + took);
    lane.spans.push({ kind: 'running', begin: time(begin), end });
  }
  lane.spans.push({ kind: 'node', begin: end, end: DURATION });

  const accepted = callbacks.filter(({ callback, begin }) => callback === 'accepted' && time(begin) > 0);
  const arrows: Arrow[] = [];
  for (const [i, from] of clients.entries()) {
    const own = accepted[i];
    if (!own) continue; // It was never accepted.
    const about = callbacks.filter(({ connection }) => connection === own.connection);
    const { messages } = recording.clients[i] as ClientLog;
    const arrivals = [[from.connected, -1], ...messages.map(({ offset }, j) => [from.said[j], offset])];
    for (const [arrived, offset] of arrivals as [number, number][]) {
      const called = about.find(({ received = 0 }) => received > offset);
      if (called) arrows.push(toArrow(from, arrived, { lane, at: time(called.begin) }));
    }
  }
  return { servers: [lane], arrows };
}

/** The two clocks are one, but a client may be told that it is connected after the server has been told. */
function toArrow(from: ClientLane, arrived: number, { lane, at }: { lane: Lane; at: number }): Arrow {
  return { from, to: lane, arrived: Math.min(arrived, at), woke: at };
}
