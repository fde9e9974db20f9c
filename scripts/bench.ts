// npm run bench: measures the steps beside the same servers in C, Python and node:net, with the same clients.

import { closeSync, openSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { fail, orFail } from '../src/cli/fail.ts';
import { numberOrFail, parseOrHelp } from '../src/cli/parse.ts';
import { missingForC, pythonVersion } from './bench/contestants.ts';
import { measure } from './bench/engine.ts';
import { blocks, documents, equipped, markdown, roundsOf } from './bench/report.ts';
import {
  type Measured,
  type Results,
  readResults,
  type TableName,
  tableNames,
  toJson,
} from './bench/results.ts';
import { tables, takesC } from './bench/tables.ts';
import { root } from './steps.ts';

const usage = `Usage: npm run bench [-- OPTIONS]

  --quick       fewer connections, and one short round: rough figures
  --only TABLE  one table: ${tableNames.slice(0, 5).join(', ')},
                ${tableNames.slice(5).join(', ')}
  --rounds N    how often each server has a turn (5, with --quick 1)
  --json FILE   writes the figures of each round to FILE
  --write       writes the figures into results/, and from there into the READMEs and plots
  --render      measures nothing: writes the READMEs and plots again, from results/bench.json`;

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const options = {
  quick: flag,
  only: text,
  rounds: text,
  json: text,
  write: flag,
  render: flag,
};
const {
  quick = false,
  write = false,
  render = false,
  only,
  json,
  ...typed
} = parseOrHelp({ options }, usage).values;
const rounds = numberOrFail(typed.rounds ?? (quick ? '1' : '5'), 'Cannot use --rounds', {
  min: 1,
  max: 1000,
});
const plan = { rounds, seconds: quick ? 0.1 : 0.4, quick };
if (quick && write) fail('Cannot use --write with --quick: its figures are too rough to keep');

const speedTables = tableNames.filter(takesC);

/** The tables to measure. */
function chosen(): readonly TableName[] {
  const known = tableNames.filter((name) => only === undefined || name === only);
  if (known.length === 0)
    fail(`Cannot use --only ${JSON.stringify(only)}: there are ${tableNames.join(', ')}`);
  if (!missingForC) return known;
  const possible = known.filter((name) => !takesC(name));
  if (possible.length === 0)
    fail(`Cannot measure ${only}: its clients are in C, and there is no ${missingForC} here`);
  return possible;
}

/** Writes the files that show these results. */
async function show(results: Results): Promise<void> {
  const files = await documents(results).catch((error: Error) => fail(error.message));
  for (const [path, content] of files) orFail(() => writeFileSync(join(root, path), content));
}

async function run(names: readonly TableName[]): Promise<void> {
  const begin = performance.now();
  const results: Results = {};
  // Fail now if FILE can't be written, not after the measurement.
  if (json !== undefined) orFail(() => closeSync(openSync(resolve(json), 'a')));
  if (write) await show(orFail(readResults));
  const python = pythonVersion();
  const equipment = { node: process.versions.node, ...(python && { python }), cpus: availableParallelism() };
  console.log(`${equipped(equipment)}.`);
  if (missingForC) {
    const left = `the speed tables need a C compiler, and are left out: ${speedTables.join(', ')}`;
    console.log(`There is no ${missingForC} here: ${left}.`);
  }
  if (!python) console.log('There is no python3 here: the Python servers are left out.');
  for (const name of names) {
    const say = (line: string) =>
      process.stderr.write(`${Math.round((performance.now() - begin) / 1000)} s, ${name}: ${line}\n`);
    const measured = { ...equipment, ...plan, entries: await measure(tables[name], { ...plan, say }) };
    print(name, measured);
    const { quick: _, ...kept } = measured;
    results[name] = kept;
    // Write after each table, so that a run that you end keeps its figures.
    if (json !== undefined) orFail(() => writeFileSync(resolve(json), toJson(results)));
    if (write) await show({ ...orFail(readResults), ...results });
  }
}

function print(name: TableName, measured: Measured): void {
  for (const block of blocks(name, measured)) {
    console.log(
      `\n### ${block.title}\n\n${markdown(block)}\n\n${quick ? 'Rough: ' : ''}${roundsOf(measured)}.`,
    );
  }
}

if (render) await show(orFail(readResults));
else await run(chosen());
process.exit();
