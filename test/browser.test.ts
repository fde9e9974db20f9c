// The pages in a real browser, without a screen: Chromium, or Chrome, where one of them is installed. The tour, and the chat.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findSteps, root, type Step } from '../scripts/steps.ts';
import { Client } from '../src/behaviours/client.ts';
import { build } from '../tour/build.ts';
import { startTour, type Tour } from '../tour/server/server.ts';
import { installed, listening, serving, temporaryFolder } from './harness.ts';

const chrome = ['chromium', 'google-chrome'].find((name) => installed(name));
const options = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync', '--in-process-gpu', '--no-zygote'], // fewer processes
];

describe.skipIf(!chrome)(`a browser${chrome ? '' : ' (needs chromium, which is not installed)'}`, () => {
  let tour: Tour;
  let browser: Browser;
  let page: Page;
  /** What the browser has asked for, and what it has complained of. */
  const asked: string[] = [];
  const complaints: string[] = [];

  beforeAll(async () => {
    const executablePath = spawnSync('which', [chrome ?? ''], { encoding: 'utf8' }).stdout.trim();
    browser = await chromium.launch({ executablePath, args: options });
    page = await newPage({ width: 1280, height: 800 });
    tour = await startTour();
    await page.goto(tour.address);
  });
  afterAll(async () => {
    await browser.close();
    await tour.close();
  });

  /** With reduced motion, the page draws less often, which saves most of the time of this machine. */
  async function newPage(viewport: { width: number; height: number }): Promise<Page> {
    const context = await browser.newContext({ viewport, reducedMotion: 'reduce' });
    context.setDefaultTimeout(60_000);
    context.on('request', (request) => asked.push(request.url()));
    context.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    context.on('weberror', (error) => complaints.push(error.error().message));
    return context.newPage();
  }

  /** Goes to these steps, which ends all that the page has started. */
  async function show(hash: string): Promise<void> {
    await page.goto(`http://127.0.0.1:${tour.port}/#${hash}`);
    const [name = ''] = hash.split('+');
    await page.locator('h1', { hasText: name }).first().waitFor();
  }

  const client = (name: string) => page.getByRole('article', { name: `Client ${name}` });
  /** Waits until it is connected: its buttons appear then, and those of the next client move down. */
  const connect = async (name: string) => {
    await client(name).getByRole('button', { name: 'Connect' }).click();
    await client(name).getByRole('button', { name: 'Leave' }).waitFor();
  };
  const say = (name: string) => client(name).getByRole('button', { name: 'Say ⏎' }).click();
  const heard = (name: string) => client(name).getByText('← "hello\\n"');
  const start = async () => {
    await page.getByRole('button', { name: '▶ Start' }).click();
    await page.getByText('listens on').waitFor();
  };
  /** Waits for a lit line with this code, and what stands at its end. */
  const lit = (code: string, chip: string | RegExp) =>
    page.locator('.line.waits', { hasText: code }).locator('.chip', { hasText: chip }).first().waitFor();

  /** Takes pictures of the page, in dark and light. */
  async function photograph(): Promise<void> {
    const folder = process.env.SCREENSHOTS === '1' ? join(root, 'results') : temporaryFolder();
    for (const colorScheme of ['dark', 'light'] as const) {
      await page.emulateMedia({ colorScheme });
      const picture = await page.screenshot({ path: join(folder, `tour-${colorScheme}.png`) });
      expect(picture.length).toBeGreaterThan(20_000);
    }
  }

  test('shows single3 in recv() for A, while B waits for its answer, by keyboard alone, and the moments before', async () => {
    await show('single3');
    const focused = (name: string) => page.locator(':focus', { hasText: name });
    const tabTo = async (name: string) => {
      for (let i = 0; i < 60 && (await focused(name).count()) === 0; i++) await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
    };
    await tabTo('▶ Start');
    await lit('listener.accept()', /accept\(\) · [1-9]\.\d s/);
    await tabTo('Connect');
    await client('A').getByRole('button', { name: 'Leave' }).waitFor();
    await tabTo('Say ⏎');
    await heard('A').waitFor();
    await lit('client.recv(4096)', 'recv() · A');
    await connect('B');
    await say('B');
    await client('B')
      .getByText(/◔ no answer for [2-9]\.\d s/)
      .waitFor();
    expect(await heard('B').count()).toBe(0);
    await photograph();
    await client('A').getByRole('button', { name: 'Leave' }).click();
    await heard('B').waitFor();
    await lit('client.recv(4096)', 'recv() · B');
    const log = page.getByRole('region', { name: "The server's log" });
    await log.filter({ hasText: 'disconnected: end of stream' }).waitFor();
    // The first span of the one lane of the server: accept(), before A came.
    const scale = ((await page.locator('.picture').boundingBox())?.width ?? 0) / 880;
    const position = { x: 180 * scale, y: (56 + 2 * 30 + 12 + 13) * scale };
    await page.locator('.picture').click({ position });
    await lit('listener.accept()', 'accept()');
    await page.getByRole('button', { name: '▶ Now' }).click();
    await lit('client.recv(4096)', 'recv() · B');
    await page.getByRole('slider', { name: 'Moment' }).focus();
    await page.keyboard.press('Home'); // the beginning, when nothing was connected
    await client('A').getByText('not connected').waitFor();
    const tree = await page.locator('body').ariaSnapshot();
    expect(tree).toMatch(/- slider "Moment"/);
    const nameless = /^\s*- (button|link|textbox|combobox|checkbox|slider|article|region|img)(:|$)/;
    expect(tree.split('\n').filter((line) => nameless.test(line))).toEqual([]);
  });

  test('opens beside select9 the file in which it waits', async () => {
    await show('select9');
    await start();
    await page.getByRole('region', { name: 'Code of src/select/event-handler.ts' }).waitFor();
    await lit('select', /epoll_wait\(\)|poll\(\)/);
  });

  test('shows all lines in which generator6 waits, and B answered while A sends nothing, and while A sends without end', async () => {
    await show('generator6');
    await page.getByLabel('Options').selectOption({ label: '--quiet' });
    await start();
    await connect('A');
    await connect('B');
    await lit('yield* client.recvLine()', 'coroutine of A');
    await lit('yield* client.recvLine()', 'coroutine of B');
    await lit("yield ['read', listener]", 'coroutine that accepts');
    await say('B');
    await heard('B').waitFor();
    await client('A').getByText('more actions').click();
    await client('A').getByRole('button', { name: 'Talk without end' }).click();
    await page.getByText(/short events are not shown/).waitFor();
    await client('A')
      .getByText(/^[\d,]{5,} lines sent, [\d,]{5,} received$/)
      .waitFor();
    await say('B');
    await heard('B').nth(1).waitFor();
    await page.getByRole('button', { name: '■ Ctrl-C' }).click();
    await page.getByRole('status').getByText('ended: SIGINT').waitFor();
  });

  test('plays the scene with two steps side by side, and tells which clients had an answer', async () => {
    await show('single3+select6');
    await page.getByLabel('B', { exact: true }).check();
    await page.getByLabel('Speed').selectOption('1');
    await page.getByRole('button', { name: 'Play the scene' }).click();
    await page.getByText(/single3: Answered: none. You guessed: B. select6: Answered: B/).waitFor();
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
  });

  test('shows a recording, at any moment, without a server that runs steps, and loads nothing from elsewhere', async () => {
    const folder = temporaryFolder();
    await build(folder, () => {}, [findSteps().get('single3') as Step]);
    const types: Record<string, string> = {
      '.html': 'text/html',
      '.js': 'text/javascript',
      '.css': 'text/css',
    };
    const files = createServer(({ url = '/' }, response) => {
      const path = join(folder, url === '/' ? 'index.html' : url);
      response.setHeader('Content-Type', types[extname(path)] ?? 'application/json');
      response.end(readFileSync(path));
    });
    await listening(files, async (port) => {
      asked.length = 0;
      await page.goto(`http://127.0.0.1:${port}/#single3`);
      await page.locator('.player:not(.empty)').waitFor(); // The recording is there.
      // The recording takes 1.8 to 3.6 seconds. A leaves after 0.8, and B talks from 0.1 on.
      await page.getByRole('slider', { name: 'Moment' }).fill('150');
      await lit('client.recv(4096)', 'recv() · A');
      await client('B').getByText('◔ no answer').waitFor();
      await page.getByLabel('Speed').selectOption('1');
      await page.getByRole('button', { name: 'Play the scene' }).click();
      await page.getByText('Answered: none. ✔ As you guessed.').waitFor();
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
      expect(asked.length).toBeGreaterThan(3);
      for (const url of asked) expect(url).toMatch(new RegExp(`^(http://127\\.0\\.0\\.1:${port}/|data:)`));
    });
  });

  test('shows the chat of select11, whose users hear what is typed into the page', () =>
    serving(
      'select11',
      async (server) => {
        await page.goto((await server.logged(/^web page at /)).replace('web page at ', ''));
        await page.getByText('* welcome, guest1').waitFor();
        const user = await Client.connect(server.port);
        await page.getByText('* guest2 joined').waitFor();
        await page.locator('input').fill('SAY hello from a page');
        await page.locator('input').press('Enter');
        await user.has('<guest1> hello from a page');
        await user.send('SAY hello, page\n');
        await page.getByText('<guest2> hello, page').waitFor();
      },
      { args: ['--web-port', '0'] },
    ));

  test('has asked no other machine, and nothing that a policy forbids', () => {
    for (const url of asked) expect(url).toMatch(/^((http|ws):\/\/127\.0\.0\.1:\d+\/|data:)/);
    expect(complaints).toEqual([]);
  });
});
