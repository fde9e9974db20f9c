// What each step does, and what it is meant to get wrong. The README's matrix is made of this table.

import { type BehaviourName, behaviours } from './behaviours.ts';

/** ✔ it does, ✘ it is meant to fail, – it does not apply. */
export type Expectation = '✔' | '✘' | '–';

// The columns, in the order of `behaviours`: echoes bytes back, next client, two at once, lines however cut,
// a character cut in two, CRLF, half-close, reset, never reads, hostile command, users can talk, Ctrl-C. (reactor6 answers
// nobody: it passes on what one says to all the others.)
const table = `
  single1     ✔ ✘ ✘ – – – ✔ ✘ ✘ – – ✔
  single2     ✔ ✘ ✘ – ✘ – ✔ ✘ ✘ – – ✔
  single3     ✔ ✔ ✘ – ✘ – ✔ ✔ ✘ – – ✔
  single4     ✔ ✔ ✘ – ✘ – ✔ ✔ ✘ – – ✔
  single5     ✔ ✔ ✘ – ✘ – ✔ ✔ ✘ – – ✔
  single6     ✔ ✔ ✘ ✔ ✔ ✔ ✔ ✔ ✘ – – ✔
  single7     – ✔ ✘ ✔ ✔ ✔ ✔ ✔ ✘ ✘ – ✔
  single8     – ✔ ✘ ✔ ✔ ✔ ✔ ✔ ✘ ✘ – ✔
  single9     – ✔ ✘ ✔ ✔ ✔ ✔ ✔ ✘ ✔ – ✔
  single10    – ✔ ✘ ✔ ✔ ✔ ✔ ✔ ✘ ✔ – ✔
  thread4     ✔ ✔ ✔ – ✘ – ✔ ✔ ✔ – – ✔
  accept4     ✔ ✔ ✔ – ✘ – ✔ ✔ ✔ – – ✔
  drain4      ✔ ✔ ✔ – ✘ – ✔ ✔ ✔ – – ✔
  pool4       ✔ ✔ ✔ – ✘ – ✔ ✔ ✔ – – ✔
  prefork4    ✔ ✔ ✔ – ✘ – ✔ ✔ ✔ – – ✔
  thread9     – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔
  thread10    – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔
  thread11    – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✘ ✔ ✔ ✔
  poll3       ✔ ✔ ✔ – ✘ – ✔ ✔ ✘ – – ✔
  select3     ✔ ✔ ✔ – ✘ – ✔ ✔ ✔ – – ✔
  select6     ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – – ✔
  reactor6    ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – – ✔
  select9     – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔
  select10    – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔
  select11    – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔
  generator4  ✘ ✘ ✘ – ✘ – ✘ ✘ ✘ – – ✔
  loop4       ✔ ✔ ✔ – ✘ – ✔ ✔ ✔ – – ✔
  generator6  ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – – ✔
  await6      ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – – ✔
  callback6   ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – – ✔
  stream6     ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – – ✔
  generator10 – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔
  await10     – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔
  callback10  – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔
  stream10    – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔
  generator11 – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔
  await11     – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔
  callback11  – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔
  stream11    – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔
`;

const names = Object.keys(behaviours) as BehaviourName[];

/** For each step, what is expected of it. */
export const expectations = new Map<string, Map<BehaviourName, Expectation>>(
  table
    .trim()
    .split('\n')
    .map((row) => {
      const [step = '', ...marks] = row.trim().split(/\s+/) as [string, ...Expectation[]];
      if (marks.length !== names.length)
        throw new Error(`${step}: ${marks.length} marks, ${names.length} columns`);
      return [step, new Map(names.map((name, i) => [name, marks[i] as Expectation]))];
    }),
);

const CUT = 'a character cut in two';
const NEVER_READS = 'a client that never reads stops nobody else';

/** Which step mends what the steps of a mechanism are meant to get wrong. */
const menders: Record<string, Partial<Record<BehaviourName, string>>> = {
  single: {
    'serves the next client': 'single3',
    'serves two at once': 'thread4',
    [CUT]: 'single6',
    'survives a reset': 'single3',
    [NEVER_READS]: 'thread4',
    'a hostile command name does no harm': 'single9',
  },
  thread: { [CUT]: 'thread9', [NEVER_READS]: 'select11' },
  accept: { [CUT]: 'thread9' },
  drain: { [CUT]: 'thread9' },
  pool: { [CUT]: 'thread9' },
  prefork: { [CUT]: 'thread9' },
  poll: { [CUT]: 'select6', [NEVER_READS]: 'select6' },
  select: { [CUT]: 'select6' },
  generator: { ...Object.fromEntries(names.map((name) => [name, 'loop4'])), [CUT]: 'generator6' },
  loop: { [CUT]: 'generator6' },
};

/** The step that mends what this one is meant to get wrong, and passes there. */
export function mender(step: string, behaviour: BehaviourName): string {
  const found = menders[step.replace(/\d+$/, '')]?.[behaviour];
  if (!found || expectations.get(found)?.get(behaviour) !== '✔') {
    throw new Error(`Nobody mends what ${step} gets wrong: ${behaviour}`);
  }
  return found;
}
