// What is told of the figures of all rounds.

/** NaN if there are none. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [below = Number.NaN, above = Number.NaN] = sorted.slice(middle - 1, middle + 1);
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : (below + above) / 2;
}

/** NaN if there are none. */
export function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

/** The median of the ratios to a reference, round by round. */
export function medianRatio(figures: readonly number[], reference: readonly number[]): number {
  return median(figures.map((figure, round) => figure / (reference[round] ?? Number.NaN)));
}
