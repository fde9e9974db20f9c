import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../../src/behaviours/client.ts';

/** The pause between two lines of a user, and how long the last line may take to arrive, in milliseconds. */
const PAUSE = 20;
const LATE = 20_000;

type User = { client: Client; name: string; said: number; next: Map<string, number> };

/** Honest users. Each says numbers, and receives the numbers of all others: none may be lost or out of order. */
export class Talk {
  /** How many lines were heard. */
  heard = 0;
  readonly #users: User[] = [];
  readonly #problems = new Set<string>();

  static async start(port: number, users: number): Promise<Talk> {
    const talk = new Talk();
    for (let i = 0; i < users; i++) {
      const client = await Client.connect(port, { notices: true });
      const name = (await client.lineLike(/^\* welcome, /)).slice('* welcome, '.length);
      talk.#users.push({ client, name, said: 0, next: new Map() });
    }
    for (const user of talk.#users) user.client.socket.on('data', () => talk.#listen(user));
    return talk;
  }

  /** The users talk until this time, on the clock of `performance.now()`. */
  async until(end: number): Promise<void> {
    while (performance.now() < end) {
      for (const user of this.#users) void user.client.send(`SAY ${user.said++}\n`);
      await sleep(PAUSE);
    }
  }

  /** Waits until all lines have arrived, and disconnects the users. Returns what has gone wrong. */
  async finish(): Promise<string[]> {
    const deadline = performance.now() + LATE;
    const lines = () => this.#users.reduce((sum, { said }) => sum + said, 0) * (this.#users.length - 1);
    while (this.heard < lines() && performance.now() < deadline) await sleep(50);
    const lost = lines() - this.heard;
    if (lost > 0) this.#problems.add(`${lost} lines are lost`);
    for (const { client, name } of this.#users) {
      if (client.ended) this.#problems.add(`${name} was cut off`);
      client.close();
    }
    return [...this.#problems];
  }

  #listen({ client, next }: User): void {
    for (let end = client.answers.indexOf('\n'); end >= 0; end = client.answers.indexOf('\n')) {
      const line = client.answers.toString('utf8', 0, end);
      client.drop(end + 1);
      const [, speaker = '', number] = /^<(\w+)> (\d+)$/.exec(line) ?? [];
      if (!this.#users.some(({ name }) => name === speaker)) continue; // an offender
      if (Number(number) !== (next.get(speaker) ?? 0)) this.#problems.add(`${line} is not in order`);
      next.set(speaker, Number(number) + 1);
      this.heard++;
    }
  }
}
