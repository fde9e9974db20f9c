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
 * Tries all behaviours that apply to a step, on one server: first those that it should pass, then those that it gets wrong on
 * purpose. SIGTERM takes a server of its own, because Ctrl-C has ended the other. A step that does not serve a second client
 * gets a new server for each behaviour. A step of level 12 gets one for each set of limits.
 *
 * @param tell is called with each behaviour, and its failure, if it failed
 */
export async function examine(step: Step, tell: Tell): Promise<void> {
  const row: ReadonlyMap<BehaviourName, Expectation> = expectations.get(step.name) ?? new Map();
  const groups = new Map<string, BehaviourName[]>();
  for (const [name, mark] of row) {
    if (mark === '–') continue;
    const { limits = '' } = behaviours[name];
    const isAlone = row.get('serves the next client') !== '✔' || (name === SIGTERM && step.level < 12);
    const key = isAlone ? name : step.level < 12 ? '' : limits;
    groups.set(key, [...(groups.get(key) ?? []), name]);
  }
  await Promise.all(Array.from(groups.values(), (group) => converse(step, group, row, tell)));
}

/** Holds these conversations with a new server: those about limits at the same time, because they mostly wait, the others in turn. */
async function converse(
  { path, level }: Step,
  names: readonly BehaviourName[],
  row: ReadonlyMap<BehaviourName, Expectation>,
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
        const fails = row.get(name) === '✘';
        const patience = fails ? SHORT_PATIENCE : PATIENCE;
        // A step without limits reaches none later, so a busy server gets no more time.
        const unlimited = fails && behaviours[name].level === 12;
        tell(name, await attempt(name, subject, { patience, ...(unlimited && { isBusy: () => false }) }));
      };
      const ends = (name: BehaviourName) => name === CTRL_C || name === SIGTERM;
      for (const mark of ['✔', '✘']) {
        const marked = names.filter((name) => row.get(name) === mark && !ends(name));
        for (const name of marked) if (behaviours[name].level < 12) await look(name);
        await Promise.all(marked.filter((name) => behaviours[name].level === 12).map(look));
      }
      for (const name of names) if (ends(name)) await look(name);
    },
    { args },
  );
}
