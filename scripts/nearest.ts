// Finds the name that is nearest to a mistyped one.

/** The name with the fewest typing errors. Undefined if even that has more errors than half of the letters. */
export function nearest(typed: string, names: Iterable<string>): string | undefined {
  const [best] = Array.from(names, (name) => ({ name, errors: typingErrors(typed.toLowerCase(), name) }))
    .filter(({ errors }) => 2 * errors <= typed.length)
    .sort((a, b) => a.errors - b.errors);
  return best?.name;
}

/**
 * How many letters you insert, delete or replace to turn one word into another.
 *
 * @see https://en.wikipedia.org/wiki/Levenshtein_distance
 */
function typingErrors(from: string, to: string): number {
  // The errors between the letters so far and the first 0, 1, 2 … letters of `to`.
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (const letter of from) {
    let last = (row[0] as number) + 1;
    row = row.map((above, i) => {
      if (i === 0) return last;
      const replaced = (row[i - 1] as number) + (letter === to[i - 1] ? 0 : 1);
      last = Math.min(above + 1, last + 1, replaced);
      return last;
    });
  }
  return row.at(-1) as number;
}
