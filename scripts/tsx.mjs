// node --import ./scripts/tsx.mjs FILE.ts: the command of every npm script. It loads tsx, or says that tsx is not installed.
// It is plain JavaScript, because it runs before anything is installed.

try {
  await import('tsx');
} catch (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  process.stderr.write('Cannot find tsx in node_modules: npm ci comes first\n');
  process.exit(1);
}
