/**
 * One character that a terminal obeys or does not show: controls, separators of lines, lone surrogates, formats such as those
 * that change the direction of text, fillers, and variation selectors.
 *
 * @see https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
 */
export const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

// Except the characters that join letters and emojis, or choose a variant. It matches whole runs, because a million single
// matches take long.
const RUNS = new RegExp(`(?:(?![\\u200c\\u200d\\p{Variation_Selector}])${INVISIBLE.source})+`, 'gu');

/** A user's text, safe for the terminals of others: each invisible character is a `?`. */
export function visible(text: string): string {
  return text.replace(RUNS, (run) => '?'.repeat([...run].length));
}
