// Where what was measured is to be read: the READMEs and pictures, made of results/bench.json and nothing else.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { written } from '../markers.ts';
import { root } from '../steps.ts';
import { idlePicture, requestsPicture } from './pictures.ts';
import { type Block, blocks, conditions, equipped, markdown } from './report.ts';
import { type Results, type TableName, toJson } from './results.ts';
import { summary } from './summary.ts';

const JSON_FILE = 'results/bench.json';

/** The tables of each README, in their order. */
const readmes: Record<string, (TableName | 'summary')[]> = {
  'README.md': ['summary'],
  'src/single/README.md': ['start-up'],
  'src/threaded/README.md': ['threads', 'connections'],
  'src/select/README.md': ['echo', 'chat', 'idle'],
  'src/coroutine/README.md': ['suspended', 'lines', 'cpu'],
};

/** What has been measured and kept: nothing if nobody has. */
export function readResults(): Results {
  try {
    // A figure that could not be measured is NaN, for which JSON has only null.
    return JSON.parse(readFileSync(join(root, JSON_FILE), 'utf8'), (_, value) => value ?? Number.NaN);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

/** All files that show these results, by path, as they are to be. What has not been measured stays as it is. */
export function documents(results: Results): Map<string, string> {
  const files = new Map([[JSON_FILE, toJson(results)]]);
  for (const [path, names] of Object.entries(readmes)) {
    let text = readFileSync(join(root, path), 'utf8');
    for (const name of names) {
      const content = section(name, results);
      if (content) text = written(text, `npm run bench writes this: ${name}`, content);
    }
    files.set(path, text);
  }
  const { lines, idle } = results;
  if (lines) files.set('results/requests.svg', requestsPicture(lines));
  if (idle) files.set('results/idle.svg', idlePicture(idle));
  return files;
}

/** What stands between the markers of a table. */
function section(name: TableName | 'summary', results: Results): string | undefined {
  if (name === 'summary') return results.lines && `${markdown(summary(results))}\n\n${sources(results)}`;
  const measured = results[name];
  if (!measured) return undefined;
  return [...blocks(name, measured).map(titled), conditions(measured)].join('\n\n');
}

/** What the summary was measured with: mostly, that is the same for all of it. */
function sources({ lines, connections, idle }: Results): string {
  const measured = [lines, connections, idle].filter((table) => table !== undefined);
  return `${[...new Set(measured.map(equipped))].join('; ')}.`;
}

function titled(block: Block): string {
  return `${block.title}:\n\n${markdown(block)}`;
}
