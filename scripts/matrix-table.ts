// The tables of what each step does: in full for results/matrix.md, in short for the README.

import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type BehaviourName, behaviours, ENDLESS, SIGTERM } from '../src/behaviours/behaviours.ts';
import { type Expectation, flaw } from '../src/behaviours/expectations.ts';
import { written } from './markers.ts';
import { findSteps, root } from './steps.ts';

/** How each behaviour of a step went. */
export type Seen = Map<BehaviourName, Expectation>;

const names = Object.keys(behaviours) as BehaviourName[];

/** The rows of the short table: the behaviours in which mechanisms differ. */
const telling: BehaviourName[] = [
  'survives a reset',
  'serves two at once',
  'a client that never reads stops no other',
  'a slow reader gets every byte',
  'one reply per line, however it is cut',
  'a character cut in two stays whole',
  'a hostile command name does no harm',
  'computing for one user delays no other',
  'users receive each line once, in order',
  ENDLESS,
  'an idle client is disconnected',
  SIGTERM,
];

const steps = findSteps();

/** The contents of the files with tables, by path. @throws Error if a file has no markers for its table */
export function documents(seen: ReadonlyMap<string, Seen>): Map<string, string> {
  const tables: [path: string, writer: string, table: string][] = [
    ['results/matrix.md', 'npm run matrix writes this', matrix(seen, '../')],
    ['README.md', 'npm run matrix writes this: in short', inShort(seen)],
  ];
  return new Map(
    tables.map(([path, writer, table]) => [
      path,
      written(readFileSync(join(root, path), 'utf8'), writer, table),
    ]),
  );
}

/** The full table, in Markdown: a row for each of these steps. `up` leads to the folder of the project. */
export function matrix(seen: ReadonlyMap<string, Seen>, up = ''): string {
  const rows = [...seen.keys()].map((step) => {
    const marks = names.map((name) => {
      const mark = seen.get(step)?.get(name) ?? '–';
      return mark === '✘' ? link(flaw(step, name).mender, up, '✘') : mark;
    });
    return [link(step, up), ...marks];
  });
  return markdown(['', ...names], ':-:', rows);
}

/** The short table: for each behaviour, the first step of each chapter that has it. */
function inShort(seen: ReadonlyMap<string, Seen>): string {
  const folders = [...new Set([...steps.values()].map(({ path }) => dirname(path)))];
  const rows = telling.map((name) => {
    const having = [...steps.values()].filter((step) => seen.get(step.name)?.get(name) === '✔');
    const first = folders.map((folder) => having.find(({ path }) => dirname(path) === folder)?.name);
    return [name, ...first.map((step) => (step ? link(step) : '–'))];
  });
  const head = folders.map((folder) => `[${basename(folder)}](${folder}/README.md)`);
  return markdown(['', ...head], '---', rows);
}

function link(step: string, up = '', text = step): string {
  return `[${text}](${up}${steps.get(step)?.path})`;
}

function markdown(head: string[], line: string, rows: string[][]): string {
  const lines = head.map((_, i) => (i === 0 ? '---' : line));
  return [head, lines, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
