// npm start [STEP] [-- OPTIONS]: runs a step, and says how to talk to it.

import { join } from 'node:path';
import { fail } from '../src/cli/fail.ts';
import { findSteps, root } from './steps.ts';

const args = process.argv.slice(2);
const name = args[0] && !args[0].startsWith('-') ? args[0] : 'single1';
const options = args[0] === name ? args.slice(1) : args;
const steps = findSteps();
const step = steps.get(name);
if (!step) fail(`Unknown step ${JSON.stringify(name)}: the steps are ${[...steps.keys()].join(' ')}`);

const port = /--port[ =](\d+)/.exec(options.join(' '))?.[1] ?? 12345;
console.log(`This is ${step.path}. Talk to it from a second terminal:

  nc localhost ${port}

or, without netcat, npx tsx src/clients/nc.ts localhost ${port}. Ctrl-C here ends it.
`);

// From here on this process is the step, just as if it had been started by its name.
process.argv.splice(1, Infinity, join(root, step.path), ...options);
await import(`../${step.path}`);
