import { basename } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The longest first, lest one of them begins when all others have ended. */
const longest = [
  'comparison',
  'browser',
  'loops',
  'threaded',
  'machines',
  'bench',
  'try',
  'level12',
  'lingering-close',
  'timeline',
  'tour',
  'readme',
  'chat',
  'cli',
];

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
    include: ['test/*.test.ts'], // and not their copies in the sandboxes of npm run mutate
    globalSetup: 'test/build.ts',
    // Tests wait for what they expect, and give up by themselves: see test/harness.ts. This is a last resort.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    maxConcurrency: 5,
    maxWorkers: 4, // On two cores: tests wait much of their time.
    isolate: false, // A worker loads for all of its files what they share.
    sequence: { sequencer: LongestFirst },
  },
});
