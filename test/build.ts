// Before the tests: takes the types out of src, once, so that a server which a test starts does not load a compiler first.
// That the .ts files run as they stand is for terminals.test.ts, readme.test.ts and cli.test.ts to show.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { root } from '../scripts/steps.ts';

export default function setup(): () => void {
  const cache = join(root, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  const outdir = mkdtempSync(join(cache, 'tests-')); // Two may run at once.
  buildSync({
    absWorkingDir: root,
    entryPoints: ['src/**/*.ts'],
    outbase: root,
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    external: ['koffi', 'esbuild'],
    format: 'esm',
    platform: 'node',
    target: 'node20',
  });
  process.env.BUILT = outdir; // for harness.ts
  return () => rmSync(outdir, { recursive: true });
}
