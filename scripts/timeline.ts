// npm run timeline [-- STEP...]: runs the same scenario with each step, and draws what the server waits for.

import { accessSync, constants, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fail } from '../src/cli/fail.ts';
import { print } from '../src/cli/log.ts';
import { parseOrHelp } from '../src/cli/parse.ts';
import { failIfTaken } from './npm.ts';
import { findStep, root } from './steps.ts';
import { describe } from './timeline/drawing/describe.ts';
import { draw } from './timeline/drawing/draw.ts';
import { toTraceEvents } from './timeline/drawing/perfetto.ts';
import { toTimeline } from './timeline/drawing/read.ts';
import { toJson } from './timeline/drawing/timeline.ts';
import { record } from './timeline/record.ts';

const usage = `Usage: npm run timeline [-- STEP... OPTIONS]

  STEP         a step to draw; without any, those whose pictures are in results/
  --write      writes pictures, and the timelines they show, into results/
  --to FOLDER  writes them into this folder; without --write and --to, into a temporary one
  --perfetto   writes a file for https://ui.perfetto.dev beside each picture`;

failIfTaken('npm run timeline', { write: '', to: 'FOLDER', perfetto: '' }, process.argv.slice(2));
const { values, positionals } = parseOrHelp(
  {
    allowPositionals: true,
    options: { write: { type: 'boolean' }, to: { type: 'string' }, perfetto: { type: 'boolean' } },
  },
  usage,
);
const results = join(root, 'results');
const drawn = readdirSync(results).flatMap((file) => /^timeline-(\w+)\.svg$/.exec(file)?.[1] ?? []);
const steps = (positionals.length > 0 ? positionals : drawn).map(findStep);
const short = steps.find(({ name }) => /^single[12]$/.test(name));
if (short) fail(`Cannot draw ${short.name}: when its first user leaves, it ends`);
const folder = values.write ? results : (values.to ?? mkdtempSync(join(tmpdir(), 'timeline-')));
orSay(folder, () => accessSync(folder, constants.W_OK)); // now, not after a recording

for (const step of steps) {
  const recording = await record(step).catch((error: Error) => fail(error.message));
  const timeline = toTimeline(recording);
  print(write(`timeline-${step.name}.svg`, draw(timeline)));
  write(`timeline-${step.name}.json`, toJson(timeline));
  if (values.perfetto) {
    const traceEvents = toTraceEvents(recording, timeline);
    print(write(`timeline-${step.name}.perfetto.json`, `${JSON.stringify({ traceEvents })}\n`));
  }
  print(`${describe(timeline)}\n`);
}
if (values.perfetto) print('https://ui.perfetto.dev opens the files that end in .perfetto.json.');

/** Writes a file. Returns its path, as short as possible. */
function write(name: string, content: string): string {
  const path = join(folder, name);
  orSay(path, () => writeFileSync(path, content));
  return path.startsWith(root) ? relative('', path) : path;
}

function orSay(path: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    fail(`Cannot write ${path}: ${(error as NodeJS.ErrnoException).code}`);
  }
}
