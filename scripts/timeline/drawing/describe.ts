// A timeline in words and figures, for screen readers.

import { gap, kinds, type Lane, type Timeline } from './timeline.ts';

/** A gap of this many milliseconds or more gets a figure. */
export const LATE = 100;

/** A kind of span that fills less of a lane than this, in milliseconds, gets no figure. */
const LITTLE = 50;

/** A sentence for each client, with the lanes that woke for it, and when; and one for each lane of the server. */
export function describe({ clients, servers, arrows }: Timeline): string {
  const heard = clients.map(({ name, spans }, i) => {
    const own = arrows.filter(({ from }) => from === i);
    // One arrow for the connection, and one for each message.
    if (own.length < 1 + spans.length) return `${name}: the server does not receive all of its bytes.`;
    const lanes = [...new Set(own.map(({ to }) => servers[to]?.name.split(',')[0]))];
    const longest = Math.max(...own.map(gap));
    const when = longest < LATE ? 'at once' : `after up to ${seconds(longest)}`;
    return `${name}: ${lanes.join(' and ')} ${lanes.length > 1 ? 'wake' : 'wakes'} for it ${when}.`;
  });
  return [...heard, ...servers.map((lane) => `${lane.name}: ${contents(lane)}.`)].join(' ');
}

function contents({ spans }: Lane): string {
  const words = Object.entries(kinds).flatMap(([kind, words]) => {
    const own = spans.filter((span) => span.kind === kind);
    const total = own.reduce((sum, { begin, end }) => sum + end - begin, 0);
    return total < LITTLE ? [] : [`${words} for ${seconds(total)}`];
  });
  return words.join(', ') || 'short runs and waits';
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
