// The READMEs are true: their sessions are typed into real terminals, and must go as they are shown; their links
// lead somewhere; their map shows the steps that there are.
//
// A session is a block of `console` that starts a step, and the blocks after it that talk to it; or a program that is no
// server, and runs to its end. What is typed ends in ⏎, or is a key: ^C, ^]. A line … stands for any lines.
// Addresses of clients and times may differ. A block with a name (`console A`) is a terminal that a later block of
// that name goes on with. A block of code that names a file (`ts loop.ts`) is to be found there, and so is code that is
// a link to a file.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findSteps, root } from '../scripts/steps.ts';
import { Program } from '../src/behaviours/program.ts';
import { nodeOptions } from '../src/behaviours/server.ts';
import { installed, onLinux } from './harness.ts';

type Block = { terminal: string | undefined; command: string | undefined; lines: string[] };

/** A step that is started, and the blocks of those who talk to it. */
type Session = { title: string; server: Block; clients: Block[] };

const readmes = ['README.md', 'CONTRIBUTING.md', ...chapters()];

function chapters(): string[] {
  const folders = readdirSync(join(root, 'src')).map((folder) => `src/${folder}/README.md`);
  return folders.filter((path) => existsSync(join(root, path)));
}

function sessions(path: string): Session[] {
  const text = readFileSync(join(root, path), 'utf8');
  const found: Session[] = [];
  for (const [, terminal, body = ''] of text.matchAll(/^```console(?: (\w+))?\n(.*?)^```$/gms)) {
    const lines = body.trimEnd().split('\n');
    const command = lines[0]?.startsWith('$ ') ? lines.shift()?.slice(2) : undefined;
    const block = { terminal, command, lines };
    if (/npm start|npx tsx src\/(?!clients)/.test(command ?? '')) {
      found.push({ title: `${path}: ${command}`, server: block, clients: [] });
    } else {
      found.at(-1)?.clients.push(block);
    }
  }
  return found;
}

const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[[\\d;]*\\w`, 'g');

/** A terminal in which a person follows a block of a README. */
class Person {
  readonly #terminal: Program;
  readonly #port: number;

  constructor(command: string, port: number) {
    this.#port = port;
    this.#terminal = new Program('script', ['-qefc', command, '/dev/null'], {
      group: true,
      env: { npm_config_progress: 'false', TERM: 'dumb' },
    });
  }

  /** Types what is to be typed, and compares what is to be seen. The host is whoever runs the server. */
  async follow(lines: string[], host: Person = this, logsWhoLeaves = false): Promise<void> {
    let skip = false;
    for (const [i, line] of lines.entries()) {
      const [, prompt = '', text] = /^(\S+> )?(.*?) ?⏎$/.exec(line) ?? [];
      if (line === '…') {
        skip = true;
      } else if (line === '^C') {
        const left = host.#left();
        this.#terminal.type('\x03');
        await this.#terminal.exited();
        // Who leaves is missed by the server, before the next one does anything.
        if (logsWhoLeaves) await host.#terminal.stdout.until('one more that left', () => host.#left() > left);
      } else if (line === '^]') {
        this.#terminal.type('\x1d');
        await this.see('^]', false);
        await this.#terminal.stdout.has('> '); // the prompt
      } else if (text !== undefined) {
        this.#terminal.type(`${text}\r`);
        await this.see(`${prompt}${text}`, skip);
        skip = false;
        // Who types line after line is slow enough for the server to read, and log, one by one.
        if (lines[i + 1]?.endsWith('⏎')) await host.#terminal.stdout.has(` sent "${text}`);
      } else {
        await this.see(line, skip);
        skip = false;
      }
    }
  }

  async see(expected: string, skip: boolean): Promise<void> {
    const pattern = this.#pattern(expected);
    while (true) {
      const line = (await this.#terminal.stdout.line()).replace(COLOURS, '').replace(/\r|^\^C/g, '');
      if (line.startsWith('npm warn')) continue; // about how npm is set up on this machine
      if (skip && !pattern.test(line)) continue;
      expect(line).toMatch(pattern);
      return;
    }
  }

  #left(): number {
    return this.#terminal.stdout.waiting.split(' disconnected: ').length;
  }

  #pattern(line: string): RegExp {
    const literal = line.replaceAll('12345', `${this.#port}`).replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
    const client = literal.replace(/127\\\.0\\\.0\\\.1:(\d+)/g, (address, port) =>
      Number(port) === this.#port ? address : '127\\.0\\.0\\.1:\\d+',
    );
    return new RegExp(`^${client.replace(/\d\d:\d\d:\d\d/g, '\\d\\d:\\d\\d:\\d\\d')}$`);
  }

  get unexpected(): string {
    return this.#terminal.stdout.waiting;
  }

  /** Waits until something has been on the screen that many times. */
  async sees(text: string, times: number): Promise<void> {
    const { stdout } = this.#terminal;
    await stdout.until(`${text}, ${times} times`, () => stdout.waiting.split(text).length > times);
  }

  exited(): Promise<unknown> {
    return this.#terminal.exited();
  }

  leave(): Promise<unknown> {
    return this.#terminal.stop();
  }
}

async function follow({ server, clients }: Session): Promise<void> {
  const listening = server.lines.findIndex((line) => line.startsWith('listening on'));
  if (listening === -1) return runs(server);
  const port = await freePort();
  // To install everything anew is the affair of the one who runs the tests.
  const command = quickly(server.command ?? '').replace('npm ci && ', '');
  const option =
    command.includes('npm') && !command.includes(' -- ') ? `-- --port ${port}` : `--port ${port}`;
  const people: Person[] = [];
  const start = (command: string) => {
    const person = new Person(command, port);
    people.push(person);
    return person;
  };
  try {
    const host = start(`${command} ${option}`);
    await host.follow(server.lines.slice(0, listening + 1));
    const terminals = new Map<string | undefined, Person>();
    for (const { terminal, command, lines } of clients) {
      const person = command
        ? start(quickly(command).replaceAll('12345', `${port}`))
        : terminals.get(terminal);
      if (!person) throw new Error(`There is no terminal ${terminal}`);
      terminals.set(terminal, person);
      // Who says nothing yet is there as soon as the server says so; and the first who comes is in before the next.
      const unanswered = command && person === people[1] && lines.at(-1)?.endsWith('⏎');
      if (lines.length === 0 || unanswered) await host.sees(' connected', people.indexOf(person));
      await person.follow(
        lines,
        host,
        server.lines.some((line) => line.includes(' disconnected: ')),
      );
      if (terminal === undefined) await person.exited();
    }
    await host.follow(server.lines.slice(listening + 1));
    expect(host.unexpected.trim()).toBe(''); // npm ends with an empty line.
  } finally {
    await Promise.all(people.map((person) => person.leave()));
  }
}

/** The same without npx, which takes longer to find tsx than the rest takes: terminals.test.ts starts a step of each kind by it. */
function quickly(command: string): string {
  return command.replace('npx tsx', [process.execPath, ...nodeOptions].join(' '));
}

/** A program that is no server. */
async function runs({ command = '', lines }: Block): Promise<void> {
  const person = new Person(quickly(command), 0);
  try {
    await person.follow(lines);
    await person.exited();
    expect(person.unexpected).toBe('');
  } finally {
    await person.leave();
  }
}

/** A port that is free, and not one of those that the kernel hands out to clients (from 32768 on, ip(7)). */
async function freePort(): Promise<number> {
  while (true) {
    const port = 20_000 + Math.floor(12_000 * Math.random());
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

const canType = onLinux && installed('script', 'nc', 'telnet', 'bash');

describe.concurrent('a README', () => {
  for (const path of readmes) {
    for (const session of sessions(path)) {
      test.runIf(canType)(`shows what happens: ${session.title}`, () => follow(session));
    }

    test(`${path} quotes code as it stands in the files`, () => {
      const text = readFileSync(join(root, path), 'utf8');
      const file = (name: string) => readFileSync(join(root, dirname(path), name), 'utf8');
      for (const [, name = '', code = ''] of text.matchAll(/^```ts (\S+)\n(.*?)^```$/gms)) {
        expect(file(name)).toContain(code);
      }
      for (const [, code = '', name = ''] of text.matchAll(/\[`([^`]+)`\]\(([^)]+\.ts)\)/g)) {
        if (/^[\w-]+$/.test(code)) continue; // just a name
        expect(file(name), name).toContain(code);
      }
    });

    test(`${path} has no link that leads nowhere`, () => {
      const text = readFileSync(join(root, path), 'utf8');
      for (const [, link = ''] of text.matchAll(/\]\((?!https?:)([^)#]+)/g)) {
        expect(existsSync(join(root, dirname(path), link)), link).toBe(true);
      }
    });
  }

  test('shows each step on the map, and links to it as soon as it is there', () => {
    const map = readFileSync(join(root, 'README.md'), 'utf8')
      .split('\n')
      .filter((line) => /^\|\s*\d+\s*\|/.test(line));
    const steps = findSteps();
    const shown = new Set<string>();
    for (const row of map) {
      const [, level, , ...cells] = row.split('|').map((cell) => cell.trim());
      for (const cell of cells.flatMap((cell) => cell.split(', ')).filter((cell) => cell !== '')) {
        const [, name = cell, link] = /^\[(\w+)\]\((.+)\)$/.exec(cell) ?? [];
        shown.add(name);
        expect(name).toMatch(new RegExp(`^[a-z]+${level}$`));
        expect(link, name).toBe(steps.get(name)?.path);
      }
    }
    expect([...steps.keys()].filter((step) => !shown.has(step))).toEqual([]);
  });

  test('has a section for every step of its chapter', () => {
    for (const { name, path } of findSteps().values()) {
      expect(readFileSync(join(root, dirname(path), 'README.md'), 'utf8')).toMatch(
        new RegExp(`^## ${name}: `, 'm'),
      );
    }
  });

  test('names the command that CI runs', () => {
    expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain('\nnpm ci && npm test\n');
    expect(readFileSync(join(root, '.ci/run'), 'utf8')).toContain('\nnpm ci && npm test\n');
  });
});
