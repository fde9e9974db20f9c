// What the page shows of a step before it runs. This file has only types.

import type { Changes } from '../../scripts/difference.ts';

/** The map, and the order of the steps. */
export type Overview = {
  mechanisms: string[];
  levels: { level: string; adds: string; steps: string[][] }[];
  /** All steps in the order in which to read them, each with what the first line of its header says. */
  steps: { name: string; title: string }[];
};

/** A file, and its lines as HTML. */
export type Source = { path: string; lines: string[] };

export type Content = {
  name: string;
  title: string;
  path: string;
  predecessor?: string;
  /** The parts of the header, as HTML. */
  header: { new: string; try: string; wrong: string };
  /** The section of the chapter's README, as HTML. */
  section: string;
  /** The step first, then the files of its chapter that it imports, then the others. */
  files: Source[];
  changes: Changes;
  /** Whether A asks for a number in the scene, in place of saying nothing. */
  asks: boolean;
  /** The proposals that can be played, and the options to start the step with. */
  tries: { words: string; options: readonly string[]; acts: readonly string[] }[];
  options: string[][];
};
