import { attempt, type Failure } from './attempt.ts';
import { type BehaviourName, CTRL_C } from './behaviours.ts';
import { expectations } from './expectations.ts';
import { PATIENCE } from './inbox.ts';
import { type Server, serving } from './server.ts';

/** How long to wait for an answer that is not expected to come, in milliseconds. */
const SHORT_PATIENCE = 500;

/**
 * Tries on a step of this project all that applies to it. What it is to pass, it is to pass on one and the same server, from
 * level 3 on; what it is meant to get wrong gets a new one.
 *
 * @param path its file
 * @param tell is told each behaviour, and how it failed, if it did
 */
export async function examine(
  step: { name: string; path: string; level: number },
  tell: (behaviour: BehaviourName, failure: Failure | undefined) => void,
): Promise<void> {
  const { path, level } = step;
  const row = [...(expectations.get(step.name) ?? [])];
  const those = (mark: string) => row.filter(([, expected]) => expected === mark).map(([name]) => name);
  const look = async (server: Server, name: BehaviourName, patience: number) => {
    const subject = { port: server.port, level, program: server, log: server.stdout };
    tell(name, await attempt(name, subject, { patience }));
  };
  const passes = those('✔').sort((a, b) => Number(a === CTRL_C) - Number(b === CTRL_C)); // It ends the server.
  for (const group of level < 3 ? passes.map((name): BehaviourName[] => [name]) : [passes]) {
    await serving(path, async (server) => {
      for (const name of group) {
        server.stdout.forget();
        await look(server, name, PATIENCE);
      }
    });
  }
  for (const name of those('✘')) await serving(path, (server) => look(server, name, SHORT_PATIENCE));
}
