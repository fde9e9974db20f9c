// What conversations are made of.

import type { Client } from './client.ts';
import { ExpectationError, type Inbox, type Why } from './inbox.ts';
import type { Program } from './program.ts';
import type { Symptom } from './symptoms.ts';

/** A server as a behaviour sees it. */
export type Subject = {
  port: number;
  /** What is asked of it: 6 for select6. */
  level: number;
  connect(): Promise<Client>;
  /** Where it may say how it is: see {@link Behaviour.limits}. */
  statusPort?: number;
  /** Where this process has started it. */
  program?: Program;
  /** Its log, where it is one of this project. */
  log?: Inbox;
};

/** The levels that ask for something that those below them do not. Each asks for what those ask for, too. */
export const levels = [3, 4, 6, 7, 9, 11, 12] as const;

export type Level = (typeof levels)[number];

export type Behaviour = {
  /** The level that asks for it, and all above it: as far as `until`, where those above it can not be asked. */
  level: Level;
  until?: Level;
  /** The command that it takes besides those of its level. So it is tried only on servers that are known to have it. */
  command?: string;
  /** The step that does it first. */
  step: string;
  /** The options to start a server with that has limits. `{status}` stands for a port that is free. */
  limits?: string;
  converse(subject: Subject): Promise<void>;
};

/** The first line that a user of a chat is sent. */
export const WELCOME = /^\* welcome, (\S+)$/;

/** What to send to have these lines echoed. From level 7 on, a line is a command. */
export function request({ level }: Subject, lines: string[], end = '\n'): string {
  return lines.map((line) => (level < 7 ? `${line}${end}` : `ECHO ${line}${end}`)).join('');
}

/** Has `text` echoed. */
export async function echo(subject: Subject, client: Client, text: string): Promise<void> {
  await client.send(request(subject, [text]));
  await client.expect(`${text}\n`);
}

/** Hears these lines, and no other between them. */
export async function hear(client: Client, lines: string[]): Promise<void> {
  for (const line of lines) await client.expect(`${line}\n`);
}

/** The conversation fails, and with other words than those of an answer. */
export function failWith(message: string): never {
  throw new ExpectationError(message, 'other');
}

/** However a conversation fails. */
export const ANY: readonly Why[] = ['other', 'end', 'silence'];

/** What to suspect if the conversation fails in one of these ways. */
export async function suspecting<Result>(
  symptom: Symptom,
  conversation: Promise<Result>,
  whys: readonly Why[] = ['other'],
): Promise<Result> {
  try {
    return await conversation;
  } catch (error) {
    if (error instanceof ExpectationError && error.why && whys.includes(error.why)) error.suspect ??= symptom;
    throw error;
  }
}
