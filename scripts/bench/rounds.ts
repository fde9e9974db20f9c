// Rounds: in each of them, everybody has one turn.

import type { Plan } from './plan.ts';
import type { Entry, Figure } from './results.ts';

/** What a turn says. */
export type Figures = Partial<Record<Figure, number>>;

/**
 * Has them take turns, round after round. Returns the figures of all rounds, in the order of the subjects.
 *
 * @param tell what to say of a turn
 */
export async function inTurns<Subject>(
  subjects: readonly Subject[],
  plan: Plan,
  turn: (subject: Subject) => Promise<Figures>,
  tell: (subject: Subject, figures: Figures) => string,
): Promise<Entry['figures'][]> {
  const all: Entry['figures'][] = subjects.map(() => ({}));
  for (let round = 1; round <= plan.rounds; round++) {
    for (const [i, subject] of subjects.entries()) {
      const figures = await turn(subject);
      const own = all[i] as Entry['figures'];
      for (const [name, figure] of Object.entries(figures) as [Figure, number][]) {
        own[name] = [...(own[name] ?? []), figure];
      }
      plan.say(`round ${round} of ${plan.rounds}: ${tell(subject, figures)}`);
    }
  }
  return all;
}
