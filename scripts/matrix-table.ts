// The table of what each step does, as the README shows it.

import type { BehaviourName } from '../src/behaviours/behaviours.ts';
import { behaviours } from '../src/behaviours/behaviours.ts';
import { type Expectation, flaw } from '../src/behaviours/expectations.ts';
import { written } from './markers.ts';
import { findSteps } from './steps.ts';

/** What a step was seen to do, by behaviour. */
export type Seen = Map<BehaviourName, Expectation>;

const names = Object.keys(behaviours) as BehaviourName[];

/** The table, in Markdown: a row for each of these steps. */
export function matrix(seen: ReadonlyMap<string, Seen>): string {
  const steps = findSteps();
  const link = (step: string, text = step) => `[${text}](${steps.get(step)?.path})`;
  const rows = [...seen.keys()].map((step) => {
    const marks = names.map((name) => {
      const mark = seen.get(step)?.get(name) ?? '–';
      return mark === '✘' ? link(flaw(step, name).mender, '✘') : mark;
    });
    return [link(step), ...marks];
  });
  const head = ['', ...names];
  const line = ['---', ...names.map(() => ':-:')];
  return [head, line, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** The README with this table. @throws Error if it has no markers for it */
export function withMatrix(readme: string, table: string): string {
  return written(readme, 'npm run matrix writes this', table);
}
