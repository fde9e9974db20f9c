// The code of a step, with marks at the lines in which it waits.

import { duration } from '../../scripts/trace/wording.ts';
import type { Content, Source } from '../shared/content.ts';
import type { Moment, Standing } from '../shared/moment.ts';
import { button, h, setText } from './dom.ts';

/** How many of the threads or coroutines that wait in one line are named beside it. */
const NAMED = 3;
/** After you have scrolled, the code does not scroll by itself for so many milliseconds. */
const REST = 5000;

type Line = { element: HTMLElement; chips: HTMLElement };

export class Code {
  readonly element = h('section', { class: 'code', 'aria-label': 'Code' });
  readonly #content: Content;
  readonly #panes = h('div', { class: 'panes' });
  readonly #files = h('select', { 'aria-label': 'A file that it imports' });
  readonly #lines = new Map<string, Line>();
  #lit = new Map<string, Standing[]>();
  #helped = false;
  #scrolled = Number.NEGATIVE_INFINITY;

  constructor(content: Content) {
    this.#content = content;
    const [step, ...others] = content.files as [Source, ...Source[]];
    this.#files.append(h('option', { value: '' }, `imports ${others.length} files`));
    for (const { path } of others)
      this.#files.append(h('option', { value: path }, path.replace(/^src\//, '')));
    this.#files.addEventListener('change', () => this.#openBeside(this.#files.value));
    const { added, removed } = content.changes;
    const difference = h(
      'label',
      { class: 'switch' },
      h('input', { type: 'checkbox' }),
      `new since ${content.predecessor}`,
    );
    difference.addEventListener('change', () => this.element.classList.toggle('difference'));
    this.element.append(
      h(
        'header',
        {},
        h('h2', {}, step.path),
        ...(added.length + removed.length > 0 ? [difference] : []),
        this.#files,
      ),
      this.#panes,
    );
    this.#panes.append(this.#pane(step));
    this.#panes.addEventListener('wheel', () => this.#rest(), { passive: true });
    this.#panes.addEventListener('touchmove', () => this.#rest(), { passive: true });
    this.#panes.addEventListener('keydown', () => this.#rest());
  }

  /** Marks the lines that wait, and those that have just run. */
  show({ waits, ran }: Moment, time: number): void {
    const lit = new Map<string, Standing[]>();
    for (const wait of waits) lit.set(wait.at ?? '', [...(lit.get(wait.at ?? '') ?? []), wait]);
    this.#openHelper(lit);
    for (const [at, { element, chips }] of this.#lines) {
      const standing = lit.get(at);
      element.classList.toggle('waits', standing !== undefined);
      element.classList.toggle('runs', ran.has(at));
      if (!standing) {
        if (chips.firstChild) chips.replaceChildren();
        continue;
      }
      this.#label(chips, standing, time);
    }
    this.#mark(lit);
    const fresh = [...lit.keys()].find((at) => !this.#lit.has(at) && this.#lines.has(at));
    if (fresh && performance.now() - this.#scrolled > REST) this.reveal(fresh, false);
    this.#lit = lit;
  }

  /** Scrolls to a line, of the step or of a file beside it. */
  reveal(at: string, asked = true): void {
    const [path = ''] = at.split(':');
    if (!this.#lines.has(at) && this.#content.files.some((file) => file.path === path))
      this.#openBeside(path);
    const { element } = this.#lines.get(at) ?? {};
    const pane = element?.parentElement?.parentElement;
    if (!element || !pane) return;
    if (asked) this.#rest();
    const above = element.offsetTop < pane.scrollTop + 40;
    const below = element.offsetTop + 60 > pane.scrollTop + pane.clientHeight;
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    if (above || below) {
      pane.scrollTo({
        top: element.offsetTop - pane.clientHeight / 2,
        behavior: calm ? 'instant' : 'smooth',
      });
    }
    if (!asked) return;
    element.classList.remove('asked');
    requestAnimationFrame(() => element.classList.add('asked'));
  }

  /** If no line of the step waits, opens the other file in which a line waits, once. */
  #openHelper(lit: ReadonlyMap<string, unknown>): void {
    const places = [...lit.keys()].map((at) => at.replace(/:\d+$/, ''));
    if (this.#helped || places.includes(this.#content.path)) return;
    const helper = places.find((path) => this.#content.files.some((file) => file.path === path));
    if (helper === undefined) return;
    this.#helped = true;
    this.#openBeside(helper);
  }

  #rest(): void {
    this.#scrolled = performance.now();
  }

  #label(chips: HTMLElement, standing: readonly Standing[], time: number): void {
    const named = standing.slice(0, NAMED);
    const texts = named.map(({ who, what, whom, since }) =>
      [what, whom ?? '', who === 'the one thread' ? '' : who, duration(time - since)]
        .filter(Boolean)
        .join(' · '),
    );
    if (standing.length > NAMED) texts.push(`and ${standing.length - NAMED} more`);
    while (chips.children.length > texts.length) chips.lastChild?.remove();
    for (const [i, text] of texts.entries()) {
      setText(chips.children[i] ?? chips.appendChild(h('span', { class: 'chip' })), `◔ ${text}`);
    }
  }

  /** Marks the names of files in which a line waits. */
  #mark(lit: ReadonlyMap<string, unknown>): void {
    for (const option of this.#files.options) {
      if (option.value === '') continue;
      const waits = [...lit.keys()].some((at) => at.startsWith(`${option.value}:`));
      const text = `${waits ? '◔ ' : ''}${option.value.replace(/^src\//, '')}`;
      if (option.text !== text) option.text = text;
    }
    const waiting = [...this.#files.options].filter(({ text }) => text.startsWith('◔')).length;
    this.#files.classList.toggle('waits', waiting > 0);
  }

  #openBeside(path: string): void {
    this.#panes.querySelector('.beside')?.remove();
    this.#files.value = '';
    const source = this.#content.files.find((file) => file.path === path);
    for (const at of [...this.#lines.keys()]) {
      if (!at.startsWith(`${this.#content.path}:`)) this.#lines.delete(at);
    }
    this.#lit = new Map();
    if (!source) return;
    const close = button('Close', () => this.#openBeside(''));
    const pane = h('div', { class: 'beside' }, h('header', {}, h('h3', {}, path), close), this.#pane(source));
    this.#panes.append(pane);
  }

  #pane({ path, lines }: Source): HTMLElement {
    const isStep = path === this.#content.path;
    const { added, removed } = isStep ? this.#content.changes : { added: [], removed: [] };
    const list = h('div', { class: 'lines' });
    const comment = isStep ? lines.indexOf('') : 0;
    if (comment > 0) {
      const unfold = button(`⋯ the header: ${comment} lines`, () => list.classList.add('whole'), {
        class: 'unfold',
      });
      list.append(unfold);
    }
    lines.forEach((line, i) => {
      for (const { before, text } of removed) {
        if (before === i + 1)
          list.append(h('div', { class: 'line removed' }, h('i', {}, '−'), h('code', {}, text || ' ')));
      }
      const chips = h('span', { class: 'chips' });
      const element = h(
        'div',
        { class: 'line' },
        h('i', {}, `${i + 1}`),
        h('code', { html: line || ' ' }),
        chips,
      );
      if (i < comment) element.classList.add('comment-line');
      if (added.includes(i + 1)) element.classList.add('added');
      list.append(element);
      this.#lines.set(`${path}:${i + 1}`, { element, chips });
    });
    return h('div', { class: 'pane', tabindex: 0, role: 'region', 'aria-label': `Code of ${path}` }, list);
  }
}
