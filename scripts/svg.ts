// SVG pictures for light and dark, with and without colour, small enough to keep in git.

/** The colours, by name: in light, and in dark. They differ for colour-blind readers, too. */
const colours = {
  paper: ['#ffffff', '#0d1117'],
  ink: ['#1f2328', '#e6edf3'],
  faint: ['#d0d7de', '#3d444d'],
  grey: ['#6e7781', '#9198a1'],
  blue: ['#0072b2', '#56b4e9'],
  orange: ['#b25f00', '#f0a32f'],
  green: ['#00785a', '#2fc48d'],
  red: ['#c2410c', '#ff7b54'],
  purple: ['#8a3a86', '#d59bd0'],
} as const;

export type Colour = keyof typeof colours;

/** The frame of a picture. */
export type Frame = {
  width: number;
  height: number;
  title: string;
  /** The contents in words, for screen readers. */
  description: string;
  /** The `<pattern>` elements that the picture uses. */
  patterns?: string[];
};

/** A whole picture, as the text of a file. */
export function svg({ width, height, title, description, patterns = [] }: Frame, parts: string[]): string {
  const rules = (shade: 0 | 1) =>
    Object.entries(colours).map(
      ([name, shades]) => `.f-${name}{fill:${shades[shade]}}.s-${name}{stroke:${shades[shade]}}`,
    );
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title description">`,
    `<title id="title">${escaped(title)}</title>`,
    `<desc id="description">${escaped(description)}</desc>`,
    '<style>',
    'text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif}.small{font-size:11px}.large{font-size:15px;font-weight:600}',
    rules(0).join(''),
    `@media (prefers-color-scheme:dark){${rules(1).join('')}}`,
    '</style>',
    ...(patterns.length > 0 ? [`<defs>${patterns.join('')}</defs>`] : []),
    `<rect class="f-paper" width="${width}" height="${height}" rx="6"/>`,
    ...parts,
    '</svg>',
  ].join('\n')}\n`;
}

export type Place = {
  anchor?: 'start' | 'middle' | 'end';
  colour?: Colour;
  size?: 'small' | 'large';
  /** Whether a halo keeps it readable on top of lines. */
  halo?: boolean;
};

/** A line of text. `x` is its start, middle or end, as `anchor` says. `y` is its base line. */
export function text(
  x: number,
  y: number,
  content: string,
  { anchor = 'start', colour = 'ink', size, halo = false }: Place = {},
): string {
  const classes = [`f-${colour}`, ...(size ? [size] : []), ...(halo ? ['s-paper'] : [])].join(' ');
  const anchored = anchor === 'start' ? '' : ` text-anchor="${anchor}"`;
  const haloed = halo ? ' stroke-width="4" paint-order="stroke"' : '';
  return `<text x="${round(x)}" y="${round(y)}" class="${classes}"${anchored}${haloed}>${escaped(content)}</text>`;
}

/** How a line is drawn: its colour, its width, and the lengths of dashes and gaps. */
export type Stroke = { colour: Colour; width?: number; dashes?: string };

/** A line through these points. */
export function line(
  points: readonly (readonly [x: number, y: number])[],
  { colour, width = 1, dashes }: Stroke,
): string {
  const path = points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${round(x)} ${round(y)}`).join('');
  const dashed = dashes === undefined ? '' : ` stroke-dasharray="${dashes}"`;
  return `<path class="s-${colour}" d="${path}" fill="none" stroke-width="${width}"${dashed}/>`;
}

/** A coordinate, rounded to a tenth of a pixel: smaller differences are invisible. */
export function round(number: number): number {
  return Math.round(number * 10) / 10;
}

/** Text without the characters that XML takes for a tag. */
export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
