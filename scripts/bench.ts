// npm run bench: the project's servers beside the same in C, Python and node:net, with the same clients.

import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { orFail } from '../src/cli/fail.ts';
import { leftOut, python } from './bench/contestants.ts';
import { documents, readResults } from './bench/documents.ts';
import { readOptions } from './bench/options.ts';
import type { Plan } from './bench/plan.ts';
import { blocks, markdown } from './bench/report.ts';
import { type Measured, type Results, type TableName, toJson } from './bench/results.ts';
import { chosen, duration, tables } from './bench/tables.ts';
import { root } from './steps.ts';

const { rounds, seconds, quick, only, write, render, json } = readOptions();
const names = chosen(only);
const begin = performance.now();

async function measure(name: TableName): Promise<Measured> {
  const say = (line: string) => {
    const passed = Math.round((performance.now() - begin) / 1000);
    process.stderr.write(
      `${clock(passed)}, table ${names.indexOf(name) + 1} of ${names.length}, ${name}: ${line}\n`,
    );
  };
  const plan: Plan = { rounds, seconds, quick, say };
  const entries = await tables[name].measure(plan);
  const versions = { node: process.versions.node, ...(python !== undefined && { python }) };
  return { ...versions, cpus: availableParallelism(), rounds, seconds, entries };
}

/** Seconds as a clock shows them: `1:05`. */
function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${`${seconds % 60}`.padStart(2, '0')}`;
}

function print(name: TableName, measured: Measured): void {
  for (const block of blocks(name, measured)) console.log(`\n### ${block.title}\n\n${markdown(block)}`);
}

/** Writes what is made of these results. */
function show(results: Results): void {
  for (const [path, content] of orFail(() => documents(results))) writeFileSync(join(root, path), content);
}

/** After each table: whoever ends a run keeps what it has measured. */
function keep(results: Results): void {
  if (json !== undefined) orFail(() => writeFileSync(resolve(json), toJson(results)));
  if (write) show({ ...readResults(), ...results });
}

if (render) {
  show(readResults());
  process.exit();
}
const versions = `Node ${process.versions.node}${python ? `, Python ${python}` : ''}, ${availableParallelism()} CPUs`;
console.log(`${versions}; rounds: ${rounds}, of ${seconds} s for each; medians.`);
const expected = duration(names, { rounds, seconds, quick });
console.log(
  `It takes about ${expected < 90 ? `${Math.ceil(expected)} seconds` : `${Math.round(expected / 60)} minutes`}.`,
);
const results: Results = {};
keep(results); // If that can't be done, it is better to know it now.
for (const name of names) {
  const measured = await measure(name);
  results[name] = measured;
  print(name, measured);
  keep(results);
}
if (leftOut.length > 0) console.log(`\n${leftOut.join('\n')}`);
process.exit();
