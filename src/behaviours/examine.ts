import { attempt, type Failure } from './attempt.ts';
import { type BehaviourName, CTRL_C } from './behaviours.ts';
import { type Expectation, expectations } from './expectations.ts';
import { PATIENCE } from './inbox.ts';
import { serving } from './server.ts';

/** How long to wait for an answer that should not come, in milliseconds. */
const SHORT_PATIENCE = 500;

/**
 * Tries all behaviours that apply to a step of this project: on one server those that it should pass, and then on another
 * those that it is meant to fail. A step that does not serve the next client is started anew for each.
 *
 * @param path the file of the step
 * @param tell is called with each behaviour, and with the failure, if it failed
 */
export async function examine(
  step: { name: string; path: string; level: number },
  tell: (behaviour: BehaviourName, failure: Failure | undefined) => void,
): Promise<void> {
  const { path, level } = step;
  const row: ReadonlyMap<BehaviourName, Expectation> = expectations.get(step.name) ?? new Map();
  for (const [mark, patience] of [
    ['✔', PATIENCE],
    ['✘', SHORT_PATIENCE],
  ] as const) {
    const names = [...row.keys()].filter((name) => row.get(name) === mark);
    names.sort((a, b) => Number(a === CTRL_C) - Number(b === CTRL_C)); // It ends the server.
    const groups: BehaviourName[][] =
      row.get('serves the next client') === '✔' ? [names] : names.map((name) => [name]);
    for (const group of groups.filter(({ length }) => length > 0)) {
      await serving(path, async (server) => {
        const subject = { port: server.port, level, program: server, log: server.stdout };
        for (const name of group) {
          server.stdout.forget();
          tell(name, await attempt(name, subject, { patience }));
        }
      });
    }
  }
}
