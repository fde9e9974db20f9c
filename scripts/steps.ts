// Which steps there are: asked of the files, because a step is a file whose first line begins with its name.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A step of the tutorial, as its file describes it. */
export type Step = {
  name: string;
  /** From the folder of the project: `src/single/single6.ts`. */
  path: string;
  /** The comment at the head of the file, without its slashes. */
  header: string;
  /** What stands below the header. */
  code: string;
  /** The step that it is to be compared to: `New since single5:` in the header. */
  predecessor?: string;
};

/** The folder of the project. */
export const root = join(import.meta.dirname, '..');

/** The folders of src that hold steps, in the order in which to read them. */
const chapters = ['single', 'threaded', 'select', 'coroutine'];

/** All steps, by name, in the order of their chapters and levels. */
export function findSteps(): Map<string, Step> {
  const steps = new Map<string, Step>();
  for (const folder of chapters
    .map((chapter) => `src/${chapter}`)
    .filter((folder) => existsSync(join(root, folder)))) {
    for (const file of readdirSync(join(root, folder)).sort(byLevel)) {
      const step = file.endsWith('.ts') ? readStep(`${folder}/${file}`) : undefined;
      if (step) steps.set(step.name, step);
    }
  }
  return steps;
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

function byLevel(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
