// Where the step waits, in words: for a screen reader, and when the lines are out of view.

import { duration } from '../../scripts/trace/wording.ts';
import type { Moment, Standing } from '../shared/moment.ts';
import { button, h, setText } from './dom.ts';

export class Standings {
  readonly element = h(
    'section',
    { class: 'standings', 'aria-label': 'Where it waits' },
    h('h2', {}, 'Where it waits'),
  );
  readonly #list = h('ul');
  readonly #reveal: (at: string) => void;

  constructor(reveal: (at: string) => void) {
    this.#reveal = reveal;
    this.element.append(this.#list);
  }

  show({ waits, ran }: Moment, time: number, rest: string): void {
    const texts = waits.map((standing) => inWords(standing, time));
    if (texts.length === 0) texts.push(ran.size > 0 ? '▶ the step runs' : rest);
    while (this.#list.children.length > texts.length) this.#list.lastChild?.remove();
    for (const [i, text] of texts.entries()) {
      const item = this.#list.children[i] ?? this.#list.appendChild(h('li'));
      const at = waits[i]?.at;
      if ((item as HTMLElement).dataset.at !== (at ?? 'none')) {
        (item as HTMLElement).dataset.at = at ?? 'none';
        item.replaceChildren(at ? button('', () => this.#reveal(at)) : h('span'));
      }
      item.classList.toggle('waits', i < waits.length);
      setText(item.firstElementChild as Element, text);
    }
  }
}

function inWords({ who, what, whom, at, since }: Standing, time: number): string {
  const line = at ? `line ${at.replace(/^.*\/(.*)\.ts:/, '$1:')}` : '';
  const doing = what.startsWith('until') ? `waits ${what}` : `in ${what}`;
  return ['◔', [who, doing, whom ?? '', line, duration(time - since)].filter(Boolean).join(' · ')].join(' ');
}
