// What is kept of a run: the figures of each round, from which every table and picture can be made again.

/** The tables, in the order in which they are measured. */
export const tableNames = [
  'echo',
  'lines',
  'connections',
  'idle',
  'chat',
  'threads',
  'start-up',
  'suspended',
  'cpu',
] as const;

export type TableName = (typeof tableNames)[number];

/** What a figure says. Times are in milliseconds, memory in bytes. */
export type Figure =
  /** Messages a second that have come back, or have reached somebody else; or connections a second. */
  | 'speed'
  /** Messages that have not come, and that have come twice or after a later one. */
  | 'lost'
  | 'duplicates'
  /** The memory of the server, or for one of what the table is about. */
  | 'memory'
  /** From the start of the server to its first line of output, and to its first answer. */
  | 'listens'
  | 'answers'
  /** From connect() to the echo: of one client, and of the last of a crowd. */
  | 'one'
  | 'crowd'
  /** CPU time of the server for each message, in microseconds: in the kernel, and outside of it. */
  | 'kernel'
  | 'user';

/** What was measured of a server in one situation. */
export type Entry = {
  server: string;
  /** Connections that talk. */
  busy?: number;
  /** Connections beside them that say nothing. */
  idle?: number;
  /** Of each round. */
  figures: Partial<Record<Figure, number[]>>;
};

/** A table, and what it was measured with. */
export type Measured = {
  node: string;
  python?: string;
  cpus: number;
  rounds: number;
  seconds: number;
  entries: Entry[];
};

/** The tables that have been measured. */
export type Results = Partial<Record<TableName, Measured>>;

/** As JSON with an entry a line: what has changed is seen in a diff. */
export function toJson(results: Results): string {
  const tables = tableNames.flatMap((name) => {
    const measured = results[name];
    if (measured === undefined) return [];
    const { entries, ...conditions } = measured;
    const lines = entries.map((entry) => `      ${JSON.stringify(entry)}`);
    const open = JSON.stringify(conditions).slice(0, -1);
    return [`  ${JSON.stringify(name)}: ${open},"entries":[\n${lines.join(',\n')}\n  ]}`];
  });
  return `{\n${tables.join(',\n')}\n}\n`;
}
