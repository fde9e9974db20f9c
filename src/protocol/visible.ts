/**
 * One character that a terminal obeys or does not show: controls, separators of lines, lone surrogates, formats such as those
 * that turn the direction of text, and what else is invisible: fillers, selectors of variants.
 *
 * @see https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
 */
export const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

// But for what joins letters and emojis, or says which variant of one is meant. Whole runs: a million of them take no time.
const RUNS = new RegExp(`(?:(?![\\u200c\\u200d\\p{Variation_Selector}])${INVISIBLE.source})+`, 'gu');

/** What one user has typed, fit for the terminals of others: each invisible character is a `?`. */
export function visible(text: string): string {
  return text.replace(RUNS, (run) => '?'.repeat([...run].length));
}
