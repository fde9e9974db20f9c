// The map of the README, one click a step.

import type { Overview } from '../shared/content.ts';
import { h } from './dom.ts';

export function map({ mechanisms, levels, steps }: Overview, current = ''): HTMLElement {
  const titles = new Map(steps.map(({ name, title }) => [name, title]));
  const link = (name: string) =>
    h(
      'a',
      { href: `#${name}`, title: titles.get(name), 'aria-current': name === current ? 'page' : undefined },
      name,
    );
  return h(
    'table',
    { class: 'map' },
    h(
      'thead',
      {},
      h('tr', {}, ...['level', 'what it adds', ...mechanisms].map((text) => h('th', { scope: 'col' }, text))),
    ),
    h(
      'tbody',
      {},
      ...levels.map(({ level, adds, steps }) =>
        h(
          'tr',
          {},
          h('th', { scope: 'row' }, level),
          h('td', { class: 'adds', html: adds }),
          ...steps.map((names) => h('td', {}, ...names.map(link))),
        ),
      ),
    ),
  );
}

/** The first page: what you can see here, and the map. */
export function home(overview: Overview, live: boolean): HTMLElement {
  const what = live
    ? 'Choose a step, start it, and connect. The line that it waits in is lit for as long as it waits.'
    : 'Choose a step, and play its recording: a real run, with four clients. The line that it waits in is lit for as long as it waits.';
  const link = (step: string) => h('a', { href: `#${step}` }, step);
  return h(
    'main',
    { class: 'home' },
    h('h1', {}, 'Where does a server stand while it waits?'),
    h('p', { class: 'lead' }, what),
    h('p', {}, 'An hour: ', ...hour.flatMap((step, i) => [i > 0 ? ' · ' : '', link(step)]), '.'),
    map(overview),
  );
}

/** The shortest way through, as the README has it. */
const hour = ['single1', 'single3', 'thread4', 'select3', 'generator4', 'loop4', 'stream6'];
