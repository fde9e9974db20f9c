// npm run trace STEP [-- OPTIONS]: runs a step, and prints each line that waits, while it waits.

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { styleText } from 'node:util';
import { Program } from '../src/behaviours/program.ts';
import { runnable } from '../src/behaviours/server.ts';
import { fail } from '../src/cli/fail.ts';
import { print } from '../src/cli/log.ts';
import { now } from '../src/sockets/system-call.ts';
import { failIfTaken, stepOptions } from './npm.ts';
import { findStep, root } from './steps.ts';
import { Narrator } from './trace/narrator.ts';
import { TraceReader } from './trace/reader.ts';

const usage = `Usage: npm run trace STEP [-- OPTIONS]

  STEP     the step to run; npm start -- --list lists the steps
  --all    shows every call, even one of less than a millisecond
  OPTIONS  options of the step; npm start STEP -- --help lists them

The step has no log. Talk to it from a second terminal. Ctrl-C here ends it.`;

const words = process.argv.slice(2);
failIfTaken('npm run trace', { ...stepOptions, all: '' }, words);
if (words.includes('--help')) {
  print(usage);
  process.exit(0);
}
const name = words[0]?.startsWith('-') ? undefined : words.shift();
if (name === undefined) fail('Cannot trace a step without its name: type npm run trace single3');
const { path } = findStep(name);
const options = words.filter((word) => word !== '--all');

const folder = mkdtempSync(join(tmpdir(), 'trace-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const trace = join(folder, 'trace.jsonl');
const program = new Program(process.execPath, [...runnable(path), ...options], {
  cwd: root,
  env: { TRACE: trace, QUIET: '1' },
  group: process.platform === 'darwin', // There, the kernel can't end children with their parent.
});
program.child.stderr?.pipe(process.stderr);
const ended = once(program.child, 'close');

const narrator = new Narrator(options.length < words.length, (line) => print(paint(line)));
let reader: TraceReader | undefined;
let timer: NodeJS.Timeout | undefined;
for await (const line of createInterface({ input: program.child.stdout as Readable })) {
  print(line);
  // The first line says that the step listens. Before that, its calls only set it up.
  reader ??= new TraceReader(trace, look);
  look();
}
const [exitCode] = await ended;
look();
clearTimeout(timer);
reader?.close();
process.exitCode = exitCode ?? 1;

/** Prints the new events, and the lines that wait. A call that has just begun may end soon: then looks again. */
function look(): void {
  const time = now();
  for (const event of reader?.read() ?? []) narrator.take(event);
  clearTimeout(timer);
  if (narrator.look(time)) timer = setTimeout(look, 1);
}

/** On a terminal, lines that wait are bright, and lines of folded calls are dim. */
function paint(line: string): string {
  if (!process.stdout.isTTY || process.env.NO_COLOR) return line;
  return line
    .replace(/^ *…?.* … .*/, (folded) => (/⏳/.test(folded) ? folded : styleText('dim', folded)))
    .replace(/⏳.*/, (waits) => styleText('yellow', waits))
    .replace(/✔/, (done) => styleText('green', done))
    .replace(/✘/, (failed) => styleText('red', failed));
}
