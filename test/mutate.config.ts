// The tests under npm run mutate: those that stryker.config.mjs chooses.

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: 'test/build.ts',
    setupFiles: 'test/fixtures/mutant.ts',
    include: process.env.TESTS?.split(',') ?? [],
  },
});
