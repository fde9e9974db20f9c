// The page. Its address names the step, behind the #.

import type { Overview } from '../shared/content.ts';
import { button, h } from './dom.ts';
import { home, map } from './map.ts';
import { comparePage, type Page, stepPage } from './pages.ts';
import { act, listen, live, loadContent, loadOverview } from './source.ts';

/** How often the page shows new events, in milliseconds. */
const FRAME = matchMedia('(prefers-reduced-motion: reduce)').matches ? 500 : 100;

const overview = await loadOverview();
const complaint = h('p', { class: 'complaint', role: 'alert', hidden: true });
const nav = h('nav', { 'aria-label': 'Steps' });
const mapDialog = h('dialog', { 'aria-label': 'The map' });
mapDialog.addEventListener('click', ({ target }) => {
  if (target === mapDialog || (target as HTMLElement).tagName === 'A') mapDialog.close();
});
document.body.append(
  h(
    'header',
    { class: 'bar' },
    h('a', { href: '#', class: 'brand' }, 'async-comparisons'),
    h('span', { class: 'form' }, live ? 'the live tour' : 'the tour, recorded'),
    nav,
  ),
  complaint,
  mapDialog,
);
let page: Page | undefined;
let main: HTMLElement = document.body.appendChild(h('main'));

function complain(why: string | undefined): void {
  complaint.hidden = why === undefined;
  complaint.textContent = why ?? '';
}

async function go(): Promise<void> {
  const names = location.hash
    .slice(1)
    .split('+')
    .filter((name) => overview.steps.some((step) => step.name === name));
  const before = page;
  page = undefined;
  if (before && live) await act({ act: 'forget' });
  complain(undefined);
  const contents = await Promise.all(names.slice(0, 2).map(loadContent));
  const [first] = contents;
  if (contents.length > 1) page = comparePage(contents, complain);
  else if (first) page = stepPage(first, overview, complain);
  const element = page?.element ?? home(overview, live);
  main.replaceWith(element);
  main = element;
  document.title = names.length > 0 ? `${names.join(' and ')} · the tour` : 'The tour: how servers wait';
  showNavigation(overview, names);
  scrollTo(0, 0);
}

function showNavigation({ steps }: Overview, [name]: readonly string[]): void {
  const at = steps.findIndex((step) => step.name === name);
  const link = (i: number, label: (name: string) => string) => {
    const step = steps[i];
    return step && at >= 0 ? [h('a', { href: `#${step.name}`, title: step.title }, label(step.name))] : [];
  };
  const open = button('Map', () => {
    mapDialog.replaceChildren(
      map(overview, name),
      button('Close', () => mapDialog.close()),
    );
    mapDialog.showModal();
  });
  nav.replaceChildren(
    ...link(at - 1, (name) => `← ${name}`),
    ...(at >= 0 ? [open] : []),
    ...link(at + 1, (name) => `${name} →`),
  );
}

addEventListener('hashchange', () => void go());
await go();
if (live) {
  listen((report) => {
    const side = page?.sides[report.side];
    if (side?.content.name === report.step) side.take(report);
  }, complain);
}
setInterval(() => {
  if (document.visibilityState === 'visible') page?.show(performance.now());
}, FRAME);
