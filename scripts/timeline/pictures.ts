// Which pictures there are, and where.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../steps.ts';

/** The folder of those that the READMEs show. */
export const folder = join(root, 'results');

/** The name of a step's picture. */
export function pictureOf(step: string): string {
  return `timeline-${step}.svg`;
}

/** The steps of which there is a picture. */
export function drawnSteps(): string[] {
  return readdirSync(folder).flatMap((file) => /^timeline-(\w+)\.svg$/.exec(file)?.[1] ?? []);
}
