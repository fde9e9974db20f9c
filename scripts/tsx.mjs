// node --import ./scripts/tsx.mjs FILE.ts: the command of every npm script. It loads tsx, or says what is missing.
// It is plain JavaScript, because it runs where nothing is installed yet.

import { createRequire } from 'node:module';

const { resolve } = createRequire(import.meta.url);

for (const dependency of ['tsx', 'koffi']) {
  try {
    resolve(dependency);
  } catch {
    process.stderr.write(`Cannot find ${dependency} in node_modules: npm ci comes first\n`);
    process.exit(1);
  }
}
await import('tsx');
