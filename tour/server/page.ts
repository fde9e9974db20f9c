// The files of the page itself, read or bundled once.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../scripts/steps.ts';
import { toJavaScript } from '../../src/cli/javascript.ts';

const folder = join(root, 'tour/page');

/** The page's source of data: a server that runs steps, or recordings. */
export type Form = 'live' | 'recorded';

export function html(form: Form): string {
  return readFileSync(join(folder, 'index.html'), 'utf8').replace('data-form=""', `data-form="${form}"`);
}

export function style(): string {
  return readFileSync(join(folder, 'style.css'), 'utf8');
}

/** The page's code as one file, which loads no others. */
export function script(): string {
  const { outputFiles } = toJavaScript('buildSync', {
    entryPoints: [join(folder, 'main.ts')],
    ...{ platform: 'browser', target: 'es2022', external: [], minify: true, write: false },
  });
  return outputFiles?.[0]?.text ?? '';
}
