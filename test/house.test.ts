// Which files may import which: all arrows run one way.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findSteps, importsOf, levelOf, root } from '../scripts/steps.ts';

const filesOf = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${folder}/${file}`);

const files = filesOf('src');

describe('the house', () => {
  test('has src/sockets and src/protocol, which import neither each other nor any other folder', () => {
    for (const folder of ['src/sockets/', 'src/protocol/']) {
      for (const file of files.filter((file) => file.startsWith(folder))) {
        expect(
          importsOf(file).filter((other) => !other.startsWith(folder)),
          file,
        ).toEqual([]);
      }
    }
  });

  test('has imports that run one way: nothing imports test, and src imports only src', () => {
    const outside = (file: string) => importsOf(file).filter((other) => !other.startsWith('src/'));
    for (const file of files) expect(outside(file), file).toEqual([]);
    for (const file of filesOf('scripts')) {
      expect(
        outside(file).filter((other) => !other.startsWith('scripts/')),
        file,
      ).toEqual([]);
    }
  });

  test('has a tour that imports src and scripts, and neither imports it', () => {
    for (const file of filesOf('tour')) {
      expect(
        importsOf(file).filter((other) => !/^(src|scripts|tour)\//.test(other)),
        file,
      ).toEqual([]);
    }
  });

  test('has limits that import no chapter', () => {
    const allowed = ['src/limits', 'src/sockets', 'src/protocol', 'src/cli'];
    for (const file of files.filter((file) => dirname(file) === 'src/limits')) {
      expect(
        importsOf(file).filter((other) => !allowed.includes(dirname(other))),
        file,
      ).toEqual([]);
    }
  });

  test('has protocols without I/O: no module of Node but buffers and digests', () => {
    for (const file of files.filter((file) => file.startsWith('src/protocol/'))) {
      expect(readFileSync(join(root, file), 'utf8')).not.toMatch(
        /from 'node:(?!(buffer|crypto)')|from 'koffi'|\bset(Timeout|Interval)\b/,
      );
    }
  });

  test('has steps whose headers say what is new, since which step, what to try, and what is still wrong', () => {
    const steps = findSteps();
    for (const { name, header, predecessor } of steps.values()) {
      expect(header, name).toMatch(/^New( since \w+)?: .+^Try: .+^Still wrong: /ms);
      if (name !== 'single1') expect(steps.has(predecessor ?? ''), name).toBe(true);
      if (name.startsWith('single')) expect(predecessor ?? 'single0').toBe(`single${levelOf(name) - 1}`);
    }
  });

  test('has steps that listen by src/cli/listen.ts, which prints one line if a step can not listen', () => {
    for (const { name, path, code } of findSteps().values()) {
      expect(importsOf(path).join(), name).toMatch(/src\/cli\/(chat-listeners|listen)\.ts/);
      expect(code, name).toMatch(/\blisten\((options)?\)|\blistenForChat\(/);
      expect(code, name).not.toContain('Socket.listen(');
    }
  });

  test('has chapters whose files import no step, and nothing of another chapter', () => {
    const steps = [...findSteps().values()].map(({ path }) => path);
    const chapters = new Set(steps.map((step) => dirname(step)));
    for (const file of files.filter((file) => chapters.has(dirname(file)))) {
      const others = importsOf(file);
      expect(
        others.filter((other) => steps.includes(other)),
        file,
      ).toEqual([]);
      const level = levelOf(basename(file, '.ts'));
      const limits = level >= 12 ? ['src/limits'] : [];
      const machines = level >= 13 ? ['src/machines'] : [];
      const shared = ['src/sockets', 'src/protocol', 'src/cli', 'src/parallel'];
      const allowed = [...shared, ...limits, ...machines, dirname(file)];
      expect(
        others.filter((other) => !allowed.includes(dirname(other))),
        file,
      ).toEqual([]);
    }
  });

  test('has threads and processes that import no chapter and no protocol', () => {
    const allowed = ['src/sockets', 'src/cli', 'src/parallel'];
    for (const file of files.filter((file) => dirname(file) === 'src/parallel')) {
      expect(
        importsOf(file).filter((other) => !allowed.includes(dirname(other))),
        file,
      ).toEqual([]);
    }
  });
});
