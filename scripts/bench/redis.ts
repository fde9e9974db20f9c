// A Redis for the servers that need one. It keeps its data in memory, and ends with this program.

import { tmpdir } from 'node:os';
import { freePort } from '../../src/behaviours/foreign.ts';
import { installed, Program } from '../../src/behaviours/program.ts';

/** Among the arguments of a server, this stands for the address of the Redis. */
export const REDIS = 'redis://…';

export const hasRedis = installed('redis-server');

/** Starts a Redis on this port, and returns when it accepts connections. */
export async function startRedis(port: number): Promise<Program> {
  const options = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', tmpdir()];
  const redis = new Program('redis-server', [...options, '--save', '', '--appendonly', 'no']);
  await redis.stdout.lineLike(/Ready to accept connections/);
  return redis;
}

let address: Promise<string> | undefined;

/** The arguments with the address of a Redis, which the first call with {@link REDIS} starts. */
export async function withRedis(args: string[]): Promise<string[]> {
  if (!args.includes(REDIS)) return args;
  address ??= freePort().then(async (port) => {
    await startRedis(port);
    return `redis://127.0.0.1:${port}`;
  });
  const url = await address;
  return args.map((arg) => (arg === REDIS ? url : arg));
}
