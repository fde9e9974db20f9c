// An open page: its stream of reports, and the steps that it has started. When you close the page, they end.

import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { now } from '../../src/sockets/system-call.ts';
import type { Report, TourEvent } from '../shared/events.ts';
import { Kept } from '../shared/kept.ts';
import type { Act, Start } from './acts.ts';
import { type Doing, doings, type Name } from './clients.ts';
import { Run } from './run.ts';
import type { Try } from './tries.ts';

/** A page that does not reconnect within this time is closed, in milliseconds. */
const GRACE = 2000;
/** The pause between two acts of a proposal, in milliseconds. */
const PAUSE = 900;
/** Begins an act that follows without a pause. */
const AT_ONCE = 'and ';
/** A stream with more unsent bytes than this gets no reports. When the page has caught up, it gets all known events anew. */
const BACKLOG = 4 * 1024 * 1024;

type Side = { run: Run; kept: Kept };

export class Visit {
  readonly #sides = new Map<number, Side>();
  readonly #over: () => void;
  #stream: ServerResponse | undefined;
  /** Whether the stream has missed reports. */
  #isBehind = false;
  #timer: NodeJS.Timeout | undefined;
  #turn = Promise.resolve();
  #gone = false;
  /** Counts the proposals played, so that only the last one goes on. */
  #plays = 0;

  /** @param over is called when the page is closed, and all its steps have ended */
  constructor(over: () => void) {
    this.#over = over;
  }

  /** Sends reports to this stream from now on, first all known events. */
  listen(stream: ServerResponse): void {
    clearTimeout(this.#timer);
    this.#stream?.end();
    this.#stream = stream;
    this.#reportAll();
    stream.on('drain', () => {
      if (this.#stream === stream && this.#isBehind) this.#reportAll();
    });
    stream.on('close', () => {
      if (this.#stream !== stream) return;
      this.#stream = undefined;
      this.#timer = setTimeout(() => this.leave(), GRACE);
    });
  }

  async do(act: Act): Promise<void> {
    if (act.act === 'client')
      return this.#sides.get(act.side)?.run.clients?.do(act.name, act.doing, act.text);
    if (act.act === 'stop') return this.#stop(act.side);
    const play = ++this.#plays;
    await this.#inTurn(async () => {
      if (this.#gone || play !== this.#plays) return;
      if (act.act === 'forget') await this.#forget();
      if (act.act === 'start') await this.#start(act.side, act);
      if (act.act === 'try')
        void this.#try(await this.#start(0, { step: act.step, ...act.proposal }), act.proposal);
      if (act.act === 'scene') await this.#scene(act.starts, act.slower);
    });
  }

  /** The page is closed: ends its steps. */
  async leave(): Promise<void> {
    clearTimeout(this.#timer);
    this.#gone = true;
    this.#plays++;
    this.#stream?.end();
    await this.#inTurn(() => this.#forget());
    this.#over();
  }

  /** Runs requests one after the other, so that a step starts only when its predecessor has ended. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  async #forget(): Promise<void> {
    const sides = [...this.#sides.values()];
    this.#sides.clear();
    await Promise.all(sides.map(({ run }) => run.close()));
  }

  /** Plays the scene. Side by side, it begins on both sides at the same time. */
  async #scene(starts: readonly Start[], slower: number): Promise<void> {
    await this.#forget();
    const runs = await Promise.all(starts.map((start, side) => this.#start(side, start)));
    await Promise.all(runs.map((run) => run.greet()));
    for (const run of runs) void run.scene(slower);
  }

  async #start(side: number, { step, options }: Start): Promise<Run> {
    const before = this.#sides.get(side);
    this.#sides.delete(side);
    await before?.run.close();
    const kept = new Kept();
    const run = new Run(step, options, (events) => {
      for (const event of events) kept.add(event);
      this.#report(side, run, events, false);
    });
    this.#sides.set(side, { run, kept });
    this.#report(side, run, [], true);
    return run;
  }

  /** Types Ctrl-C, as in a terminal. The second time it ends the step at once. */
  #stop(side: number): void {
    const { run } = this.#sides.get(side) ?? {};
    if (!run) return;
    run.stop(run.stopped ? 'SIGKILL' : 'SIGINT');
  }

  /** Plays a proposal of a header, slowly enough to watch. */
  async #try(run: Run, { acts }: Try): Promise<void> {
    const play = this.#plays;
    await run.ready;
    for (const act of acts) {
      if (!act.startsWith(AT_ONCE)) await sleep(PAUSE);
      if (play !== this.#plays) return;
      if (act === 'stop') this.#stop(0);
      else await run.clients?.do(...readActOf(act));
    }
  }

  #reportAll(): void {
    this.#isBehind = false;
    for (const [side, { run, kept }] of this.#sides) this.#report(side, run, kept.all, true);
  }

  #report(side: number, { step, options }: Run, events: TourEvent[], anew: boolean): void {
    if (!this.#stream) return;
    if (this.#stream.writableLength > BACKLOG) {
      this.#isBehind = true;
      return;
    }
    const report: Report = { side, step: step.name, options, now: now(), anew, events };
    this.#stream.write(`data: ${JSON.stringify(report)}\n\n`);
  }
}

/** Reads `A says hello`, or `and A says hello`: the client, and what it does. */
export function readActOf(words: string): [name: Name, doing: Doing, text: string] {
  const act = words.replace(AT_ONCE, '');
  const rest = act.slice(2);
  const doing = doings.find((doing) => rest === doing || rest.startsWith(`${doing} `));
  if (!doing) throw new Error(`no client can do ${act}`);
  return [act.slice(0, 1) as Name, doing, rest.slice(doing.length + 1)];
}
