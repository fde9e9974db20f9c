// How the TypeScript of a step gets into a thread. There is no lesson in this file: skip it, and lose nothing.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fail } from '../cli/fail.ts';
import { toJavaScript } from '../cli/javascript.ts';

const cache = join(import.meta.dirname, '../../node_modules/.cache/async-comparisons');

/**
 * Returns the file that threads run: the step, and what it imports, as one file of JavaScript.
 *
 * A thread can't share the main thread's code: it reads the code anew. To read TypeScript, each thread would load a compiler
 * of its own, which costs more than the rest of the thread. So this takes the types out once, before the first client.
 * Without esbuild, threads of Node 22.18 and later read the step itself.
 */
export function prepareProgram(): URL {
  const step = process.argv[1] ?? '';
  if (!step.endsWith('.ts')) return pathToFileURL(step); // It is JavaScript already.
  try {
    const { outputFiles = [] } = toJavaScript('buildSync', {
      ...{ entryPoints: [step], outdir: cache, write: false },
      ...(process.env.TRACE && { sourcemap: 'inline', sourcesContent: false }), // A trace names lines of the .ts files.
    });
    const code = outputFiles[0]?.text ?? '';
    const hash = createHash('sha256').update(code).digest('hex').slice(0, 16);
    const file = join(cache, `${basename(step, '.ts')}-${hash}.mjs`);
    if (!existsSync(file)) {
      // Write, then rename, so that no other process reads half of it.
      mkdirSync(cache, { recursive: true });
      writeFileSync(`${file}.${process.pid}`, code);
      renameSync(`${file}.${process.pid}`, file);
    }
    return pathToFileURL(file);
  } catch (error) {
    const { typescript } = process.features as { typescript?: string | false };
    if (typescript) return pathToFileURL(step);
    return fail(`Cannot prepare ${step} for threads: ${(error as Error).message.split('\n')[0]}`);
  }
}
