// A step that runs, with its clients. It reports their events, its trace, its log and its end.

import { mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { levelOf, root, type Step } from '../../scripts/steps.ts';
import type { Callback } from '../../scripts/timeline/drawing/recording.ts';
import { computes, greet, watching } from '../../scripts/timeline/record.ts';
import { DURATION, play, rolesOf } from '../../scripts/timeline/scenario.ts';
import { TraceReader } from '../../scripts/trace/reader.ts';
import { type Exit, Program } from '../../src/behaviours/program.ts';
import { runnable } from '../../src/behaviours/server.ts';
import { now } from '../../src/sockets/system-call.ts';
import type { TraceEvent } from '../../src/sockets/trace-event.ts';
import type { TourEvent } from '../shared/events.ts';
import { Clients, eventOf } from './clients.ts';
import { thinned } from './thin.ts';

/** How often it reports new events, in milliseconds. */
const TICK = 50;
/** At this length, the file of a trace is emptied, in bytes. */
const LONG = 64 * 1024 * 1024;
/** How long the clients of the scene wait for their answers at most, as a multiple of the length of the scene. */
const PATIENCE = 2;

export class Run {
  readonly step: Step;
  readonly options: readonly string[];
  /** Fulfilled when the step listens, or has ended before. */
  readonly ready: Promise<void>;
  /** Whether the page has ended the step. */
  stopped = false;
  readonly #program: Program;
  readonly #folder = mkdtempSync(join(tmpdir(), 'tour-'));
  readonly #tell: (events: TourEvent[]) => void;
  #events: TourEvent[] = [];
  #reader: TraceReader | undefined;
  #clients: Clients | undefined;
  #port = 0;
  #over = false;
  readonly #timer: NodeJS.Timeout;

  /** Starts the step. Calls `tell` with the new events, fifty times a second. */
  constructor(step: Step, options: readonly string[], tell: (events: TourEvent[]) => void) {
    this.step = step;
    this.options = options;
    this.#tell = tell;
    process.once('exit', this.#remove); // on Ctrl-C, too: see program.ts
    const args = [...runnable(step.path, watching(step)), '--port', '0', ...options];
    this.#program = new Program(process.execPath, args, {
      cwd: root,
      env: { TRACE: this.#trace, QUIET: '' },
      group: process.platform === 'darwin', // macOS does not end children with their parent.
    });
    this.#timer = setInterval(() => this.#flush(), TICK);
    this.ready = new Promise((resolve) => this.#listenTo(resolve));
  }

  /** Types Ctrl-C, or ends the step at once. */
  stop(signal: 'SIGINT' | 'SIGKILL'): void {
    this.stopped = true;
    this.#program.kill(signal);
  }

  /** Ends the step and its clients, and reports no more events. */
  async close(): Promise<void> {
    this.#over = true;
    this.#clients?.close();
    await this.#program.stop().catch(() => {}); // Fails if the step could not be started.
  }

  get clients(): Clients | undefined {
    return this.#clients;
  }

  /** Waits until all threads and processes of the step have started. */
  async greet(): Promise<void> {
    await this.ready;
    if (!this.#over) await greet(this.step.name, this.#port).catch(() => {});
  }

  /** Plays the scene of the four clients. */
  async scene(slower: number): Promise<void> {
    if (this.#over) return;
    const asks = computes(this.step.name);
    this.#add({ kind: 'scene', time: now(), slower, roles: rolesOf(asks) });
    const onHappening: NonNullable<Parameters<typeof play>[2]['onHappening']> = (name, happening, bytes) =>
      this.#add(eventOf(name, happening, bytes));
    const patience = DURATION * slower * PATIENCE;
    await play(this.#port, levelOf(this.step.name), { slower, patience, computes: asks, onHappening }).catch(
      () => {},
    );
    this.#flush();
  }

  get #trace(): string {
    return join(this.#folder, 'trace.jsonl');
  }

  #listenTo(ready: () => void): void {
    for (const output of [this.#program.child.stdout, this.#program.child.stderr] as Readable[]) {
      createInterface({ input: output }).on('line', (line) => {
        this.#program.stdout.forget();
        this.#program.stderr.forget();
        this.#add({ kind: 'log', time: now(), line: line.slice(0, 500) });
        const [, port] = /^listening on \S+:(\d+)$/.exec(line) ?? [];
        if (port === undefined || this.#port > 0) return;
        this.#port = Number(port);
        this.#reader = new TraceReader(this.#trace);
        this.#clients = new Clients(this.#port, (event) => this.#add(event));
        this.#add({ kind: 'begin', time: now(), port: this.#port });
        ready();
      });
    }
    const ended = (how: Exit | string) => {
      ready();
      this.#end(typeof how === 'number' ? `exit code ${how}` : how);
    };
    this.#program.child.once('close', (code, signal) => ended(signal ?? code ?? 0));
    this.#program.child.once('error', ({ message }) => ended(message));
  }

  #end(how: string): void {
    this.#add({ kind: 'end', time: now(), how });
    clearInterval(this.#timer);
    this.#flush();
    this.#over = true;
    this.#reader?.close();
    this.#clients?.close();
    process.off('exit', this.#remove);
    this.#remove();
  }

  readonly #remove = () => rmSync(this.#folder, { recursive: true, force: true });

  #add(event: TourEvent): void {
    if (!this.#over) this.#events.push(event);
  }

  #flush(): void {
    if (this.#over) return;
    const traced = Array.from(
      this.#reader?.read() ?? [],
      (event: TraceEvent | Callback): TourEvent =>
        'callback' in event ? { kind: 'callback', event } : { kind: 'trace', event },
    );
    this.#shorten();
    const events = thinned([...traced, ...this.#events.splice(0)]);
    if (events.length > 0) this.#tell(events);
  }

  /** Empties a long trace: a flood would fill the disk. Lines that were not read yet are lost. */
  #shorten(): void {
    if (!this.#reader || statSync(this.#trace).size < LONG) return;
    this.#reader.close();
    truncateSync(this.#trace);
    this.#reader = new TraceReader(this.#trace);
  }
}
