// The READMEs are true. A session, typed into real terminals, gives the output that the README shows. Each link has a target, and
// the map shows all steps.
//
// A session is a block of `console` that starts a step, and the blocks after it, which talk to the step; or a program that is no
// server, and runs to its end. A line that you type ends in ⏎, or is a key: ^C, ^]. A line … stands for any lines.
// Addresses and descriptors of clients, and times, may differ. A block with a name (`console A`) is a terminal, in which a later
// block of that name continues. The code of a block with the name of a file (`ts loop.ts`) is in that file, and so is code that
// links to a file.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { hasRedis, startRedis } from '../scripts/bench/redis.ts';
import { findSteps, root } from '../scripts/steps.ts';
import { freePort } from '../src/behaviours/foreign.ts';
import { Program } from '../src/behaviours/program.ts';
import { runnable } from '../src/behaviours/server.ts';
import { installed, onLinux, runsHere } from './harness.ts';

type Block = { terminal: string | undefined; command: string | undefined; lines: string[] };

/** The block that starts a step, and the blocks of its clients. */
type Session = { title: string; server: Block; clients: Block[] };

const read = (...path: string[]) => readFileSync(join(root, ...path), 'utf8');

const chapters = readdirSync(join(root, 'src')).map((folder) => `src/${folder}/README.md`);
const readmes = ['README.md', 'CONTRIBUTING.md', ...chapters.filter((path) => existsSync(join(root, path)))];

/** What GitHub calls the headings of a page. */
function anchorsOf(text: string): string[] {
  const headings = text.replace(/^```.*?^```$/gms, '').matchAll(/^#+ (.+)$/gm);
  return Array.from(headings, ([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

function sessions(path: string): Session[] {
  const found: Session[] = [];
  for (const [, terminal, body = ''] of read(path).matchAll(/^```console(?: (\w+))?\n(.*?)^```$/gms)) {
    const lines = body.trimEnd().split('\n');
    const command = lines[0]?.startsWith('$ ') ? lines.shift()?.slice(2) : undefined;
    const block = { terminal, command, lines };
    if (/npm start|npm run trace|npx tsx src\/(?!clients)/.test(command ?? '')) {
      found.push({ title: `${path}: ${command}`, server: block, clients: [] });
    } else {
      found.at(-1)?.clients.push(block);
    }
  }
  return found;
}

/** A terminal, in which the test types a block of a README. */
class Person extends Program {
  readonly #port: number;
  readonly #traces: boolean;
  /** How many lines had waited, by npm run trace, when a client last did something. */
  #waited = 0;
  /** The time of day, less that of the README, in seconds. */
  #offset: number | undefined;

  constructor(command: string, port: number) {
    // As JavaScript, which takes a third of the time: terminals.test.ts starts one by npx tsx.
    const quickly = command.replace(/npx tsx (\S+)/, (_, path) =>
      [process.execPath, ...runnable(path)].join(' '),
    );
    super('script', ['-qefc', quickly, '/dev/null'], {
      group: true,
      env: { npm_config_progress: 'false', TERM: 'dumb' },
    });
    this.#port = port;
    this.#traces = command.includes('npm run trace');
  }

  /** Types lines, and compares the others with the output. `host` is the terminal of the server. */
  async follow(lines: string[], host: Person = this, logsWhoLeaves = false): Promise<void> {
    let skip = false;
    for (const [i, line] of lines.entries()) {
      const [, prompt = '', text] = /^(\S+> )?(.*?) ?⏎$/.exec(line) ?? [];
      if (line === '^C') {
        await host.waitsAgain();
        const left = host.#times(' disconnected: ');
        this.type('\x03');
        await this.exited();
        // Wait until the server has logged the end of this client, before the next client acts.
        if (logsWhoLeaves) await host.sees(' disconnected: ', left + 1);
      } else if (line === '^]') {
        this.type('\x1d');
        await this.#see('^]', false);
        await this.stdout.has('> '); // the prompt
      } else if (line === '…') {
        skip = true;
      } else {
        if (text !== undefined) {
          await host.waitsAgain();
          this.type(`${text}\r`);
        }
        await this.#see(text === undefined ? line : `${prompt}${text}`, skip);
        // A person types slowly enough for the server to receive, and log, each line by itself.
        if (text !== undefined && lines[i + 1]?.endsWith('⏎')) await host.stdout.has(` sent "${text}`);
        skip = false;
      }
    }
  }

  async #see(expected: string, skip: boolean): Promise<void> {
    const pattern = this.#pattern(expected);
    while (true) {
      const line = stripVTControlCharacters(await this.stdout.line()).replace(/\r|^\^C/g, '');
      if (line.startsWith('npm warn')) continue; // about how npm is set up on this machine
      if (skip && !pattern.test(line)) continue;
      expect(line).toMatch(pattern);
      this.#compareTimes(line, expected);
      return;
    }
  }

  /** Between two lines that begin with the time of day lie as many seconds as in the README, or one more or less. */
  #compareTimes(...lines: [seen: string, shown: string]): void {
    const [seen = Number.NaN, shown = 0] = lines.map((line) => {
      const [, hours, minutes, seconds] = /^(\d\d):(\d\d):(\d\d) /.exec(line) ?? [];
      return (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
    });
    if (Number.isNaN(seen)) return;
    this.#offset ??= seen - shown;
    const DAY = 86_400;
    expect([DAY - 1, 0, 1], lines[0]).toContain((seen - shown - this.#offset + 2 * DAY) % DAY);
  }

  /** Where npm run trace is the host: waits until another line of the step waits, and nothing has happened since. */
  async waitsAgain(): Promise<void> {
    if (!this.#traces) return;
    await this.stdout.until('another line that waits', () => {
      return this.#times('⏳') > this.#waited && /⏳[^\n]*\n$/.test(this.stdout.waiting);
    });
    this.#waited = this.#times('⏳');
  }

  #pattern(line: string): RegExp {
    const literal = line.replaceAll('12345', `${this.#port}`).replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
    const client = literal.replace(/127\\\.0\\\.0\\\.1:(\d+)/g, (address, port) =>
      Number(port) === this.#port ? address : '127\\.0\\.0\\.1:\\d+',
    );
    const anyTime = client
      .replace(/\d\d:\d\d:\d\d/g, '\\d\\d:\\d\\d:\\d\\d')
      .replace(/^ +\d+\\\.\d{3}/, ' +\\d+\\.\\d{3}')
      .replace(/✔ \d\S* m?s/, '✔ [\\d.]+ m?s')
      .replace(/connection \d+$/, 'connection \\d+');
    return new RegExp(`^${anyTime}$`);
  }

  /** Waits until the screen has shown a text so many times. */
  async sees(text: string, times: number): Promise<void> {
    await this.stdout.until(`${text}, ${times} times`, () => this.#times(text) >= times);
  }

  #times(text: string): number {
    return this.stdout.waiting.split(text).length - 1;
  }
}

async function follow({ server, clients }: Session): Promise<void> {
  const listening = server.lines.findIndex((line) => line.startsWith('listening on')) + 1;
  const port = listening ? await freePort() : 0;
  const people: Person[] = [];
  const redisPort = needsRedis(server) ? await freePort() : 0;
  const redis = redisPort ? await startRedis(redisPort) : undefined;
  const start = (command: string) => {
    const person = new Person(command, port);
    people.push(person);
    return person;
  };
  try {
    // The test does not install everything anew.
    const command = (server.command ?? '').replace('npm ci && ', '').replace(REDIS_PORT, `:${redisPort}`);
    const option = /npm(?!.* -- )/.test(command) ? ` -- --port ${port}` : ` --port ${port}`;
    const host = start(`${command}${listening ? option : ''}`);
    await host.follow(server.lines.slice(0, listening));
    const logsWhoLeaves = server.lines.some((line) => line.includes(' disconnected: '));
    const terminals = new Map<string | undefined, Person>();
    for (const { terminal, command, lines } of listening ? clients : []) {
      if (command) await host.waitsAgain();
      const person = command ? start(command.replaceAll('12345', `${port}`)) : terminals.get(terminal);
      if (!person) throw new Error(`There is no terminal ${terminal}`);
      terminals.set(terminal, person);
      // Wait until the server has logged that the client is connected, so that clients connect in their order.
      const unanswered = command && person === people[1] && lines.at(-1)?.endsWith('⏎');
      if (lines.length === 0 || unanswered) await host.sees(' connected', people.indexOf(person));
      await person.follow(lines, host, logsWhoLeaves);
      if (terminal === undefined) await person.exited();
    }
    await host.follow(server.lines.slice(listening));
    if (!listening) expect(await host.exited()).toBe(0); // It is no server.
    expect(host.stdout.waiting).toMatch(listening ? /^\s*$/ : /^$/); // npm ends with an empty line.
  } finally {
    await Promise.all([...people, ...(redis ? [redis] : [])].map((program) => program.stop()));
  }
}

const REDIS_PORT = ':6379';
const needsRedis = ({ command = '' }: Block) => command.includes(REDIS_PORT);

const canType = onLinux && installed('script', 'nc', 'telnet', 'bash');

describe.concurrent('a README', () => {
  for (const path of readmes) {
    for (const session of sessions(path)) {
      const [, step = ''] = /(\w+)\.ts/.exec(session.server.command ?? '') ?? [];
      const runs = canType && runsHere(step) && (hasRedis || !needsRedis(session.server));
      test.runIf(runs)(`has a session that goes as shown: ${session.title}`, () => follow(session));
    }

    test(`${path} quotes code that its files contain, and has no broken link`, () => {
      const text = read(path);
      for (const [, name = '', code = ''] of text.matchAll(/^```ts (\S+)\n(.*?)^```$/gms)) {
        expect(read(dirname(path), name)).toContain(code);
      }
      for (const [, code = '', name = ''] of text.matchAll(/\[`([^`]+)`\]\(([^)]+\.ts)\)/g)) {
        if (/^[\w-]+$/.test(code)) continue; // just a name
        expect(read(dirname(path), name), name).toContain(code);
      }
      for (const [, link = '', anchor] of text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)) {
        const file = link === '' ? path : join(dirname(path), link);
        expect(existsSync(join(root, file)), link).toBe(true);
        if (anchor) expect(anchorsOf(read(file)), `${link}#${anchor}`).toContain(anchor);
      }
    });
  }

  test('shows each step on the map, with a link', () => {
    const map = read('README.md').matchAll(/^\|\s*(\d+)\s*\|[^|\n]*\|(.*)/gm);
    const steps = findSteps();
    const shown = new Set<string>();
    for (const [, level, cells = ''] of map) {
      for (const cell of cells.split(/[|,]/).map((cell) => cell.trim())) {
        if (cell === '') continue;
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
      expect(read(dirname(path), 'README.md')).toMatch(new RegExp(`^## ${name}: `, 'm'));
    }
  });

  test('shows each picture of results/', () => {
    const text = readmes.map((path) => read(path)).join();
    const pictures = readdirSync(join(root, 'results')).filter((name) => /\.(svg|png)$/.test(name));
    expect(pictures.filter((name) => !text.includes(`results/${name}`))).toEqual([]);
  });

  test('names the command that CI runs', () => {
    for (const path of ['README.md', '.ci/run']) expect(read(path)).toContain('\nnpm ci && npm test\n');
  });
});
