import { createRequire } from 'node:module';
import type { BuildOptions } from 'esbuild';

type Esbuild = typeof import('esbuild');

/**
 * Compiles each program in TypeScript, with esbuild, to one file of JavaScript, which contains all imports but packages.
 *
 * @param how `buildSync`, or `build`, which alone takes plugins
 * @throws Error if esbuild is not installed. No step needs it to run
 * @see https://esbuild.github.io/api/#build
 */
export function toJavaScript<How extends 'build' | 'buildSync'>(
  how: How,
  options: BuildOptions,
): ReturnType<Esbuild[How]> {
  const esbuild = createRequire(import.meta.url)('esbuild') as Esbuild;
  return esbuild[how]({
    bundle: true,
    external: ['koffi', 'redis', 'esbuild'],
    format: 'esm',
    platform: 'node',
    target: 'node20',
    ...options,
  }) as ReturnType<Esbuild[How]>;
}
