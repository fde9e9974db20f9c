// What the page shows of each step, read from its files.

import { dirname } from 'node:path';
import { changes, filesOf } from '../../scripts/difference.ts';
import { findSteps, levelOf, partOf, type Step } from '../../scripts/steps.ts';
import { escaped } from '../../scripts/svg.ts';
import { computes } from '../../scripts/timeline/record.ts';
import { framingNames, protocolNames } from '../../src/protocol/protocols.ts';
import { triesOf } from '../server/tries.ts';
import type { Content, Overview } from '../shared/content.ts';
import { highlighted } from './highlight.ts';
import { readMap, readSection } from './readme.ts';

export const steps = findSteps();

export function overview(): Overview {
  return {
    ...readMap(),
    steps: Array.from(steps.values(), ({ name, header }) => ({ name, title: title(name, header) })),
  };
}

/** Everything that the page shows of a step before the step runs. */
export async function contentOf(step: Step): Promise<Content> {
  const { name, path, header, predecessor } = step;
  const before = predecessor === undefined ? undefined : steps.get(predecessor);
  const isBeside = (file: string) => dirname(file) === dirname(path);
  const imported = [...filesOf(step)];
  const paths = [path, ...imported.filter(isBeside), ...imported.filter((file) => !isBeside(file))];
  return {
    ...{ name, title: title(name, header), path, ...(predecessor && { predecessor }) },
    header: { new: html(step, 'New'), try: html(step, 'Try'), wrong: html(step, 'Still wrong') },
    section: readSection(name, path),
    files: await Promise.all(paths.map(async (path) => ({ path, lines: await highlighted(path) }))),
    changes: before ? changes(before, step) : { added: [], removed: [] },
    asks: computes(name),
    tries: triesOf(step),
    options: optionsOf(step),
  };
}

/** The options that a step may be started with from the page: none, those of a proposal, or a protocol. */
export function optionsOf(step: Step): string[][] {
  const tried = triesOf(step).map(({ options }) => [...options]);
  const spoken = levelOf(step.name) === 10 ? protocolNames.map((name) => ['--protocol', name]) : [];
  const framed = levelOf(step.name) === 10 ? framingNames.map((name) => ['--framing', name]) : [];
  const all = [[], ...tried, ...spoken, ...framed];
  return [...new Map(all.map((options) => [options.join(' '), options])).values()];
}

function title(name: string, header: string): string {
  return header.split('\n', 1)[0]?.slice(name.length + 2) ?? '';
}

/** A part of the header as HTML, with the names of steps as links. */
function html(step: Step, part: 'New' | 'Try' | 'Still wrong'): string {
  const text = partOf(step, part)
    .replace(/^.*?: /, '')
    .replace(/\n +/g, ' ');
  const linked = (name: string) =>
    steps.has(name) && name !== step.name ? `<a href="#${name}">${name}</a>` : name;
  return escaped(text)
    .replace(/\b[a-z]+\d+\b(?!\()/g, linked)
    .replace(/`([^`]+)`/g, '<code>$1</code>');
}
