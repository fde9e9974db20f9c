// npm run bench: the project's servers beside the same in C, Python and node:net, with the same clients.

import { closeSync, openSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { orFail } from '../src/cli/fail.ts';
import { leftOut, python } from './bench/contestants.ts';
import { documents, readResults } from './bench/documents.ts';
import { readOptions } from './bench/options.ts';
import { blocks, equipped, markdown } from './bench/report.ts';
import { type Measured, type Results, type TableName, toJson } from './bench/results.ts';
import { chosen, duration, tables } from './bench/tables.ts';
import { root } from './steps.ts';

const { rounds, seconds, quick, only, write, render, json } = readOptions();
const names = chosen(only);
const equipment = {
  node: process.versions.node,
  ...(python !== undefined && { python }),
  cpus: availableParallelism(),
};
const begin = performance.now();

async function measure(name: TableName): Promise<Measured> {
  const where = `table ${names.indexOf(name) + 1} of ${names.length}, ${name}`;
  const say = (line: string) =>
    process.stderr.write(`${clock(performance.now() - begin)}, ${where}: ${line}\n`);
  const entries = await tables[name].measure({ rounds, seconds, quick, say });
  return { ...equipment, rounds, seconds, entries };
}

/** Milliseconds as a clock shows them: `1:05`. */
function clock(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${`${seconds % 60}`.padStart(2, '0')}`;
}

function print(name: TableName, measured: Measured): void {
  for (const block of blocks(name, measured)) console.log(`\n### ${block.title}\n\n${markdown(block)}`);
}

/** Writes what is made of these results. */
function show(results: Results): void {
  orFail(() => {
    for (const [path, content] of documents(results)) writeFileSync(join(root, path), content);
  });
}

/** After each table: whoever ends a run keeps what it has measured. */
function keep(results: Results): void {
  if (json !== undefined) orFail(() => writeFileSync(resolve(json), toJson(results)));
  if (write) show({ ...orFail(readResults), ...results });
}

async function run(): Promise<void> {
  const minutes = duration(names, { rounds, seconds, quick }) / 60;
  console.log(`${equipped(equipment)}; rounds: ${rounds}, of ${seconds} s for each; medians.`);
  console.log(
    `It takes about ${minutes < 1.5 ? `${Math.ceil(60 * minutes)} s` : `${Math.round(minutes)} minutes`}.`,
  );
  const results: Results = {};
  // If it can't be kept, it is better to know that now.
  if (json !== undefined) orFail(() => closeSync(openSync(resolve(json), 'a')));
  if (write) show(orFail(readResults));
  for (const name of names) {
    const measured = await measure(name);
    results[name] = measured;
    print(name, measured);
    keep(results);
  }
  if (leftOut.length > 0) console.log(`\n${leftOut.join('\n')}`);
}

if (render) show(orFail(readResults));
else await run();
process.exit();
