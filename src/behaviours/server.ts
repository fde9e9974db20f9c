import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { Program, type ProgramOptions } from './program.ts';

/** The folder of the project. */
const root = join(import.meta.dirname, '../..');

/** A server that prints where it listens, as the steps do. */
export class Server extends Program {
  port = 0;

  /**
   * Starts a server, and waits for its first line: `listening on 127.0.0.1:12345`.
   *
   * @throws Error if its first line is another
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

/** Runs the step with this path on a free port while `use` runs. */
export async function serving<Result>(
  path: string,
  use: (server: Server) => Promise<Result>,
  { args = [], nodeArgs = [], ...options }: ServerOptions = {},
): Promise<Result> {
  const command = [...runnable(path, nodeArgs), '--port', '0', ...args];
  // On macOS, the kernel can't end children with their parent.
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

/** The options for a file of TypeScript: if Node can't run it itself, tsx does. */
const { typescript } = process.features as { typescript?: string | false };
export const nodeOptions = typescript ? [] : ['--import', 'tsx'];

/** The JavaScript that test/build.ts has made of a file. Outside of the tests there is none: then, the file itself. */
function built(path: string): string {
  const { BUILT } = process.env;
  const file = join(BUILT ?? '', relative(root, resolve(root, path)).replace(/\.ts$/, '.mjs'));
  return BUILT && existsSync(file) ? file : path;
}

/** The arguments with which Node runs a file: as the JavaScript that test/build.ts has made of it, or as it stands. */
export function runnable(path: string, nodeArgs: string[] = []): string[] {
  const files = [...nodeArgs, path].map(built);
  return files.some((file) => file.endsWith('.ts')) ? [...nodeOptions, ...nodeArgs, path] : files;
}
