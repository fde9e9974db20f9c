// What one client may cost, by the options of the command line.

import type { Option } from '../cli/options.ts';

/** The options of level 12. A time is in seconds and may have a fraction; 0 switches a limit off. For `readOptions()`. */
export const limitOptions = {
  'max-line': { default: 4096, help: 'bytes of a line' },
  'line-timeout': { default: 30, fraction: true, help: 'seconds from the first byte of a line to its end' },
  'idle-timeout': { default: 300, fraction: true, help: 'seconds without a byte from a client' },
  'max-owed': { default: 1024 * 1024, help: 'bytes kept for a client that does not read' },
  'stall-timeout': { default: 10, fraction: true, help: 'seconds in which the client takes none of them' },
  'max-clients': { default: 1000, help: 'clients at a time' },
  'max-per-address': { default: 100, help: 'clients at a time from one address' },
  drain: { default: 5, fraction: true, help: 'seconds that clients have to finish after SIGTERM or Ctrl-C' },
  'status-port': { default: '', help: 'the port for GET /health and GET /metrics' },
} as const satisfies Record<string, Option>;

/** What `readOptions()` makes of {@link limitOptions}. */
export type LimitValues = Record<Exclude<keyof typeof limitOptions, 'status-port'>, number>;

/** The limits in bytes, clients, and milliseconds. A limit that is switched off is infinite. */
export type Limits = {
  maxLine: number;
  /** About how many unsent bytes of a client the kernel keeps. The guard counts the rest. */
  maxUnsent: number;
  lineTimeout: number;
  idleTimeout: number;
  maxOwed: number;
  stallTimeout: number;
  maxClients: number;
  maxPerAddress: number;
};

/** @param values the options, or their defaults */
export function toLimits(values: LimitValues): Limits {
  const limit = (name: keyof LimitValues) => values[name] || Number.POSITIVE_INFINITY;
  return {
    maxLine: limit('max-line'),
    maxUnsent: 16 * 1024,
    lineTimeout: 1000 * limit('line-timeout'),
    idleTimeout: 1000 * limit('idle-timeout'),
    maxOwed: limit('max-owed'),
    stallTimeout: 1000 * limit('stall-timeout'),
    maxClients: limit('max-clients'),
    maxPerAddress: limit('max-per-address'),
  };
}
