// Finds the steps. A step is a file that begins with a comment with its name: `// single6: `.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fail } from '../src/cli/fail.ts';
import { nearest } from './nearest.ts';

/** A step of the tutorial, as its file describes it. */
export type Step = {
  name: string;
  /** From the folder of the project: `src/single/single6.ts`. */
  path: string;
  /** The comment at the top of the file, without its slashes. */
  header: string;
  /** The file without its header. */
  code: string;
  /** The step to compare it to: `New since single5:` in the header. */
  predecessor?: string;
};

/** The folder of the project. */
export const root = join(import.meta.dirname, '..');

/** The folders of src that hold steps, in the order in which to read them. */
const chapters = ['single', 'threaded', 'select', 'completion', 'coroutine'];

/** All steps by name, in the order in which to read them: by chapter, by level, and each behind its predecessor. */
export function findSteps(): Map<string, Step> {
  const steps = new Map<string, Step>();
  for (const folder of chapters.map((chapter) => `src/${chapter}`)) {
    const files = existsSync(join(root, folder)) ? readdirSync(join(root, folder)) : [];
    const found = files.flatMap((file) =>
      file.endsWith('.ts') ? (readStep(`${folder}/${file}`) ?? []) : [],
    );
    const levels = new Set(found.map(({ name }) => levelOf(name)));
    for (const level of [...levels].sort((a, b) => a - b)) {
      const known = [...steps.keys()];
      const place = ({ predecessor = '' }: Step) => known.indexOf(predecessor);
      const own = found.filter(({ name }) => levelOf(name) === level);
      for (const step of own.sort((a, b) => place(a) - place(b))) insert(step, own, steps);
    }
  }
  return steps;
}

/** The step of this name. If there is none, the program lists the steps, names the nearest, and ends. */
export function findStep(name: string): Step {
  const steps = findSteps();
  const step = steps.get(name);
  if (step) return step;
  const near = nearest(name, steps.keys());
  const hint = near === undefined ? 'the steps are those above' : `did you mean ${near}?`;
  return fail(`${listSteps()}\n\nUnknown step ${JSON.stringify(name)}: ${hint}`);
}

/** A line for each step: its name, and the first line of its header. */
export function listSteps(): string {
  const steps = [...findSteps().values()];
  const width = Math.max(...steps.map(({ name }) => name.length));
  return steps
    .map(({ name, header }) => `  ${name.padEnd(width)}  ${header.split('\n', 1)[0]?.slice(name.length + 2)}`)
    .join('\n');
}

/** A part of a header, with its first words: `New since single5:`, `Try:` or `Still wrong:`. It has one line or more. */
export function partOf({ header }: Step, part: 'New' | 'Try' | 'Still wrong'): string {
  return new RegExp(`^${part}( since \\w+)?: .*(\\n .*)*`, 'm').exec(header)?.[0] ?? '';
}

/** The files that a file imports. All paths begin in the folder of the project. */
export function importsOf(path: string): string[] {
  const source = readFileSync(join(root, path), 'utf8');
  return [...source.matchAll(/ from '(\.[^']+)'/g)].map(([, file = '']) =>
    normalize(join(dirname(path), file)),
  );
}

/** Inserts a step behind its predecessor, if that has the same level. */
function insert(step: Step, own: readonly Step[], steps: Map<string, Step>): void {
  const before = own.find(({ name }) => name === step.predecessor);
  if (before) insert(before, own, steps);
  steps.set(step.name, step);
}

/** The level of a step: 6 for select6. */
export function levelOf(step: string): number {
  return Number(/\d+$/.exec(step));
}

function readStep(path: string): Step | undefined {
  const source = readFileSync(join(root, path), 'utf8');
  const name = path.replace(/.*\/|\.ts$/g, '');
  const comment = /^(\/\/.*\n)+/.exec(source)?.[0] ?? '';
  if (!comment.startsWith(`// ${name}: `)) return undefined;
  const header = comment.replace(/^\/\/ ?/gm, '');
  const predecessor = /^New since (\w+):/m.exec(header)?.[1];
  return { name, path, header, code: source.slice(comment.length), ...(predecessor && { predecessor }) };
}
