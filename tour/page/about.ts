// About a step: the parts of its header, what you can try, and the section of its chapter's README.

import type { Content } from '../shared/content.ts';
import { button, h } from './dom.ts';

/** @param play plays the proposal of this number. A page without a server has none */
export function about(content: Content, play: ((index: number) => void) | undefined): HTMLElement {
  const { name, title, predecessor, header, section, tries } = content;
  const tried = h('p', { html: header.try });
  const plays = tries.map(({ words }, i) =>
    button(tries.length > 1 ? `▶ Play: ${brief(words)}` : '▶ Play this', () => play?.(i), { class: 'play' }),
  );
  return h(
    'article',
    { class: 'about', 'aria-label': `About ${name}` },
    h('h1', {}, name),
    h('p', { class: 'title' }, title),
    h('h2', {}, predecessor ? `New since ${predecessor}` : 'New'),
    h('p', { html: header.new }),
    h('h2', {}, 'Try'),
    tried,
    ...(play ? [h('div', { class: 'plays' }, ...plays)] : []),
    h('h2', {}, 'Still wrong'),
    h('p', { html: header.wrong }),
    ...(section
      ? [h('details', { class: 'section' }, h('summary', {}, 'From the README'), h('div', { html: section }))]
      : []),
  );
}

function brief(words: string): string {
  return words.replace(/^nc localhost 12345 in /, '');
}
