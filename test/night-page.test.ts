// test: light
// The page of a night in a browser, and its JUnit: what is new comes first, hostile text stays text, two widths.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Page } from 'playwright-core';
import t from 'tap';
import { writeNightReports } from '../reports/night/write.js';
import type { NightReport } from '../rig/contracts/night.js';
import { hostile, toldNight } from './night/told.js';
import { junitSchema } from './report/junit-schema.js';

/** A folder that keeps the pictures of this test, to look at. */
const pictures = process.env.RIG_REPORT_PICTURES;
t.setTimeout(200_000);
const dir = mkdtempSync(join(tmpdir(), 'night-page-test-'));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));
const browser = await chromium.launch({
  executablePath: process.env.RIG_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
});
t.teardown(() => browser.close());

async function open(
  report: NightReport,
  width: number,
): Promise<{ page: Page; asked: string[]; complaints: string[] }> {
  const { html } = await writeNightReports(dir, report);
  const page = await browser.newPage({ viewport: { width, height: 900 } });
  const address = pathToFileURL(html).href;
  const asked: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => request.url() !== address && asked.push(request.url()));
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(address);
  if (pictures !== undefined)
    await page.screenshot({ path: join(pictures, `night-${width}.png`), fullPage: true });
  return { page, asked, complaints };
}

const widths = [1280, 420];

for (const width of widths)
  t.test(`what a person has to know is there at once, ${width} pixels wide`, async (t) => {
    const { page, asked, complaints } = await open(toldNight(), width);
    t.equal(await page.locator('h1').innerText(), 'Failed');
    t.match(await page.locator('.news').innerText(), /^2 new failures · 1 in quarantine/);
    const headings = await page.locator('h2').allInnerTexts();
    t.match(headings[0], /^New failures/, 'what is new comes first');
    t.same(
      headings.slice(2).map((text) => text.split(' ')[0]),
      ['Boards', 'Boot', 'Flaky', 'Quarantine', 'Schedule', 'Notes'],
    );
    const first = page.locator('#new li').first();
    t.match(await first.innerText(), /the board's fault/, 'with who has to act');
    t.match(await first.locator('.slice').innerText(), /eth0: link up/, 'and what the console said');
    t.equal(
      await first
        .locator('a')
        .first()
        .getAttribute('href')
        .then((href) => href?.replace(/-[0-9a-f]{6}$/, '')),
      './jobs/raspi3.default/1/report.html#t-raspi3-networking-reaches-an-http-server-of-the-rig',
    );
    t.equal(await page.locator('.matrix tbody tr').count(), 5);
    t.equal(await page.locator('.matrix td svg.spark').count(), 20, 'a trend in each cell');
    t.match(await page.locator('.matrix tr').last().innerText(), /offline: power on/);
    t.equal(await page.locator('.matrix td.v-blocked').count(), 4, 'what was not run is not green');
    t.equal(await page.locator('.gantt .bar').count(), 4);
    t.match(
      await page.locator('#schedule').innerText(),
      /Jobs were given \d+ % of the time of 2 CPUs; the boards used \d+ CPU seconds, the rig itself 12 \(\d+\.\d % of that\)/,
    );
    const overflow = await page.evaluate(
      'document.documentElement.scrollWidth - document.documentElement.clientWidth',
    );
    t.equal(overflow, 0, 'nothing sticks out');
    t.same([asked, complaints], [[], []]);
    await page.close();
  });

t.test('hostile text stays text', async (t) => {
  const { page, asked, complaints } = await open(toldNight(hostile), 1280);
  t.match(await page.title(), /^Failed: night of 2026-03-10/);
  t.equal(await page.locator('img, script').count(), 0);
  t.match(await page.locator('#new li .slice').first().innerText(), /<script>document\.title='owned'/);
  t.match(await page.locator('#new li .slice').first().innerText(), /⟨U\+202E⟩/);
  t.same([asked, complaints], [[], []]);
  await page.close();
});

t.test('JUnit: each test once, a failure in quarantine skipped with its reason', async (t) => {
  const schema = join(dir, 'junit.xsd');
  writeFileSync(schema, junitSchema);
  for (const name of [undefined, hostile]) {
    const { junit } = await writeNightReports(dir, toldNight(name));
    const text = readFileSync(junit, 'utf8');
    const checked = spawnSync('xmllint', ['--noout', '--schema', schema, junit], { encoding: 'utf8' });
    t.equal(checked.status, 0, checked.stderr.slice(0, 500));
    t.match(text, '<testsuites tests="120" failures="1" errors="25"');
  }
  const { junit } = await writeNightReports(dir, toldNight());
  const text = readFileSync(junit, 'utf8');
  t.match(text, /<skipped message="failed, in quarantine until 2026-04-30: [^"]*bugs.example.com/);
  t.match(text, /<error message="desk-imx6 is offline: [^"]*" type="blocked rig night.not-run"/);
  t.match(text, /<flakyFailure /);
});
