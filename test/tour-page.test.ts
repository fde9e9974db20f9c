// The tour in a real browser, without a screen: Chromium, or Chrome, where one of them is installed.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findSteps, root, type Step } from '../scripts/steps.ts';
import { build } from '../tour/build.ts';
import { startTour, type Tour } from '../tour/server/server.ts';
import { chrome, launchBrowser } from './browser.ts';
import { listening, temporaryFolder } from './harness.ts';

const steps = findSteps();

describe.skipIf(!chrome)(
  `the page of the tour${chrome ? '' : ' (needs chromium, which is not installed)'}`,
  () => {
    let tour: Tour;
    let browser: Browser;
    let page: Page;
    /** What the browser has asked for, and what it has complained of. */
    const asked: string[] = [];
    const complaints: string[] = [];

    beforeAll(async () => {
      tour = await startTour();
      browser = await launchBrowser();
      page = await (await newContext({ width: 1280, height: 800 })).newPage();
      await page.goto(tour.address);
    });
    afterAll(async () => {
      await browser.close();
      await tour.close();
    });

    /** With reduced motion, the page draws less often, which saves most of the time of this machine. */
    async function newContext(
      viewport: { width: number; height: number },
      more = {},
    ): Promise<BrowserContext> {
      const context = await browser.newContext({ viewport, reducedMotion: 'reduce', ...more });
      context.setDefaultTimeout(60_000);
      context.on('request', (request) => asked.push(request.url()));
      context.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
      context.on('weberror', (error) => complaints.push(error.error().message));
      return context;
    }

    /** Opens this page of the tour. */
    async function show(hash: string): Promise<void> {
      await page.goto('about:blank'); // which ends all that the last page has started
      await page.goto(`http://127.0.0.1:${tour.port}/#${hash}`);
      await page
        .locator('h1', { hasText: hash.replace(/\+.*/, '') })
        .first()
        .waitFor();
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

    test('shows single3 in recv() for A, while B waits for its answer, which it gets when A leaves', async () => {
      await show('single3');
      await start();
      await lit('listener.accept()', /accept\(\) · [1-9]\.\d s/);
      await connect('A');
      await say('A');
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
      const box = await page.locator('.picture').boundingBox();
      const scale = (box?.width ?? 0) / 880;
      await page
        .locator('.picture')
        .click({ position: { x: 180 * scale, y: (56 + 2 * 30 + 12 + 13) * scale } });
      await lit('listener.accept()', 'accept()');
      await page.getByRole('button', { name: '▶ Now' }).click();
      await lit('client.recv(4096)', 'recv() · B');
    });

    test('shows two lines of thread4 lit at once, in two threads', async () => {
      await show('thread4');
      await start();
      await connect('A');
      await lit('client.recv(4096)', /recv\(\) · A · thread \d+/);
      await lit('listener.accept()', 'accept() · main thread');
      expect(await page.locator('.line.waits').count()).toBe(2);
    });

    test('shows the lines in which the coroutines of generator6 are suspended', async () => {
      await show('generator6');
      await start();
      await connect('A');
      await connect('B');
      await lit('yield* client.recvLine()', 'coroutine of A');
      await lit('yield* client.recvLine()', 'coroutine of B');
      await lit("yield ['read', listener]", 'coroutine that accepts');
    });

    test('says of callback6 that it is in the loop of Node', async () => {
      await show('callback6');
      await start();
      await page.getByText("in Node's loop").waitFor();
    });

    test('opens beside select9 the file in which it waits', async () => {
      await show('select9');
      await start();
      await page.getByRole('region', { name: 'Code of src/select/event-handler.ts' }).waitFor();
      await lit('select', /epoll_wait\(\)|poll\(\)/);
    });

    test('shows select6 in select(), and B answered while A sends nothing, and while A sends without end', async () => {
      await show('select6');
      await page.getByLabel('Options').selectOption({ label: '--quiet' });
      await start();
      await connect('A');
      await connect('B');
      await say('B');
      await heard('B').waitFor();
      await lit('selector.select()', /epoll_wait\(\)|poll\(\)/);
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
      const wide = page.viewportSize();
      await page.setViewportSize({ width: 390, height: 844 });
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
      if (wide) await page.setViewportSize(wide);
    });

    test('can be used by keyboard alone, and everything in it has a name', async () => {
      await show('single3');
      const focused = (name: string) => page.locator(':focus', { hasText: name });
      const tabTo = async (name: string) => {
        for (let i = 0; i < 60 && (await focused(name).count()) === 0; i++) await page.keyboard.press('Tab');
        await page.keyboard.press('Enter');
      };
      await tabTo('▶ Start');
      await page.getByText('listens on').waitFor();
      await tabTo('Connect');
      await lit('client.recv(4096)', 'recv() · A');
      await page.getByRole('slider', { name: 'Moment' }).focus();
      await page.keyboard.press('Home'); // the beginning, when nothing was connected
      await client('A').getByText('not connected').waitFor();
      const tree = await page.locator('body').ariaSnapshot();
      expect(tree).toMatch(/- slider "Moment"/);
      const nameless = /^\s*- (button|link|textbox|combobox|checkbox|slider|article|region|img)(:|$)/;
      expect(tree.split('\n').filter((line) => nameless.test(line))).toEqual([]);
    });

    test('shows a recording, at any moment, without a server that runs steps, and loads nothing from elsewhere', async () => {
      const folder = temporaryFolder();
      await build(
        folder,
        () => {},
        ['single3', 'select6'].map((name) => steps.get(name) as Step),
      );
      const types = new Map([
        ['.html', 'text/html'],
        ['.js', 'text/javascript'],
        ['.css', 'text/css'],
      ]);
      const files = createServer(({ url = '/' }, response) => {
        const path = join(folder, url === '/' ? 'index.html' : url);
        response.setHeader('Content-Type', types.get(extname(path)) ?? 'application/json');
        response.end(readFileSync(path));
      });
      await listening(files, async (port) => {
        asked.length = 0;
        const phone = await newContext({ width: 390, height: 844 }, { colorScheme: 'dark' });
        page = await phone.newPage();
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
        await phone.close();
      });
    });

    test('has asked no other machine, and nothing that its policy forbids', () => {
      for (const url of asked) expect(url).toMatch(/^(http:\/\/127\.0\.0\.1:\d+\/|data:)/);
      expect(complaints).toEqual([]);
    });
  },
);
