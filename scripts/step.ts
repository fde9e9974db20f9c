// npm run step NAME [-- --files]: prints the header of a step, its difference to the step before it, and how to start it.

import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fail } from '../src/cli/fail.ts';
import { print } from '../src/cli/log.ts';
import { parseOrHelp } from '../src/cli/parse.ts';
import { difference, newFiles } from './difference.ts';
import { failIfTaken } from './npm.ts';
import { findStep, findSteps, root } from './steps.ts';

const usage = `Usage: npm run step NAME [-- --files]

  NAME     the step; npm start -- --list lists the steps
  --files  prints the files that are new beside it, too`;

failIfTaken('npm run step', { files: '' }, process.argv.slice(2));
const { values, positionals } = parseOrHelp(
  { allowPositionals: true, options: { files: { type: 'boolean' } } },
  usage,
);
const [name, ...more] = positionals;
if (name === undefined) fail('Cannot show a step without its name: type npm run step single6');
if (more.length > 0)
  fail(`Cannot show ${positionals.join(' and ')}: type npm run step ${name}, one at a time`);

const step = findStep(name);
const before = step.predecessor === undefined ? undefined : findSteps().get(step.predecessor);
print(step.header);
if (before) print(difference(before, step));
else print(step.code.trimStart());
showFiles(newFiles(step, before));
print(`Start it with\n\n  npx tsx ${step.path}\n`);

/** Lists the files with the number of their lines. With --files, prints them as well. */
function showFiles(paths: readonly string[]): void {
  if (paths.length === 0) return;
  const files = paths.map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
  const here = dirname(step.path);
  for (const { path, text } of files) {
    print(`+ ${dirname(path) === here ? basename(path) : path}, ${text.split('\n').length - 1} lines`);
  }
  print('');
  if (!values.files) print(`npm run step ${name} -- --files shows ${files.length > 1 ? 'them' : 'it'}.\n`);
  else for (const { path, text } of files) print(`--- ${path}\n\n${text}`);
}
