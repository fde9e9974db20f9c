// A Redis for the servers that need one, in memory only, for as long as this program runs.

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { installed, Program } from '../../src/behaviours/program.ts';

/** Stands for its address among the arguments of a server. */
export const REDIS = 'redis://…';

export const hasRedis = installed('redis-server');

/** Returns when it accepts connections. */
export async function startRedis(port: number): Promise<Program> {
  const options = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', tmpdir()];
  const redis = new Program('redis-server', [...options, '--save', '', '--appendonly', 'no']);
  await redis.stdout.lineLike(/Ready to accept connections/);
  return redis;
}

let address: Promise<string> | undefined;

/** These arguments, with the address. It is started when it is asked for. */
export async function withRedis(args: string[]): Promise<string[]> {
  if (!args.includes(REDIS)) return args;
  address ??= startOne();
  const url = await address;
  return args.map((arg) => (arg === REDIS ? url : arg));
}

/** On a port that is free. */
async function startOne(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await startRedis(port);
  return `redis://127.0.0.1:${port}`;
}
