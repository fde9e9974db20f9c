// npm run tour [-- OPTIONS]: the tour, in a browser: read a step, run it, and see the line that waits.

import { spawn } from 'node:child_process';
import { failIfTaken } from '../scripts/npm.ts';
import { fail } from '../src/cli/fail.ts';
import { print } from '../src/cli/log.ts';
import { parseOrHelp } from '../src/cli/parse.ts';
import { build } from './build.ts';
import { startTour } from './server/server.ts';

const usage = `Usage: npm run tour [-- OPTIONS]

  --port PORT     the port to listen on; without it, any free one
  --no-open       opens no browser
  --build FOLDER  writes the tour, with recordings, into this folder, for any web server to show

Ctrl-C here ends the tour, and the steps that it has started.`;

failIfTaken('npm run tour', { port: 'PORT', 'no-open': '', build: 'FOLDER' }, process.argv.slice(2));
const { values } = parseOrHelp(
  {
    options: {
      port: { type: 'string', default: '0' },
      'no-open': { type: 'boolean' },
      build: { type: 'string' },
    },
  },
  usage,
);
if (values.build !== undefined) await build(values.build, print).catch((error: Error) => fail(error.message));
else {
  const port = /^\d{1,5}$/.test(values.port)
    ? Number(values.port)
    : fail(`Cannot listen on port ${values.port}`);
  const { address } = await startTour(port).catch((error) => fail(`Cannot start the tour: ${error.message}`));
  print(`The tour is at\n\n  ${address}\n\nCtrl-C here ends it, and the steps that it has started.`);
  if (!values['no-open']) open(address);
}

/** Opens a browser, if there is a screen to show it. */
function open(address: string): void {
  const { DISPLAY, WAYLAND_DISPLAY } = process.env;
  const mac = process.platform === 'darwin';
  if (!process.stdout.isTTY || !(mac || DISPLAY || WAYLAND_DISPLAY)) return;
  const child = spawn(mac ? 'open' : 'xdg-open', [address], { stdio: 'ignore', detached: true });
  child.on('error', () => {}); // If there is no browser to start, you open the address yourself.
  child.unref();
}
