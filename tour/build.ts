// The tour as a folder that any web server can show: the same page, with a recording of the scene for each step.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Step } from '../scripts/steps.ts';
import { now } from '../src/sockets/system-call.ts';
import { contentOf, overview, steps } from './content/content.ts';
import { html, script, style } from './server/page.ts';
import { Run } from './server/run.ts';
import type { Recorded } from './shared/events.ts';
import { Kept } from './shared/kept.ts';

/** Writes the tour into this folder. Runs each step, and prints its name when it is recorded. */
export async function build(
  folder: string,
  tell: (line: string) => void,
  chosen = [...steps.values()],
): Promise<void> {
  for (const inside of ['', 'content', 'recordings']) mkdirSync(join(folder, inside), { recursive: true });
  const write = (path: string, text: string) => writeFileSync(join(folder, path), text);
  write('index.html', html('recorded'));
  write('page.js', script());
  write('style.css', style());
  write('content/overview.json', JSON.stringify(overview()));
  for (const step of chosen) {
    write(`content/${step.name}.json`, JSON.stringify(await contentOf(step)));
    const recorded = await recordScene(step);
    write(`recordings/${step.name}.json`, JSON.stringify(recorded));
    tell(`${step.name}: ${recorded.events.length} events`);
  }
  tell(`\nThe tour is in ${folder}. Any web server can show it: npx serve ${folder}, for example.`);
}

/** Runs the scene with a step, and records it. */
async function recordScene(step: Step): Promise<Recorded> {
  const kept = new Kept();
  const run = new Run(step, ['--quiet'], (events) => {
    for (const event of events) kept.add(event);
  });
  try {
    await run.greet();
    await run.scene(1);
    return { step: step.name, events: kept.all, end: now() };
  } finally {
    await run.close();
  }
}
