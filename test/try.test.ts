// npm run try: it tells right servers from wrong ones, in any language, and finds the cause of each failure.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from '../scripts/steps.ts';
import { attempt } from '../src/behaviours/attempt.ts';
import type { BehaviourName, Level } from '../src/behaviours/behaviours.ts';
import { withForeign } from '../src/behaviours/foreign.ts';
import { Program } from '../src/behaviours/program.ts';
import { runnable } from '../src/behaviours/server.ts';
import type { Symptom } from '../src/behaviours/symptoms.ts';
import { installed, run, runScript, say, serving, temporaryFolder, until } from './harness.ts';

const tryOut = (...args: string[]) => runScript('scripts/try.ts', ...args);

const hasPython = installed('python3');
/** Python itself: python3 may be a script that looks for a version first, and takes three times as long. */
const executable = spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' });
const python = (way: string) => [
  `${executable.stdout}`.trim(),
  'test/fixtures/wrong/wrong.py',
  '{port}',
  way,
];
const inJavaScript = ['closes', 'one-at-a-time', 'packets', 'order', 'drops'];
const javascript = (way: string) => [process.execPath, 'test/fixtures/wrong/wrong.mjs', '{port}', way];
const step = (name: string) => [
  '--',
  process.execPath,
  ...runnable(`src/${name}.ts`),
  '--port',
  '{port}',
  '--quiet',
];

/** Each way of being wrong, the level that notices, the conversation that does, and what that looks like. */
const wrong: [way: string, level: Level, behaviour: BehaviourName, symptom: Symptom][] = [
  ['silent', 3, 'echoes bytes back', 'no answer arrived'],
  ['unread', 3, 'echoes bytes back', 'the connection was reset'],
  ['hangs_up', 3, 'echoes bytes back', 'the server closed the connection'],
  ['once', 3, 'echoes bytes back', 'the server no longer listens'],
  ['keeps', 3, 'serves the next client', 'the server keeps the connection open'],
  ['closes', 3, 'answers after a half-close', 'bytes are missing at the end'],
  ['fragile', 3, 'survives a reset', 'the process ended'],
  ['deaf', 3, 'Ctrl-C ends it with clients connected', 'the server goes on after Ctrl-C'],
  ['one-at-a-time', 4, 'serves two at once', 'the answer arrived only after another client left'],
  ['packets', 6, 'one reply per line, however it is cut', 'half a line was answered'],
  ['merges', 6, 'one reply per line, however it is cut', 'two lines were answered as one'],
  [
    'last',
    6,
    'one reply per line, however it is cut',
    'the end of the stream was taken for the end of a line',
  ],
  ['first', 6, 'one reply per line, however it is cut', 'only part of the answer arrived'],
  ['order', 6, 'one reply per line, however it is cut', 'the answers arrived in another order'],
  ['drops', 6, 'a slow reader gets every byte', 'bytes are missing after a pause'],
  ['attributes', 9, 'a hostile command name does no harm', 'a word that is no command was obeyed'],
  ['twice', 11, 'users receive each line once, in order', 'lines arrived twice'],
];

describe.concurrent('a conversation finds the symptom', () => {
  for (const [way, level, behaviour, symptom] of wrong) {
    const isJavaScript = inJavaScript.includes(way);
    test.runIf(isJavaScript || hasPython)(`${symptom}: ${way}`, async () => {
      const command = isJavaScript ? javascript(way) : python(way);
      const failure = await withForeign(command, root, (server) =>
        attempt(behaviour, { ...server, level }, { patience: 3000 }),
      );
      expect(failure?.symptom, failure?.error.message).toBe(symptom);
    });
  }
});

describe.concurrent('npm run try', () => {
  test('tries a running server at a level, with the behaviours of lower levels, and leaves it running', () =>
    serving('select11', async ({ port }) => {
      const { exit, stdout } = await tryOut('--level', '11', '--port', `${port}`);
      expect(stdout).toMatch(/^([✔–] .+\n){14}\nLevel 11: 13 passed, 0 failed\.\n$/);
      expect(stdout).toContain(
        '✔ a character cut in two stays whole (its answers only: your log is not read)\n',
      );
      expect(stdout).toContain(
        '– Ctrl-C ends it with clients connected (with --port, its process is unknown)',
      );
      expect(exit).toBe(0);
      expect(await say({ port }, 'ECHO still here\n')).toContain('\nstill here\n');
    }));

  test.runIf(hasPython)('passes a right server in Python, which reads its port from PORT', async () => {
    const command = ['sh', '-c', 'exec python3 test/fixtures/wrong/wrong.py "$PORT" right'];
    const { exit, stdout } = await tryOut('--level', '6', '--only', 'one reply', '--', ...command);
    expect(stdout).toContain('Level 6: 1 passed, 0 failed.');
    expect(exit).toBe(0);
  });

  test.runIf(hasPython)(
    'prints for the server of src/behaviours/README.md what the README shows',
    async () => {
      const readme = readFileSync(join(root, 'src/behaviours/README.md'), 'utf8');
      const [, code = ''] = /^```python mine\.py\n(.*?)^```$/ms.exec(readme) ?? [];
      const [, shown = ''] =
        /^\$ npm run try -- --level 6 -- python3 mine\.py \{port\}\n(.*?)^```$/ms.exec(readme) ?? [];
      const folder = temporaryFolder();
      writeFileSync(join(folder, 'mine.py'), code);
      const command = [...runnable('scripts/try.ts'), '--level', '6', '--', 'python3', 'mine.py', '{port}'];
      const { stdout } = await run(process.execPath, command, { env: { INIT_CWD: folder } });
      // What the clients saw comes in other pieces each time.
      const fixed = (text: string) => text.split('\n').filter((line) => !/^ +[\d.]+ ms /.test(line));
      expect(fixed(stdout)).toEqual(fixed(shown));
      expect(stdout).toMatch(/^ +[\d.]+ ms {2}A sends {9}"unfinished"$/m);
    },
  );

  test('stops at the first failure, goes on with --all, and prints JSON with --json', () =>
    serving('single6', async ({ port }) => {
      const level4 = (...args: string[]) => tryOut('--level', '4', '--port', `${port}`, ...args);
      const marks = (text: string) => text.match(/^[✔✘–]/gm)?.join('');
      const first = await level4();
      expect(marks(first.stdout)).toBe('✔✔✔✔–✘');
      expect(first.stdout).toContain('4 passed, 1 failed, 1 not tried');
      expect(first.exit).toBe(1);
      const all = await level4('--all');
      expect(marks(all.stdout)).toBe('✔✔✔✔–✘✘');
      const { exit, stdout } = await level4('--only', 'two at once', '--json');
      const symptom: Symptom = 'the answer arrived only after another client left';
      const failed = expect.objectContaining({ name: 'serves two at once', result: 'failed', symptom });
      expect(JSON.parse(stdout)).toEqual({ level: 4, passed: false, results: [failed] });
      expect(exit).toBe(1);
    }));

  test('marks the first byte that differs, and says more with --hint', async () => {
    const { stdout } = await tryOut('--level', '6', '--only', 'crlf', '--hint', ...step('single/single9'));
    expect(stdout).toContain('    expected  "one\\r\\n"\n    received  "ERROR unknown command: one\\n');
    expect(stdout).toMatch(/^ {15}\^$/m);
    expect(stdout).toContain('New since single6: a dispatcher');
    // The mark stays below its byte only if no line wraps. The first line that arrives is the wrong one.
    const wide = await tryOut('--level', '3', '--only', 'echoes', '--', ...javascript('order'));
    const [, wanted = '', seen = ''] = /^( +expected .+)\n( +received .+)\n {15}\^$/m.exec(wide.stdout) ?? [];
    expect(wanted.length).toBeGreaterThan(60);
    for (const line of [wanted, seen]) expect(line.length).toBeLessThan(80);
  });

  test('ends with exit code 2 and says why, where a server can not be tried', async () => {
    const failures: [why: RegExp, ...args: string[]][] = [
      [/^Cannot use --level 5: it is one of 3, 4, 6, 7, 9, 11/, '--level', '5', '--port', '1'],
      [/^Cannot use --level: it is one of/, '--port', '1'],
      [/^Cannot try a server: name either/, '--level', '3'],
      [/^Cannot use --port "x": it is a whole number/, '--level', '3', '--port', 'x'],
      [/^Cannot use --only "o": it may be .*; /, '--level', '6', '--only', 'o', '--port', '1'],
      [/^Cannot try nosuch: spawn nosuch ENOENT$/, '--level', '3', '--', 'nosuch'],
      [
        /^Cannot try .*: it ended with exit code 3 before it answered\n {4}sorry$/,
        '--level',
        '3',
        '--',
        'sh',
        '-c',
        'echo sorry >&2; exit 3',
      ],
    ];
    for (const [why, ...args] of failures) {
      const { exit, stderr, stdout } = await tryOut(...args);
      expect(stderr.trimEnd()).toMatch(why);
      expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' });
    }
  });

  test('says within ten seconds that nothing answers', async () => {
    const { exit, stderr } = await tryOut('--level', '3', '--', 'sleep', '1000');
    expect(stderr).toMatch(/^Cannot try sleep 1000: nothing answers on port \d+ in 10 s\n$/);
    expect(exit).toBe(2);
  });

  test.runIf(hasPython)('leaves no process behind after Ctrl-C, even one that ignores signals', async () => {
    const deaf = 'trap "" INT TERM; python3 test/fixtures/wrong/wrong.py "$PORT" deaf & echo $!; wait; wait';
    const folder = temporaryFolder();
    const pids = join(folder, 'pids');
    const command = [...runnable('scripts/try.ts'), '--level', '3', '--', 'sh', '-c', `(${deaf}) >> ${pids}`];
    const program = new Program(process.execPath, command);
    try {
      await program.stdout.line(); // One conversation is over.
      expect(await program.stop('SIGINT')).toBe(130);
      for (const pid of readFileSync(pids, 'utf8').trim().split('\n'))
        await until(() => !exists(Number(pid)));
    } finally {
      await program.stop();
    }
  });

  test('starts a server with the limits of level 12, where the command has {limits}', async () => {
    const only = ['--level', '12', '--only', 'one address'];
    const { exit, stdout } = await tryOut(...only, ...step('select/select12'), '{limits}');
    expect([stdout, exit]).toEqual([
      '✔ the number of clients of one address is limited\n\nLevel 12: 1 passed, 0 failed.\n',
      0,
    ]);
    const { stdout: without } = await tryOut(...only, ...step('select/select11'));
    expect(without).toContain('No client is refused. The server accepts clients until');
  });

  test('lists what each level asks', async () => {
    const { stdout } = await tryOut('--list');
    expect(stdout).toMatch(
      /^level 3\n {2}echoes bytes back \(up to level 6\)\n(.*\n)*level 11\n {2}users receive/,
    );
  });
});

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
