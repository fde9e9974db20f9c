// npm run threads: what a thread costs, measured: thread4 beside the same server in Python, with the same clients.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { root } from './steps.ts';

const CLIENTS = 200;
const STARTS = 20;

const python = `
import socket, threading
def serve(client):
    while True:
        received = client.recv(4096)
        if not received: break
        client.sendall(received)
    client.close()
listener = socket.create_server(('127.0.0.1', 0), backlog=4096)
print('listening on 127.0.0.1:%d' % listener.getsockname()[1], flush=True)
while True:
    client, address = listener.accept()
    threading.Thread(target=serve, args=[client], daemon=True).start()
`;

type Cost = { first: number; all: number; memory: number };

/** Starts a server, measures, and ends it. */
async function measure(command: string, args: string[]): Promise<Cost> {
  const server = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  const clients: Socket[] = [];
  try {
    const [line] = await once(server.stdout, 'data');
    server.stdout.resume(); // its log
    const port = Number(/:(\d+)/.exec(`${line}`)?.[1]);
    const meet = async () => {
      const client = connect({ port, host: '127.0.0.1', noDelay: true });
      clients.push(client);
      client.write('hello\n');
      await once(client, 'data');
    };
    const firsts: number[] = [];
    for (let i = 0; i < STARTS; i++) firsts.push(await milliseconds(meet));
    const before = kilobytes(server.pid);
    const all = await milliseconds(() => Promise.all(Array.from({ length: CLIENTS }, meet)));
    const memory = (kilobytes(server.pid) - before) / CLIENTS;
    return { first: median(firsts), all, memory };
  } finally {
    server.kill('SIGKILL');
    for (const client of clients) client.destroy();
  }
}

async function milliseconds(action: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await action();
  return performance.now() - begin;
}

function kilobytes(pid: number | undefined): number {
  return Number(spawnSync('ps', ['-o', 'rss=', '-p', `${pid}`], { encoding: 'utf8' }).stdout);
}

function median(numbers: number[]): number {
  return numbers.sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
}

function row(name: string, { first, all, memory }: Cost): string {
  const cells = [
    name,
    `${first.toFixed(1)} ms`,
    `${(all / 1000).toFixed(2)} s`,
    `${(memory / 1024).toFixed(2)} MB`,
  ];
  return `| ${cells.join(' | ')} |`;
}

const thread4 = ['--import', 'tsx', join(root, 'src/threaded/thread4.ts'), '--port', '0'];
console.log(`| server | connect to echo, one client | ${CLIENTS} clients at once | memory each |`);
console.log('| --- | --- | --- | --- |');
console.log(row(`thread4, Node ${process.versions.node}`, await measure(process.execPath, thread4)));
const version = spawnSync('python3', ['--version'], { encoding: 'utf8' });
if (version.status === 0)
  console.log(row(`the same, ${version.stdout.trim()}`, await measure('python3', ['-c', python])));
else console.log('Python is not installed, so it is left out.');
