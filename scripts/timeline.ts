// npm run timeline [-- STEP...]: leads steps through the same scenario, and draws who waited for what.

import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fail } from '../src/cli/fail.ts';
import { parseOrFail } from '../src/cli/parse.ts';
import { findStep, type Step } from './steps.ts';
import { describe } from './timeline/describe.ts';
import { draw } from './timeline/draw.ts';
import { toTraceEvents } from './timeline/perfetto.ts';
import { drawnSteps, folder, pictureOf } from './timeline/pictures.ts';
import { record } from './timeline/record.ts';
import { toTimeline } from './timeline/timeline.ts';

const { to, perfetto, steps } = readCommandLine();
for (const step of steps) {
  const recording = await record(step).catch((error: Error) => fail(error.message));
  const timeline = toTimeline(recording);
  write(pictureOf(step.name), draw(timeline));
  if (perfetto)
    write(
      `timeline-${step.name}.json`,
      `${JSON.stringify({ traceEvents: toTraceEvents(recording, timeline) })}\n`,
    );
  console.log(`${describe(timeline)}\n`);
}
if (perfetto) console.log('https://ui.perfetto.dev opens the files that end in .json.');
process.exit();

function write(name: string, content: string): void {
  const path = join(to, name);
  try {
    writeFileSync(path, content);
  } catch (error) {
    fail(`Cannot write ${path}: ${(error as NodeJS.ErrnoException).code}`);
  }
  console.log(relative('', path));
}

function readCommandLine(): { to: string; perfetto: boolean; steps: Step[] } {
  const { values, positionals } = parseOrFail(
    { allowPositionals: true, options: { to: { type: 'string' }, perfetto: { type: 'boolean' } } },
    'there are --perfetto, --to FOLDER, and names of steps',
  );
  const { to = folder, perfetto = false } = values;
  return { to, perfetto, steps: (positionals.length > 0 ? positionals : drawnSteps()).map(find) };
}

function find(name: string): Step {
  const step = findStep(name);
  if (/^single[12]$/.test(name)) fail(`Cannot draw ${name}: when its first user leaves, it ends`);
  return step;
}
