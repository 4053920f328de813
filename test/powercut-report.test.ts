// test: light
/** The certificate of power cuts as a page in a real browser, and as JUnit read by a parser of XML. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Page } from 'playwright-core';
import t from 'tap';
import { writeCertificate } from '../reports/powercut/write.js';
import { brickedCertificate, cleanCertificate } from './powercut-judge/certificates.js';

/** A folder that keeps the pictures of this test, to look at. */
const pictures = process.env.RIG_REPORT_PICTURES;
const dir = mkdtempSync(join(tmpdir(), 'powercut-report-test-'));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));
const browser = await chromium.launch({
  executablePath: process.env.RIG_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
});
t.teardown(() => browser.close());

interface FoundJunit {
  readonly failures: readonly string[];
  readonly errors: readonly string[];
  readonly names: readonly string[];
}

/** As the browser's parser of XML reads it. */
async function junitIn(page: Page, path: string): Promise<FoundJunit> {
  const text = JSON.stringify(readFileSync(path, 'utf8'));
  return page.evaluate<FoundJunit>(`(() => {
    const all = (name) => [...new DOMParser().parseFromString(${text}, 'text/xml').querySelectorAll(name)];
    return {
      failures: all('failure').map((node) => node.textContent),
      errors: all('error, parsererror').map((node) => node.getAttribute('message') ?? node.textContent),
      names: all('testcase').map((node) => node.getAttribute('name')),
    };
  })()`);
}

t.test('the page tells the verdict, the brick and what it takes, and needs nothing but itself', async (t) => {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
  const written = await writeCertificate(join(dir, 'bad'), brickedCertificate());
  const address = pathToFileURL(written.html).href;
  const asked: string[] = [];
  page.on('request', (request) => request.url() !== address && asked.push(request.url()));
  page.on('console', (message) => asked.push(message.text()));
  await page.goto(address);
  t.equal(await page.locator('h1').innerText(), 'Bricked');
  const counter = await page.locator('.counter').innerText();
  t.match(counter, 'directory entry of /grub/grubenv');
  t.match(counter, 'rig powercut replay bricks/1.json');
  t.match(counter, '<script>alert(1)</script>', 'what a board said is text');
  t.notMatch(counter, '\u202e', 'and turns no other text round');
  t.equal(await page.locator('script').count(), 0);
  t.match(await page.locator('#states').innerText(), '1180591620717411303424', 'what was sampled is told');
  t.match(await page.locator('header').innerText(), 'full judgements: 16 in 204 CPU s', 'and what it cost');
  t.match(await page.locator('header').innerText(), 'known of 119 of 120 states', "the bootloader's word");
  t.equal(await page.locator('svg.cuts rect.o-bricked').count(), 1);
  t.ok(
    ((await page.locator('svg.cuts rect.o-bricked').boundingBox())?.height ?? 0) > 2,
    'one bad state of many is seen',
  );
  t.same(asked, []);
  if (pictures !== undefined) {
    mkdirSync(pictures, { recursive: true });
    await page.screenshot({ path: join(pictures, 'powercut.png'), fullPage: true });
  }
  await page.close();
});

t.test('a certificate without a brick says so', async (t) => {
  const page = await browser.newPage();
  const written = await writeCertificate(join(dir, 'good'), cleanCertificate());
  await page.goto(pathToFileURL(written.html).href);
  t.equal(await page.locator('h1').innerText(), 'No brick');
  t.equal(await page.locator('#counterexamples').count(), 0);
  const { failures, errors } = await junitIn(page, written.junit);
  t.same([failures, errors], [[], []]);
  await page.close();
});

t.test('JUnit: a brick is a failure, states that are left are an error', async (t) => {
  const page = await browser.newPage();
  const written = await writeCertificate(join(dir, 'bad'), brickedCertificate());
  const found = await junitIn(page, written.junit);
  t.equal(found.failures.length, 1);
  t.match(found.failures[0] ?? '', 'directory entry of /grub/grubenv');
  t.equal(new Set(found.names).size, found.names.length, 'no two tests have one name');
  t.ok(
    found.names.every((name) => !/\d{3}/.test(name)),
    'names are the same from run to run',
  );
  await page.close();
});
