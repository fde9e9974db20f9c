// The table in the README of the project: what each mechanism costs, from several tables.

import { bytes, ratio, whole } from './format.ts';
import { compare, having, memoryOfEach } from './questions.ts';
import { type Block, USUAL } from './report.ts';
import type { Entry, Results } from './results.ts';
import { median } from './statistics.ts';

/** The mechanisms, and the server that each is measured by. */
const mechanisms: [mechanism: string, server: string, path?: string][] = [
  ['one after the other', 'single6', 'src/single/single6.ts'],
  ['threads', 'thread4', 'src/threaded/thread4.ts'],
  ['a pool of threads', 'pool4', 'src/threaded/pool4.ts'],
  ['processes', 'prefork4', 'src/threaded/prefork4.ts'],
  ['a selector', 'select6', 'src/select/select6.ts'],
  ['generators', 'generator6', 'src/coroutine/generator6.ts'],
  ["async functions on a loop of one's own", 'await6', 'src/coroutine/await6.ts'],
  ["callbacks on Node's loop", 'callback6', 'src/coroutine/callback6.ts'],
  ["streams and `await` on Node's loop", 'stream6', 'src/coroutine/stream6.ts'],
  ['node:net without this project', 'node:net'],
  ['a selector in C', 'C, epoll'],
];

const columns = [
  'mechanism',
  'messages a second, one user',
  `${USUAL} users`,
  'of C',
  'connections a second',
  'memory for each idle user',
];

export function summary({ lines, connections, idle }: Results): Block {
  const speed = (entry: Entry | undefined) => whole(median(entry?.figures.speed ?? []));
  const rows = mechanisms.map(([mechanism, server, path]) => {
    const one = having(lines?.entries ?? [], { server, busy: 1 })[0];
    const [usual, inC] = [server, 'C, epoll'].map(
      (server) => having(lines?.entries ?? [], { server, busy: USUAL })[0],
    );
    const coming = having(connections?.entries ?? [], { server })[0];
    return [
      path ? `${mechanism}: [${server}](${path})` : mechanism,
      speed(one),
      speed(usual),
      ratio(usual ? compare(usual, inC) : Number.NaN),
      speed(coming),
      bytes(memoryOfEach(idle?.entries ?? [], server)),
    ];
  });
  return { title: 'What each mechanism costs', columns, rows };
}
