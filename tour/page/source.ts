// The page's source of data: the server that has sent the page, or files beside it. The page asks no other server.

import type { Content, Overview } from '../shared/content.ts';
import type { Recorded, Report } from '../shared/events.ts';

/** Whether the server of this page runs steps. */
export const live = document.documentElement.dataset.form === 'live';

export function loadOverview(): Promise<Overview> {
  return load('content/overview.json');
}

const contents = new Map<string, Promise<Content>>();

export function loadContent(step: string): Promise<Content> {
  const known = contents.get(step) ?? load<Content>(`content/${step}.json`);
  contents.set(step, known);
  return known;
}

export function loadRecording(step: string): Promise<Recorded> {
  return load(`recordings/${step}.json`);
}

async function load<Type>(path: string): Promise<Type> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${(await response.text()).trim()}`);
  return response.json();
}

const SILENCE = 'The server does not answer. Is npm run tour still running?';

const page = crypto.getRandomValues(new Uint32Array(4)).join('-');

/** Receives reports of events. Calls `complain` with the reason when none can come, and with undefined when they come again. */
export function listen(take: (report: Report) => void, complain: (why: string | undefined) => void): void {
  const stream = new EventSource(`events?page=${page}`);
  stream.onmessage = ({ data }) => take(JSON.parse(data));
  stream.onopen = () => complain(undefined);
  stream.onerror = () => {
    const isRefused = stream.readyState === EventSource.CLOSED; // Otherwise the browser tries again.
    complain(isRefused ? 'Too many pages of the tour are open: close some, then reload this one.' : SILENCE);
  };
}

/** Asks the server to do something. If it refuses, returns its reason. */
export async function act(what: Record<string, unknown>): Promise<string | undefined> {
  try {
    const response = await fetch(`act?page=${page}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(what),
    });
    return response.ok ? undefined : (await response.text()).trim();
  } catch {
    return 'The server does not answer';
  }
}
