// Colours the code, so that the page loads no highlighter.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../scripts/steps.ts';
import { escaped } from '../../scripts/svg.ts';

type Colouring = (code: string) => string[];

let colouring: Promise<Colouring> | undefined;
const files = new Map<string, Promise<string[]>>();

/** The lines of a file, as HTML. Each word of the language has a class, such as `keyword`, and the page's style has its colour. */
export function highlighted(path: string): Promise<string[]> {
  const known = files.get(path) ?? read(path);
  files.set(path, known);
  return known;
}

async function read(path: string): Promise<string[]> {
  colouring ??= load();
  return (await colouring)(readFileSync(join(root, path), 'utf8').trimEnd());
}

/** Shiki takes a moment to load. Its own themes write colours into each element, which the page's policy forbids: this theme has names. */
async function load(): Promise<Colouring> {
  const [{ createHighlighterCore, createCssVariablesTheme }, { createOnigurumaEngine }, language] =
    await Promise.all([
      import('shiki/core'),
      import('shiki/engine/oniguruma'),
      import('shiki/langs/typescript.mjs'),
    ]);
  const theme = createCssVariablesTheme({ name: 'names', variablePrefix: '--' });
  const engine = await createOnigurumaEngine(import('shiki/wasm'));
  const shiki = await createHighlighterCore({ themes: [theme], langs: [language.default], engine });
  return (code) =>
    shiki.codeToTokensBase(code, { lang: 'typescript', theme: 'names', tokenizeTimeLimit: 0 }).map((line) =>
      line
        .map(({ content, color = '' }) => {
          const [, name] = /^var\(--token-([\w-]+)\)$/.exec(color) ?? [];
          return name ? `<span class="${name}">${escaped(content)}</span>` : escaped(content);
        })
        .join(''),
    );
}
