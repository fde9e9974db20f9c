import { attempt, type Failure } from './attempt.ts';
import { type BehaviourName, behaviours, CTRL_C, SIGTERM } from './behaviours.ts';
import { type Expectation, expectations } from './expectations.ts';
import { freePort } from './foreign.ts';
import { PATIENCE } from './inbox.ts';
import { serving } from './server.ts';

/** How long to wait for an answer that should not come, in milliseconds. */
const SHORT_PATIENCE = 500;

type Step = { name: string; path: string; level: number };
type Tell = (behaviour: BehaviourName, failure: Failure | undefined) => void;

/**
 * Tries on a step of this project all that applies to it: first what it is to pass, on one and the same server, then what it is
 * meant to get wrong, on another. A step that does not serve the next client has a new server for each. A step that has limits
 * has a server for each set of them.
 *
 * @param tell is told each behaviour, and how it failed, if it did
 */
export async function examine(step: Step, tell: Tell): Promise<void> {
  const row: ReadonlyMap<BehaviourName, Expectation> = expectations.get(step.name) ?? new Map();
  for (const [mark, patience] of [
    ['✔', PATIENCE],
    ['✘', SHORT_PATIENCE],
  ] as const) {
    const names = [...row.keys()].filter((name) => row.get(name) === mark);
    const groups = new Map<string, BehaviourName[]>();
    for (const name of names) {
      const { limits = '' } = behaviours[name];
      const key = row.get('serves the next client') !== '✔' ? name : step.level < 12 ? '' : limits;
      groups.set(key, [...(groups.get(key) ?? []), name]);
    }
    await Promise.all(Array.from(groups.values(), (group) => converse(step, group, patience, tell)));
  }
}

/** Has these conversations with a new server: one after the other, but those about limits, which wait most of the time, at once. */
async function converse(
  { path, level }: Step,
  names: readonly BehaviourName[],
  patience: number,
  tell: Tell,
): Promise<void> {
  const statusPort = await freePort();
  const limits = behaviours[names[0] as BehaviourName].limits?.replace('{status}', `${statusPort}`);
  const args = level < 12 || !limits ? [] : limits.split(' ');
  await serving(
    path,
    async (server) => {
      const subject = { port: server.port, level, statusPort, program: server, log: server.stdout };
      const look = async (name: BehaviourName) => {
        server.stdout.forget();
        // Where there is no limit, none is reached later either, however busy the server is.
        const unlimited = patience === SHORT_PATIENCE && behaviours[name].level === 12;
        tell(name, await attempt(name, subject, { patience, ...(unlimited && { isBusy: () => false }) }));
      };
      const ends = (name: BehaviourName) => name === CTRL_C || name === SIGTERM;
      const atOnce = (name: BehaviourName) => behaviours[name].level === 12 && !ends(name);
      for (const name of names) if (!atOnce(name) && !ends(name)) await look(name);
      await Promise.all(names.filter(atOnce).map(look));
      for (const name of names) if (ends(name)) await look(name);
    },
    { args },
  );
}
