// Before the tests: compiles steps, scripts and fixtures to JavaScript, once, so that a process of a test loads no compiler.
// terminals.test.ts and cli.test.ts show that the .ts files run, too.

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Plugin } from 'esbuild';
import { root } from '../scripts/steps.ts';
import { toJavaScript } from '../src/cli/javascript.ts';
import { noRing } from '../src/completion/support.ts';

/**
 * Scripts and behaviours find the project by `import.meta.dirname`. A bundle is in another folder, so the build writes the old one
 * into it. An import whose name is computed (npm start imports its step) stays an import.
 */
const inPlace: Plugin = {
  name: 'in place',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      if (!/^(scripts|src\/behaviours|tour)\//.test(relative(root, path))) return undefined;
      const folder = dirname(path);
      const contents = readFileSync(path, 'utf8')
        .replaceAll('import.meta.dirname', JSON.stringify(folder))
        .replaceAll('import(`..', `import(\`\${${JSON.stringify(folder)}}/..`);
      return { contents, loader: 'ts' };
    });
  },
};

export default async function setup(): Promise<() => void> {
  if (noRing) console.warn(`The tests of ring3, ring6, ring10 and ring11 are skipped. ${noRing}`);
  const cache = join(root, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  const outdir = mkdtempSync(join(cache, 'tests-')); // Two may run at once.
  process.env.BUILT = outdir; // for harness.ts
  await toJavaScript('build', {
    absWorkingDir: root,
    entryPoints: [
      ...['src/**/*.ts', 'scripts/*.ts', 'scripts/bench/server.ts', 'tour/tour.ts', 'test/fixtures/*.ts'],
      'scripts/timeline/watch-node.ts', // and not watch-ring.ts, which would have a ring of its own
    ],
    external: ['koffi', 'redis', 'esbuild', 'shiki'],
    outbase: root,
    outdir,
    outExtension: { '.js': '.mjs' },
    plugins: [inPlace],
    sourcemap: 'inline', // A trace names lines of the .ts files.
    sourcesContent: false,
  });
  return () => rmSync(outdir, { recursive: true });
}
