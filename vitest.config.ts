import { defineConfig } from 'vitest/config';

/** Of these, the pictures show when something happens: they have the machine to themselves. */
const scenes = ['test/timeline.test.ts'];

export default defineConfig({
  test: {
    globalSetup: 'test/build.ts',
    // Tests wait for what they expect, and give up by themselves: see test/harness.ts. This is a last resort.
    testTimeout: 60_000,
    maxConcurrency: 4,
    projects: [
      { extends: true, test: { name: 'scenes', include: scenes, sequence: { groupOrder: 0 } } },
      {
        extends: true,
        test: {
          name: 'tests',
          include: ['test/**/*.test.ts'],
          exclude: scenes,
          // On two cores: tests wait much of their time.
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
