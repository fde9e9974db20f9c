// A room for the users of many processes, on many machines. Redis puts their commands into one order.

import { randomBytes } from 'node:crypto';
import { log } from '../cli/log.ts';
import { type Answer, type Guest, lines, Room } from '../protocol/room.ts';
import { Link } from './link.ts';
import { LEASE } from './script.ts';

/** How often this process renews its names, and looks for overdue questions, in milliseconds. */
const RENEWAL = LEASE / 4;
const LOOK = 250;
/** How long to wait for an answer of Redis, in milliseconds. Redis does not carry out a question that is so old: see link.ts. */
const AWAY = 3000;

const NEVER = Number.POSITIVE_INFINITY;
const TRY_AGAIN = 'try again';
const BACK = Buffer.from('* back in touch: what others said meanwhile may be missing\n');

/** A user of this process. */
type Member = {
  readonly guest: Guest;
  /** The user's id in Redis. */
  readonly id: string;
  /** The user's place in the order of joining; empty until the user has joined. */
  came: string;
  /** Whether others have read that the user left, because this process did not renew the name. */
  missed: boolean;
};

/** A question without an answer yet. */
type Question = { member: Member; answer: (problem?: string, more?: string) => void; since: number };

export class RedisRoom extends Room {
  readonly #process = randomBytes(6).toString('hex');
  readonly #members = new Map<string, Member>();
  readonly #byGuest = new Map<Guest, Member>();
  readonly #questions = new Map<string, Question>();
  #link!: Link;
  #numbered = 0;
  #away = true;
  /** Since when this process has renewed its names without a pause, on the clock of `performance.now()`. */
  #inTouchSince = Number.NaN;
  #renewing = NEVER;
  #inTouch = (): void => {};
  #lastLeave: Promise<unknown> = Promise.resolve();

  /** Returns when the room is in touch with Redis. */
  static async open(url: string): Promise<RedisRoom> {
    const room = new RedisRoom();
    room.#link = await Link.open(url, room.#process, {
      connected: () => void room.#renew(),
      lost: (why) => room.#lose(why),
      received: (message) => room.#receive(message),
    });
    setInterval(() => void room.#renew(), RENEWAL).unref();
    // setImmediate: if this process was late itself, it first receives the answers that have arrived meanwhile.
    setInterval(() => setImmediate(() => room.#look()), LOOK).unref();
    await new Promise<void>((resolve) => {
      room.#inTouch = resolve;
    });
    return room;
  }

  override async close(): Promise<void> {
    for (const guest of this.#byGuest.keys()) this.leave(guest);
    const late = new Promise((resolve) => setTimeout(resolve, AWAY));
    await Promise.race([this.#lastLeave, late]);
    this.#link.close();
  }

  withLock(work: () => void): void {
    work(); // Redis puts the questions in order.
  }

  enter(guest: Guest, answer: Answer): void {
    const member = { guest, id: `${this.#process}:${++this.#numbered}`, came: '', missed: false };
    this.#byGuest.set(guest, member);
    this.#ask('enter', guest, [], (problem) => {
      if (problem !== undefined) this.#byGuest.delete(guest);
      answer(problem);
    });
  }

  leave(guest: Guest): void {
    const member = this.#byGuest.get(guest);
    if (!member) return;
    this.#byGuest.delete(guest);
    this.#members.delete(member.id);
    for (const [number, question] of this.#questions) {
      if (question.member === member) this.#questions.delete(number);
    }
    // If this does not arrive, the lease of the name ends, with the same effect.
    this.#lastLeave = this.#link.ask('leave', true, '-', member.id).catch(() => {});
  }

  rename(guest: Guest, name: string, answer: Answer): void {
    this.#ask('rename', guest, [name], answer);
  }

  say(guest: Guest, text: string, answer: Answer): void {
    this.#ask('say', guest, [text], answer);
  }

  tell(guest: Guest, name: string, text: string, answer: Answer): void {
    this.#ask('tell', guest, [name, text], answer);
  }

  list(guest: Guest, answer: (problem: string | undefined, names: string[]) => void): void {
    this.#ask('list', guest, [], (problem, names = '') => answer(problem, names.match(/\S+/g) ?? []));
  }

  /** Asks Redis. The answer is what Redis publishes of it, at its place in the order of all commands. */
  #ask(what: string, guest: Guest, more: string[], answer: Question['answer']): void {
    const member = this.#byGuest.get(guest);
    if (this.#away || !member) {
      answer(TRY_AGAIN);
      return;
    }
    const number = `${this.#process}:${++this.#numbered}`;
    this.#questions.set(number, { member, answer, since: performance.now() });
    this.#link.ask(what, false, number, member.id, ...more).then(
      (problem) => {
        if (typeof problem === 'string') this.#answer(number, problem);
      },
      () => this.#answer(number, TRY_AGAIN),
    );
  }

  #answer(number: string, problem?: string, more?: string): void {
    const question = this.#questions.get(number);
    this.#questions.delete(number);
    question?.answer(problem, more);
  }

  #receive(message: string): void {
    const [, number = '', kind, id = '', name = '', more = ''] =
      /^(\S+) (\S+) (\S+) (\S+) (.*)$/s.exec(message) ?? [];
    const member = this.#members.get(id) ?? this.#questions.get(number)?.member;
    if (kind === 'joined') {
      if (member) this.#admit(member, name, more);
      this.#deliver(lines.joined(name), id);
    } else if (kind === 'left') {
      this.#deliver(lines.left(name), id);
      if (member) this.#miss(member);
    } else if (kind === 'renamed') {
      if (member) member.guest.name = name;
      this.#deliver(lines.renamed(name, more));
    } else if (kind === 'ousted') {
      if (member) member.guest.name = name;
      member?.guest.deliver(Buffer.from(`${lines.renamed(name, more)}\n`));
    } else if (kind === 'said') {
      this.#deliver(lines.said(name, more), id);
    } else if (kind === 'told') {
      const [to = ''] = more.split(' ', 1);
      const text = more.slice(to.length + 1);
      this.#members.get(to)?.guest.deliver(Buffer.from(`${lines.told(name, text)}\n`));
    }
    this.#answer(number, undefined, more);
  }

  /** Adds a user who joins, or joins again. */
  #admit(member: Member, name: string, came: string): void {
    Object.assign(member, { came, missed: false });
    member.guest.name = name;
    this.#members.set(member.id, member);
  }

  /** Others have read that a user of this process left, because it has not renewed the name in time. */
  #miss(member: Member): void {
    member.missed = true;
    void this.#renew();
  }

  #deliver(line: string, except?: string): void {
    const bytes = Buffer.from(`${line}\n`);
    for (const [id, { guest }] of this.#members) if (id !== except) guest.deliver(bytes);
  }

  /** Renews the names of this process. If Redis answers, the room is in touch again. */
  async #renew(): Promise<void> {
    if (this.#renewing !== NEVER || !this.#link.connected) return;
    this.#renewing = performance.now();
    try {
      if (this.#away) await this.#link.prepare();
      // After a pause, other processes first get the time to renew their names.
      const remove = performance.now() - this.#inTouchSince > LEASE ? 'remove' : '-';
      const all = [...this.#members.values()];
      const held = all.flatMap(({ id, guest, came, missed }) => [
        id,
        guest.name,
        came,
        missed ? 'missed' : '-',
      ]);
      const time = await this.#link.ask('renew', this.#away, '-', '-', remove, ...held);
      this.#renewing = NEVER;
      if (typeof time === 'number') this.#find(time);
      else void this.#renew(); // The renewal was too late.
    } catch (error) {
      this.#renewing = NEVER;
      this.#lose((error as Error).message);
    }
  }

  #find(time: number): void {
    this.#link.setClock(time);
    if (!this.#away) return;
    this.#away = false;
    this.#inTouchSince = performance.now();
    log('in touch with Redis');
    this.#inTouch();
    for (const { guest } of this.#members.values()) guest.deliver(BACK);
  }

  #lose(why: string): void {
    if (this.#away) return;
    this.#away = true;
    this.#inTouchSince = Number.NaN;
    log(`out of touch with Redis: ${why}`);
  }

  /** Gives up the questions that Redis will not carry out any more. */
  #look(): void {
    const late = performance.now() - AWAY;
    const overdue = [...this.#questions].filter(([, { since }]) => since < late);
    if (overdue.length > 0 || this.#renewing < late) this.#lose('it does not answer');
    for (const [number] of overdue) this.#answer(number, TRY_AGAIN);
  }
}
