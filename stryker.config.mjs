// npm run mutate -- FOLDER, or one of its FILES: breaks the code in hundreds of small ways, one at a time, and runs tests on each.
// A break that no test notices is code that makes no difference, or a claim that no test proves.

/**
 * Of each folder, the files to break, and the tests that are quick enough to run that often. With `processes`, all of them on
 * each break, because they test what other processes do; without, those that run the broken line.
 */
const folders = {
  'src/protocol': { files: '*', tests: ['protocol', 'protocols', 'framing', 'websocket', 'chat-rules'] },
  'src/sockets': { files: '*', tests: ['sockets', 'selector'] },
  'src/coroutine': { files: '{*loop,*-socket}', tests: ['coroutine-loops'] },
  'src/select': { files: '{async-chat,event-handler}', tests: ['async-chat'] },
  'src/parallel': { files: '{queue,semaphore,wait-on}', tests: ['shared-memory'], processes: true },
  'src/threaded': { files: '{mutex,shared-room}', tests: ['chat-rules', 'shared-memory'], processes: true },
};

const { MUTATE: what = '' } = process.env;
const folder = what.replace(/\/[^/]+\.ts$/, '');
const { files, tests, processes } = folders[folder] ?? {};
if (!files) {
  console.error(`Cannot mutate "${what}": the folders are ${Object.keys(folders).join(', ')}`);
  process.exit(1);
}
// For test/mutate.config.ts and test/fixtures/mutant.ts.
process.env.TESTS = tests.map((name) => `test/${name}.test.ts`).join();
process.env.PROCESSES = processes ? 'yes' : '';

export default {
  mutate: [what === folder ? `${folder}/${files}.ts` : what],
  testRunner: 'vitest',
  vitest: { configFile: 'test/mutate.config.ts', related: false },
  concurrency: 2,
  timeoutMS: 5000,
  tsconfigFile: 'none', // Stryker would rewrite it with a compiler that it does not find.
  ignorePatterns: ['results'],
  reporters: ['clear-text', 'progress-append-only'],
  clearTextReporter: { reportTests: false, allowColor: false },
};
