// Rounds: in each of them, everybody has one turn.

import type { Plan } from './plan.ts';
import type { Entry, Figure } from './results.ts';

/** What a turn says. */
export type Figures = Partial<Record<Figure, number>>;

/**
 * Has them take turns, round after round. Returns each with the figures of all rounds.
 *
 * @param tell what to say of a turn
 */
export async function inTurns<Subject>(
  subjects: readonly Subject[],
  plan: Plan,
  turn: (subject: Subject) => Promise<Figures>,
  tell: (subject: Subject, figures: Figures) => string,
): Promise<[subject: Subject, figures: Entry['figures']][]> {
  const all = subjects.map((subject): [Subject, Entry['figures']] => [subject, {}]);
  for (let round = 1; round <= plan.rounds; round++) {
    const first = (round - 1) % all.length; // Not always the same one first, nor with the same one before it.
    for (const [subject, own] of [...all.slice(first), ...all.slice(0, first)]) {
      const figures = await turn(subject);
      for (const [name, figure] of Object.entries(figures) as [Figure, number][]) {
        own[name] = [...(own[name] ?? []), figure];
      }
      plan.say(`round ${round} of ${plan.rounds}: ${tell(subject, figures)}`);
    }
  }
  return all;
}
