// From the JavaScript that runs to the lines of the .ts files. tsx and esbuild write source maps. Node, where it takes the
// types out itself, keeps each line in its place.

import { readFileSync } from 'node:fs';
import { findSourceMap, SourceMap } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** A place in the JavaScript that runs. Lines and columns count from 1. */
export type Place = { file: string; line: number; column: number };

/** A line of a file of the project. Its path begins in the folder of the project: `src/single/single3.ts`. */
export type Line = { path: string; line: number; text: string };

/** The folder of the project. The files that esbuild makes are in its node_modules/.cache. */
const root =
  /^(.*?)\/node_modules\/\.cache\//.exec(import.meta.dirname)?.[1] ?? join(import.meta.dirname, '../..');

const lines = new Map<string, Line | undefined>();

/** The line of the .ts file that this place was compiled from; undefined if that file is not of the project. */
export function toLine({ file, line, column }: Place): Line | undefined {
  const key = `${file}:${line}:${column}`;
  if (!lines.has(key)) lines.set(key, find({ file, line, column }));
  return lines.get(key);
}

function find({ file, line, column }: Place): Line | undefined {
  if (file === '' || file.startsWith('node:')) return undefined;
  const url = file.startsWith('file:') ? file : pathToFileURL(file).href;
  const entry = mapOf(url)?.findEntry(line - 1, column - 1);
  const mapped = entry && 'originalSource' in entry ? entry : undefined;
  const source = fileURLToPath(new URL(mapped?.originalSource ?? url, url));
  const path = relative(root, source);
  if (!/^(src|test)\/.*\.ts$/.test(path)) return undefined;
  const number = mapped ? mapped.originalLine + 1 : line;
  return { path, line: number, text: textOf(source)[number - 1] ?? '' };
}

const maps = new Map<string, SourceMap | undefined>();

function mapOf(url: string): SourceMap | undefined {
  if (!maps.has(url)) maps.set(url, findSourceMap(url) ?? inlineMap(url));
  return maps.get(url);
}

/** The source map at the end of a file that esbuild has made. Node reads it only if told to before it loads the file. */
function inlineMap(url: string): SourceMap | undefined {
  if (url.endsWith('.ts')) return undefined;
  const [, base64] =
    /^\/\/# sourceMappingURL=data:application\/json;base64,(.+)$/m.exec(read(new URL(url))) ?? [];
  return base64 === undefined ? undefined : new SourceMap(JSON.parse(`${Buffer.from(base64, 'base64')}`));
}

const texts = new Map<string, string[]>();

function textOf(path: string): string[] {
  const known = texts.get(path) ?? read(path).split('\n');
  texts.set(path, known);
  return known;
}

function read(file: string | URL): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // The file is gone: there is no line to show.
  }
}
