// Which line of a step waits. Without TRACE, nothing of this runs.

import { locationOf } from './generator-location.ts';
import { type Line, toLine } from './source-line.ts';

/** The line that makes a call, as the `at` of an event has it. */
export function lineOfCall(call: string): string | undefined {
  let innermost: Line | undefined;
  for (const line of linesOnStack()) {
    innermost ??= line;
    if (call !== 'Atomics.wait' || /\/[a-z]+\d+\.ts$/.test(line.path)) return shown(line);
  }
  return shown(innermost);
}

/**
 * The line where the function of a coroutine is suspended, as the `at` of an event has it: that of this generator, or of the
 * async function on the stack. The function that has spawned it may be further down on the stack.
 */
export function lineOfCoroutine(generator?: object): string | undefined {
  const suspended = generator && locationOf(generator);
  if (suspended) return shown(toLine(suspended));
  const lines = [...linesOnStack()];
  const spawning = lines.findIndex(({ text }) => text.includes('.spawn('));
  return shown(spawning > 0 ? lines[spawning - 1] : lines.at(-1));
}

function shown(line: Line | undefined): string | undefined {
  return line && `${line.path}:${line.line}`;
}

/** How many frames of the stack to look at. Each call and each await is one. */
const FRAMES = 50;

const BELOW = /\bsrc\/(sockets\/|parallel\/|cli\/|completion\/ring\.ts$)/;

/**
 * The lines of the project on the stack, awaited ones too, the innermost first, without those of src/sockets, src/parallel,
 * src/cli, and ring.ts, which makes the system calls of its chapter.
 *
 * @see https://v8.dev/docs/stack-trace-api
 */
function* linesOnStack(): Generator<Line> {
  const { prepareStackTrace, stackTraceLimit } = Error;
  Error.prepareStackTrace = (_, sites) => sites;
  Error.stackTraceLimit = FRAMES;
  const sites = new Error().stack as unknown as NodeJS.CallSite[];
  Object.assign(Error, { prepareStackTrace, stackTraceLimit });
  for (const site of sites) {
    const file = site.getFileName() ?? '';
    if (BELOW.test(file)) continue; // V8 has to look up lines and columns, which takes long.
    const place = {
      file,
      line: site.getLineNumber() ?? 0,
      column: site.getColumnNumber() ?? 0,
    };
    const line = toLine(place);
    if (line && !BELOW.test(line.path)) yield line;
  }
}
