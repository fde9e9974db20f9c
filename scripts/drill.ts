// npm run drill: sends honest users and offenders, at random, to a step of level 12.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../src/behaviours/client.ts';
import { type Server, serving } from '../src/behaviours/server.ts';
import { fail } from '../src/cli/fail.ts';
import { print } from '../src/cli/log.ts';
import { numberOrFail, parseOrHelp } from '../src/cli/parse.ts';
import { offences } from './drill/offences.ts';
import { Talk } from './drill/talk.ts';
import { failIfTaken } from './npm.ts';
import { findStep, levelOf } from './steps.ts';

const usage = `Usage: npm run drill -- [STEP] [OPTIONS]

  STEP         a step of level 12; without one, select12
  --seconds S  how long the drill takes (60)
  --seed N     chooses the offences and their order (1)

Exit code 1: an honest user lost a line or was cut off, or the server kept memory or descriptors.`;

/** Small limits, which offenders reach soon. */
const LIMITS =
  '--line-timeout 2 --idle-timeout 60 --stall-timeout 2 --max-owed 262144 --max-clients 60 --max-per-address 0 --drain 5';
const HONEST = 6;
const OFFENDERS = 20;
/** The memory of the server may grow by this, in bytes: by its heap, and by the unsent bytes of all offenders. */
const GROWTH = 64 * 1024 * 1024 + OFFENDERS * 262_144;

const text = { type: 'string' } as const;
failIfTaken('npm run drill', { seconds: 'S', seed: 'N' }, process.argv.slice(2));
const { values, positionals } = parseOrHelp(
  { allowPositionals: true, options: { seconds: text, seed: text } },
  usage,
);
const step = findStep(positionals[0] ?? 'select12');
if (levelOf(step.name) !== 12) fail(`Cannot drill ${step.name}: it has no limits`);
const seconds = numberOrFail(values.seconds ?? '60', 'Cannot use --seconds', { min: 1, fraction: true });
const random = generator(numberOrFail(values.seed ?? '1', 'Cannot use --seed', { max: 2 ** 32 - 1 }));

await serving(
  step.path,
  (server) => drill(server).catch((error) => fail(`${error.message}\n${server.stderr.waiting}`)),
  { args: ['--quiet', ...LIMITS.split(' ')] },
);

async function drill(server: Server): Promise<void> {
  const end = performance.now() + 1000 * seconds;
  const talk = await Talk.start(server.port, HONEST);
  const before = measure(server);
  before.descriptors -= HONEST;
  const committed = new Map<string, number>();
  const offend = async () => {
    while (performance.now() < end) {
      const [name, commit] = offences[Math.floor(random() * offences.length)] as (typeof offences)[number];
      committed.set(name, (committed.get(name) ?? 0) + 1);
      const client = await Client.connect(server.port);
      await commit(client, random, end);
      client.close();
    }
  };
  const offenders = Array.from({ length: OFFENDERS }, offend);
  await Promise.all([talk.until(end), ...offenders]);
  const problems = await talk.finish();
  while (measure(server).descriptors > before.descriptors && performance.now() < end + 10_000)
    await sleep(50);
  const after = measure(server);
  if (after.descriptors > before.descriptors)
    problems.push(`${after.descriptors - before.descriptors} descriptors are left`);
  if (after.memory > before.memory + GROWTH)
    problems.push(`memory grew from ${before.memory} to ${after.memory} bytes`);
  server.kill('SIGTERM');
  const exit = await server.exited();
  if (exit !== 0) problems.push(`the server ended by ${exit}`);
  for (const [name, times] of committed) print(`${times} times: ${name}`);
  print(`${HONEST} honest users received ${talk.heard} lines: ${problems.join(', ') || 'none lost'}`);
  process.exit(problems.length > 0 ? 1 : 0);
}

function measure({ child }: Server): { descriptors: number; memory: number } {
  const proc = `/proc/${child.pid}`;
  if (!existsSync(proc)) return { descriptors: 0, memory: 0 };
  const resident = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`${proc}/status`, 'utf8'))?.[1];
  return { descriptors: readdirSync(`${proc}/fd`).length, memory: 1024 * Number(resident) };
}

/** Numbers from 0 to 1, the same for the same seed: mulberry32. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
