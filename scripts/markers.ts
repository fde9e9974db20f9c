// Scripts write into a README between two comments, which the page does not show.

const END = '<!-- as far as here -->';

/** The text with this content between the markers of `writer`. @throws Error if it has no such markers */
export function written(text: string, writer: string, content: string): string {
  const begin = `<!-- ${writer} -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(END, from);
  if (from < 0 || to < 0) throw new Error(`Cannot find ${begin} and ${END}`);
  return `${text.slice(0, from)}${begin}\n\n${content}\n\n${text.slice(to)}`;
}
