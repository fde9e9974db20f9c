import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';

/** koffi, which calls functions of C. Where it is not installed yet, the program ends with one line. */
function load(): typeof import('koffi') {
  try {
    return createRequire(import.meta.url)('koffi');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    writeSync(2, 'Cannot find koffi in node_modules: npm ci comes first\n');
    process.exit(1);
  }
}

export default load();
