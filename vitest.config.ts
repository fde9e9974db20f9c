import { basename } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Of these, the pictures show when something happens: they have the machine to themselves. */
const scenes = ['test/timeline.test.ts'];

/** The longest first, lest one of them begins when all others have ended. */
const longest = ['loops', 'comparison', 'threaded', 'cli', 'bench', 'readme', 'level10', 'terminals', 'chat'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const index = longest.indexOf(basename(moduleId, '.test.ts'));
      return index === -1 ? longest.length : index;
    };
    return files.toSorted((a, b) => place(a) - place(b));
  }
}

export default defineConfig({
  test: {
    globalSetup: 'test/build.ts',
    // Tests wait for what they expect, and give up by themselves: see test/harness.ts. This is a last resort.
    testTimeout: 60_000,
    maxConcurrency: 4,
    // A machine of CI does other things, too, and a deadline may pass there: once is no failure, twice is one.
    retry: process.env.CI ? 1 : 0,
    sequence: { sequencer: LongestFirst },
    projects: [
      { extends: true, test: { name: 'scenes', include: scenes, sequence: { groupOrder: 0 } } },
      {
        extends: true,
        test: {
          name: 'tests',
          include: ['test/**/*.test.ts'],
          exclude: scenes,
          maxWorkers: 3, // On two cores: tests wait much of their time.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
