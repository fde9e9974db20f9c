// How it is to be measured.

/** How many rounds, how long a turn is, and how much of a table is measured. */
export type Plan = {
  rounds: number;
  /** How long a turn is. */
  seconds: number;
  /** Fewer connections, and fewer numbers of them: to see that it works, not what it says. */
  quick: boolean;
  /** Tells what has just been measured. */
  say(line: string): void;
};

/** Where figures vary little, or cost much time, there are fewer rounds. */
export function fewer(plan: Plan): Plan {
  return { ...plan, rounds: Math.ceil(plan.rounds / 2) };
}
