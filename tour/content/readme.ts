// Parts of the READMEs: the map, and the section of a step.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Marked } from 'marked';
import { root } from '../../scripts/steps.ts';
import { escaped } from '../../scripts/svg.ts';
import type { Overview } from '../shared/content.ts';

/** The map of the README: a row for each level, with the names of the steps. */
export function readMap(): Pick<Overview, 'mechanisms' | 'levels'> {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const [head = [], , ...rows] = (/^\| level \|.*(\n\|.*)*/m.exec(readme)?.[0] ?? '')
    .split('\n')
    .map(cellsOf);
  return {
    mechanisms: head.slice(2).map(textOf),
    levels: rows.map(([level = '', adds = '', ...cells]) => ({
      level,
      adds: inline(adds),
      steps: cells.map((cell) => [...cell.matchAll(/\[(\w+)\]/g)].map(([, name = '']) => name)),
    })),
  };
}

/** The section of the chapter's README about this step, as HTML. */
export function readSection(name: string, path: string): string {
  const readme = readFileSync(join(root, dirname(path), 'README.md'), 'utf8');
  const [section = ''] = readme.split(/^(?=## )/m).filter((section) => section.startsWith(`## ${name}:`));
  // Without pictures: the page draws them itself.
  return marked.parse(section.replace(/^## .*\n/, '').replace(/^!\[[^\]]*\]\([^)]*\)$/gm, '')) as string;
}

/** A line of Markdown as HTML. */
export function inline(text: string): string {
  return marked.parseInline(text) as string;
}

const marked = new Marked({
  renderer: {
    // A link to a step leads to it on the page. Other files of the project are not on the page.
    link({ href, tokens }) {
      const text = this.parser.parseInline(tokens);
      const [, step] = /(?:^|\/)(?:[a-z]+\/)?([a-z]+\d+)\.ts$/.exec(href) ?? [];
      if (step) return `<a href="#${step}">${text}</a>`;
      return /^https:/.test(href) ? `<a href="${escaped(href)}" rel="noreferrer">${text}</a>` : text;
    },
    heading({ tokens }) {
      return `<h3>${this.parser.parseInline(tokens)}</h3>`;
    },
    html: () => '', // a comment that marks what a script writes
  },
});

function cellsOf(row: string): string[] {
  return row
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

function textOf(cell: string): string {
  return cell.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
}
