// The table `suspended`: the memory of one function that waits, counted by waiting.ts, in a process for each kind.

import { spawnSync } from 'node:child_process';
import { fail } from '../../../src/cli/fail.ts';
import { withoutTypes } from '../contestants.ts';
import type { Plan } from '../plan.ts';
import type { Entry } from '../results.ts';
import { type Figures, inTurns } from '../rounds.ts';

/** By the names that waiting.ts has for them. */
const kinds = {
  state: 'a state, as in select6',
  callbacks: 'five callbacks, as in callback6',
  generator: 'a generator',
  'generator-in-generator': 'a generator within another, as in generator6',
  async: 'an async function',
  'async-in-async': 'an async function that awaits another, as in await6',
};

export async function suspended(plan: Plan): Promise<Entry[]> {
  const program = withoutTypes('scripts/bench/waiting.ts');
  const count = async ([kind, name]: [kind: string, name: string]): Promise<Figures> => {
    const args = ['--expose-gc', program, kind];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    if (status !== 0) fail(`Cannot measure ${name}: ${stderr.trim() || 'it was ended'}`);
    return { memory: Number(stdout) };
  };
  const measured = await inTurns(
    Object.entries(kinds),
    plan,
    count,
    ([, name], { memory }) => `${name}: ${memory} bytes`,
  );
  return measured.map(([[, server], figures]) => ({ server, figures }));
}
