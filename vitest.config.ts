import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/build.ts',
    // Tests wait for what they expect, and give up by themselves: see test/harness.ts. This is a last resort.
    testTimeout: 60_000,
    maxConcurrency: 4,
    maxWorkers: 2,
  },
});
