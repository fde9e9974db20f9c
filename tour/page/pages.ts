// The pages: a step with its clients, and two steps side by side.

import type { Content, Overview } from '../shared/content.ts';
import { about } from './about.ts';
import { ClientCard } from './clients.ts';
import { button, h, setText } from './dom.ts';
import { Player } from './player.ts';
import { Scene } from './scene.ts';
import { Side } from './side.ts';
import { act, live, loadRecording } from './source.ts';
import { StepView } from './step-view.ts';

/** A page on the screen. */
export type Page = { element: HTMLElement; sides: Side[]; show(now: number): void };

/** Shows why the server has refused a request. */
export type Complain = (why: string | undefined) => void;

export function stepPage(content: Content, overview: Overview, complain: Complain): Page {
  const side = new Side(content);
  const { player, view, scene, show } = playing([side], complain);
  const [only] = view as [StepView];
  const ask = async (what: Record<string, unknown>) => {
    player.follow();
    complain(await act({ step: content.name, ...what }));
  };
  const names = ['A', 'B', 'C', 'D'];
  const cards = names.map(
    (name) =>
      new ClientCard(
        name,
        live && name !== 'D'
          ? (name, doing, text = '') => ask({ act: 'client', name, doing, text })
          : undefined,
      ),
  );
  const start = startControls(content, side, ask);
  const element = h(
    'main',
    { class: live ? 'step' : 'step recorded' },
    about(content, live ? (index) => void ask({ act: 'try', index }) : undefined),
    only.code.element,
    h(
      'aside',
      { 'aria-label': 'The server and its clients' },
      ...(live ? [start.element] : []),
      only.standings.element,
      h(
        'section',
        { class: 'clients', 'aria-label': 'Clients' },
        h('h2', {}, 'Clients'),
        ...cards.map(({ element }) => element),
      ),
      h('section', {}, h('h2', {}, 'Log'), only.log),
    ),
    h(
      'div',
      { class: 'time' },
      h('div', {}, player.element, only.timeline.element, only.skipped),
      h('div', {}, scene.element, comparison(content, overview)),
    ),
  );
  return {
    element,
    sides: [side],
    show(now) {
      const [time = 0] = show(now);
      start.show();
      const running = side.begin !== undefined && side.end === undefined;
      for (const [i, card] of cards.entries()) {
        card.show(side.events, time, running);
        card.element.hidden = names[i] === 'D' && !side.events.some(({ kind }) => kind === 'scene');
      }
    },
  };
}

/** Two steps in the same scene. */
export function comparePage(contents: readonly Content[], complain: Complain): Page {
  const sides = contents.map((content) => new Side(content));
  const { player, view, scene, show } = playing(sides, complain);
  const columns = view.map((one, i) =>
    h(
      'section',
      { class: 'column', 'aria-label': contents[i]?.name },
      h('h1', {}, h('a', { href: `#${contents[i]?.name}` }, contents[i]?.name ?? '')),
      h('p', { class: 'title' }, contents[i]?.title ?? ''),
      one.code.element,
      one.standings.element,
      one.timeline.element,
      one.skipped,
    ),
  );
  return {
    element: h(
      'main',
      { class: 'compare' },
      h('div', { class: 'top' }, scene.element, player.element),
      ...columns,
    ),
    sides,
    show: (now) => void show(now),
  };
}

/** Both kinds of pages have one time for all sides. */
function playing(sides: Side[], complain: Complain) {
  const lengths = () => sides.map(({ begin, now }) => (begin === undefined ? 0 : now - begin));
  const player = new Player(() => {
    const length = Math.max(...lengths());
    const grows = live && sides.some(({ end }) => end === undefined);
    return length > 0 ? { length: live ? length : recordedLength(sides), grows } : undefined;
  });
  const view = sides.map((side) => new StepView(side, (at) => player.stopAt(at)));
  const scene = new Scene(sides, async (slower) => {
    if (live) {
      player.follow();
      const starts = sides.map(({ content }) => ({ step: content.name, options: [] }));
      complain(await act({ act: 'scene', slower, starts }));
    } else {
      player.slower = slower;
      player.restart();
    }
  });
  if (!live)
    for (const side of sides)
      void loadRecorded(side).then(
        () => player.stopAt(0),
        (error) => complain(error.message),
      );
  const show = (now: number) => {
    player.tick(now);
    const times = sides.map((side, i) => {
      const length = live ? player.frozen : recordedLength(sides);
      const until = length === undefined ? side.now : (side.begin ?? 0) + length;
      return (view[i] as StepView).show(player.at, until);
    });
    scene.show(times);
    return times;
  };
  return { player, view, scene, show };
}

const ends = new WeakMap<Side, number>();

function recordedLength(sides: readonly Side[]): number {
  return Math.max(...sides.map((side) => (ends.get(side) ?? 0) - (side.begin ?? 0)));
}

async function loadRecorded(side: Side): Promise<void> {
  const { events, end } = await loadRecording(side.content.name);
  ends.set(side, end);
  side.take({ events, now: end, anew: true, options: [] });
}

function startControls({ options }: Content, side: Side, ask: (what: Record<string, unknown>) => void) {
  const choice = h('select', { 'aria-label': 'Options' });
  choice.append(...options.map((one, i) => h('option', { value: i }, one.join(' ') || 'no options')));
  const start = button('▶ Start', () => ask({ act: 'start', options: options[Number(choice.value)] }), {
    class: 'primary',
  });
  const stop = button('■ Ctrl-C', () => ask({ act: 'stop' }), {
    title: 'A second click ends the step at once',
  });
  const state = h('p', { class: 'state', role: 'status' });
  return {
    element: h(
      'section',
      { class: 'start', 'aria-label': 'Start and stop' },
      start,
      stop,
      ...(options.length > 1 ? [choice] : []),
      state,
    ),
    show() {
      const begin = side.events.find((event) => event.kind === 'begin');
      const end = side.events.find((event) => event.kind === 'end');
      setText(start, begin ? '▶ Start again' : '▶ Start');
      stop.disabled = !begin || end !== undefined;
      const typed = side.options.join(' ');
      setText(state, end ? `ended: ${end.how}` : begin ? `listens on 127.0.0.1:${begin.port} ${typed}` : '');
    },
  };
}

function comparison({ name }: Content, { steps }: Overview): HTMLElement {
  const choice = h(
    'select',
    { 'aria-label': 'Another step, side by side' },
    h('option', { value: '' }, 'side by side with …'),
  );
  for (const other of steps) if (other.name !== name) choice.append(h('option', {}, other.name));
  choice.addEventListener('change', () => {
    if (choice.value) location.hash = `${name}+${choice.value}`;
  });
  return choice;
}
