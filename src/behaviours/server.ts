import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Program, type ProgramOptions } from './program.ts';

/** The folder of the project. */
const root = join(import.meta.dirname, '../..');

/** A server that says where it listens, as those of this project do. */
export class Server extends Program {
  port = 0;

  /**
   * Starts it, and waits for its first line: `listening on 127.0.0.1:12345`.
   *
   * @throws Error if that does not come
   */
  static async start(command: string, args: string[], options: ProgramOptions = {}): Promise<Server> {
    const server = new Server(command, args, options);
    try {
      const first = await server.log();
      server.port = Number(/^listening on \S+:(\d+)$/.exec(first)?.[1]);
      if (!server.port) throw new Error(`its first line is ${JSON.stringify(first)}`);
      return server;
    } catch (error) {
      await server.stop();
      throw new Error(`${(error as Error).message} ${server.stderr.waiting}`.trim());
    }
  }

  /** Its next line of output. */
  log(): Promise<string> {
    return this.stdout.line();
  }

  /** Waits for a line of its output that matches. */
  logged(pattern: RegExp): Promise<string> {
    return this.stdout.lineLike(pattern);
  }
}

export type ServerOptions = ProgramOptions & { args?: string[]; nodeArgs?: string[] };

/** Runs a step, from its path, for as long as `use` takes, on a free port. */
export async function serving<Result>(
  path: string,
  use: (server: Server) => Promise<Result>,
  { args = [], nodeArgs = [], ...options }: ServerOptions = {},
): Promise<Result> {
  const command = [...runnable(path, nodeArgs), '--port', '0', ...args];
  // macOS has nothing that ends children with their parent.
  const group = process.platform === 'darwin';
  const server = await Server.start(process.execPath, command, { cwd: root, group, ...options }).catch(
    (error) => {
      throw new Error(`Cannot start ${path}: ${error.message}`);
    },
  );
  try {
    return await use(server);
  } finally {
    await server.stop();
  }
}

/** How to run a file of TypeScript: Node does it itself, or tsx helps. */
const { typescript } = process.features as { typescript?: string | false };
export const nodeOptions = typescript ? [] : ['--import', 'tsx'];

/** The JavaScript that build.ts has made of a file before the tests. Outside of the tests there is none. */
function built(path: string): string {
  const { BUILT } = process.env;
  const file = join(BUILT ?? '', path.replace(/\.ts$/, '.mjs'));
  return BUILT && existsSync(file) ? file : path;
}

/** How Node is to run a file, with these options: as the JavaScript that build.ts has made of it, or as it stands. */
export function runnable(path: string, nodeArgs: string[] = []): string[] {
  const files = [...nodeArgs, path].map(built);
  return files.some((file) => file.endsWith('.ts')) ? [...nodeOptions, ...nodeArgs, path] : files;
}
