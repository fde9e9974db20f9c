// What a step says of a command line that it can not use. cli.test.ts shows that this is one line, and exit code 1.

import { expect, test, vi } from 'vitest';
import { readOptions } from '../src/cli/options.ts';

vi.mock('../src/cli/fail.ts', () => ({
  fail: (message: string): never => {
    throw new Error(message);
  },
}));

const mistakes: [args: string[], message: RegExp][] = [
  ...['http', '65536', '-1', '', '1e3', '0x50', '+80', ' 80', '80.0'].map((port): [string[], RegExp] => [
    ['--port', port],
    new RegExp(
      `^Cannot use --port ${JSON.stringify(port).replace('+', '\\+')}: it is a whole number from 0 to 65535$`,
    ),
  ]),
  [['--port=-1'], /^Cannot use --port "-1": /],
  [['--port', '--quiet'], /^Option '--port' argument is ambiguous: --help lists the options$/],
];

for (const [args, message] of mistakes) {
  test(`a step does not take ${args.join(' ')}`, () => {
    const argv = process.argv;
    process.argv = ['node', 'single3.ts', ...args];
    try {
      expect(() => readOptions()).toThrow(message);
    } finally {
      process.argv = argv;
    }
  });
}
