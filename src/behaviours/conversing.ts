// The parts that all conversations share.

import type { Client, ClientOptions } from './client.ts';
import { ExpectationError, type Inbox, type Why } from './inbox.ts';
import type { Program } from './program.ts';
import type { Symptom } from './symptoms.ts';

/** A server as a behaviour sees it. */
export type Subject = {
  port: number;
  /** The level that it is tried at: 6 for select6. */
  level: number;
  connect(options?: Pick<ClientOptions, 'keepsLittle'>): Promise<Client>;
  /** The port for its status: see {@link Behaviour.limits}. */
  statusPort?: number;
  /** Its process, if this process has started it. */
  program?: Program;
  /** Its log, if it is a step of this project. */
  log?: Inbox;
};

/** The levels that ask for something new. Each also asks for everything that lower levels ask for. */
export const levels = [3, 4, 6, 7, 9, 11, 12] as const;

export type Level = (typeof levels)[number];

export type Behaviour = {
  /** The first level that asks for it. `until` is the last, if not all levels above do. */
  level: Level;
  until?: Level;
  /** The command that it needs besides those of its level. Only servers that have this command are asked for it. */
  command?: string;
  /** The first step that passes it. */
  step: string;
  /** Options that set the server's limits. `{status}` stands for a free port. */
  limits?: string;
  converse(subject: Subject): Promise<void>;
};

/** The first line that a chat sends to a user. */
export const WELCOME = /^\* welcome, (\S+)$/;

/** The bytes that ask a server to echo these lines. From level 7 on, a line is a command. */
export function request({ level }: Subject, lines: string[], end = '\n'): string {
  return lines.map((line) => (level < 7 ? `${line}${end}` : `ECHO ${line}${end}`)).join('');
}

/** Sends `text`, and expects its echo. */
export async function echo(subject: Subject, client: Client, text: string): Promise<void> {
  await client.send(request(subject, [text]));
  await client.expect(`${text}\n`);
}

/** Expects these lines, and no other between them. */
export async function hear(client: Client, lines: string[]): Promise<void> {
  for (const line of lines) await client.expect(`${line}\n`);
}

/** Ends the conversation with a failure that is not about an answer. */
export function failWith(message: string): never {
  throw new ExpectationError(message, 'other');
}

/** All ways in which a conversation fails. */
export const ANY: readonly Why[] = ['other', 'end', 'silence'];

/** Holds a conversation. If it fails in one of these ways, the likeliest symptom is this one. */
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
