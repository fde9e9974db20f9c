// The map of the README, with links to the pages of the steps.

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

/** The first page: a sentence about the tour, and the map. */
export function home(overview: Overview, live: boolean): HTMLElement {
  const what = live
    ? 'Choose a step, start it, and connect clients. A line is lit while the step waits in it.'
    : 'Choose a step, and play its recording: a real run with four clients. A line is lit while the step waits in it.';
  const link = (step: string) => h('a', { href: `#${step}` }, step);
  return h(
    'main',
    { class: 'home' },
    h('h1', {}, 'Which line does a server wait in?'),
    h('p', { class: 'lead' }, what),
    h('p', {}, 'In an hour: ', ...hour.flatMap((step, i) => [i > 0 ? ' · ' : '', link(step)]), '.'),
    map(overview),
  );
}

/** The shortest way through the steps: the README has it, too. */
const hour = ['single1', 'single3', 'thread4', 'select3', 'generator4', 'loop4', 'stream6'];
