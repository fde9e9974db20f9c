// A browser for the tests of pages: Debian's Chromium, or Chrome, where one is installed.

import { spawnSync } from 'node:child_process';
import { type Browser, chromium } from 'playwright-core';
import { installed } from './harness.ts';

/** The name of its program, undefined where there is none. */
export const chrome = ['chromium', 'google-chrome'].find((name) => installed(name));

const quiet = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync'],
];

export function launchBrowser(): Promise<Browser> {
  const path = spawnSync('which', [chrome ?? ''], { encoding: 'utf8' }).stdout.trim();
  return chromium.launch({ executablePath: path, args: quiet });
}
