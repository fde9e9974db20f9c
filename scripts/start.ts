// npm start [STEP] [-- OPTIONS]: runs a step, and says how to talk to it.

import { join } from 'node:path';
import { onListening } from '../src/cli/listen.ts';
import { announce, print } from '../src/cli/log.ts';
import { Address } from '../src/sockets/socket.ts';
import { failIfTaken, stepOptions } from './npm.ts';
import { findStep, listSteps, partOf, root, type Step } from './steps.ts';

const usage = `Usage: npm start [STEP] [-- OPTIONS]

  STEP     the step to run; without one, single1
  OPTIONS  options of the step; npm start STEP -- --help lists them

npm start -- --list lists the steps.`;

/** How to talk to a step that listens on this address. */
function invitation(step: Step, { host, port }: { host: string; port: number }): string {
  // A listener on a wildcard address accepts connections to localhost, too.
  const name = ['127.0.0.1', '0.0.0.0', '::'].includes(host) ? 'localhost' : host;
  const proposed = partOf(step, 'Try')
    .replaceAll('localhost:12345', `${new Address(name, port)}`)
    .replaceAll('localhost', name)
    .replaceAll('12345', `${port}`);
  return `
This is ${step.path}. Talk to it from a second terminal:

  nc ${name} ${port}

or, without netcat, npx tsx src/clients/nc.ts ${name} ${port}. Ctrl-C here ends it.

${proposed}
`;
}

const words = process.argv.slice(2);
failIfTaken('npm start', { ...stepOptions, list: '' }, words);
const name = words[0]?.startsWith('-') ? undefined : words.shift();
if (name === undefined && (words.includes('--list') || words.includes('--help'))) {
  print(words.includes('--list') ? listSteps() : usage);
  process.exit(0);
}
const step = findStep(name ?? 'single1');
onListening((address) => announce(invitation(step, address)));

// From here on, this process is the step, as if you had started its file.
process.argv.splice(1, Infinity, join(root, step.path), ...words);
await import(`../${step.path}`);
