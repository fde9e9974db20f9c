// npm run mutate -- FOLDER: breaks the code of a folder in hundreds of small ways, one at a time, and runs these tests on each.
// A break that no test notices is a claim that no test proves, or code that makes no difference.

const inProcess = { coverageAnalysis: 'perTest' };
/** Tests that start processes: what those run is not seen from outside, so each break is tried on all of the tests. */
const inProcesses = { coverageAnalysis: 'off' };

const folders = {
  'src/protocol': { tests: ['protocol', 'protocols', 'chat-rules'], ...inProcess },
  'src/sockets': { tests: ['sockets', 'selector'], ...inProcesses },
};

const { MUTATE: folder = '' } = process.env;
const { tests, ...how } = folders[folder] ?? {};
if (!tests) throw new Error(`Cannot mutate "${folder}": it is one of ${Object.keys(folders).join(', ')}`);
process.env.TESTS = tests.map((name) => `test/${name}.test.ts`).join(); // for test/mutate.config.ts

export default {
  ...how,
  mutate: [`${folder}/*.ts`],
  testRunner: 'vitest',
  vitest: { configFile: 'test/mutate.config.ts', related: false },
  incremental: true,
  incrementalFile: `node_modules/.cache/mutants/${folder.replaceAll('/', '-')}.json`,
  concurrency: 2,
  timeoutMS: 5000,
  reporters: ['clear-text', 'progress-append-only'],
  clearTextReporter: { reportTests: false, allowColor: false },
  tsconfigFile: 'none', // esbuild takes the types out; Stryker need not look at them.
  ignorePatterns: ['results', 'reports'],
};
