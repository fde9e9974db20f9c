// What happened in a conversation that failed, as text.

import type { AnswerError, Client, Happening } from './client.ts';

/** What the clients did and saw, in order: a line each, with the milliseconds since the first. */
export function tell(clients: readonly Client[]): string[] {
  const all = clients
    .flatMap(({ history }, i) => history.map((happening) => ({ who: letter(i), ...happening })))
    .sort((a, b) => a.time - b.time);
  const begin = all[0]?.time ?? 0;
  const lines: string[] = [];
  for (let i = 0, next = 0; i < all.length; i = next) {
    const { who, what, time } = all[i] as Told;
    // Several pieces in a row become one line, such as bytes that are sent one by one.
    for (next = i + 1; what.endsWith('s') && all[next]?.who === who && all[next]?.what === what; ) next++;
    const at = `${(time - begin).toFixed(1)} ms`.padStart(10);
    lines.push(`${at}  ${who} ${what.padEnd(13)} ${contents(all.slice(i, next))}`.trimEnd());
  }
  return lines;
}

type Told = Happening & { who: string };

/** A for the first client, B for the second. */
function letter(client: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + client);
}

/** The most characters of a line for bytes. */
const WIDTH = 60;
/** How many characters before the first byte that differs are shown. */
const BEFORE = 30;

function contents(pieces: readonly Happening[]): string {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (length === 0) return '';
  const shown = pieces.map(({ bytes }) => `"${escaped(bytes)}"`).join(' ');
  if (shown.length <= WIDTH && pieces.every(({ bytes, length }) => bytes.length === length)) return shown;
  const count = length.toLocaleString('en');
  return `${shown.slice(0, WIDTH)}… (${count} bytes${pieces.length > 1 ? ` in ${pieces.length} pieces` : ''})`;
}

/** The expected bytes and the received ones, with a mark at the first byte that differs. */
export function compare({ expected, received: bytes, why }: AnswerError): string[] {
  let same = 0;
  while (same < expected.length && expected[same] === bytes[same]) same++;
  let from = same;
  while (from > 0 && escaped(expected.subarray(from - 1, same)).length <= BEFORE) from--;
  const [wanted, seen] = [expected, bytes].map((bytes) => {
    let to = from;
    while (to < bytes.length && escaped(bytes.subarray(from, to + 1)).length <= WIDTH) to++;
    return `${from > 0 ? '…' : ''}"${escaped(bytes.subarray(from, to))}"${to < bytes.length ? '…' : ''}`;
  });
  const mark = ' '.repeat((from > 0 ? 2 : 1) + escaped(expected.subarray(from, same)).length);
  const ends = { silence: 'nothing', end: 'the end', other: '' }[why ?? 'other'];
  const received = [seen, ends].filter((part) => part !== '""' && part !== '').join(', and then ');
  return [
    `expected  ${expected.length === 0 ? 'the end' : wanted}`,
    `received  ${received}`,
    ...(seen === '""' ? [] : [`          ${mark}^`]),
  ];
}

/** Bytes as printable ASCII, so that you see each of them. */
function escaped(bytes: Uint8Array): string {
  return Array.from(
    bytes,
    (byte) => SHORT.get(byte) ?? (byte < 32 || byte > 126 ? `\\x${hex(byte)}` : String.fromCharCode(byte)),
  ).join('');
}

const SHORT = new Map(
  Object.entries({ '\n': '\\n', '\r': '\\r', '\t': '\\t', '"': '\\"', '\\': '\\\\' }).map(
    ([character, shown]) => [character.charCodeAt(0), shown],
  ),
);

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
