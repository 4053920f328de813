import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import t from 'tap';
import { slotsText } from '../reports/terminal/slots.js';
import { writeReports } from '../reports/write.js';
import { allPassed, everyVerdict, hostileRun, truncatedRun } from './report/scenarios.js';
import { rolledBack } from './report/slot-scenario.js';

/** A folder that keeps the pictures of this test, to look at. */
const pictures = process.env.RIG_REPORT_PICTURES;
const dir = mkdtempSync(join(tmpdir(), 'report-page-test-'));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));
const browser = await chromium.launch({
  executablePath: process.env.RIG_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
});
t.teardown(() => browser.close());

interface Opened extends AsyncDisposable {
  readonly page: Page;
  /** What the page asked for beside itself, and what the browser complained of. */
  readonly requests: string[];
  readonly complaints: string[];
}

async function open(run: string, options: BrowserContextOptions = {}): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const address = pathToFileURL((await writeReports(run)).html).href;
  const requests: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => request.url() !== address && requests.push(request.url()));
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(address);
  return { page, requests, complaints, [Symbol.asyncDispose]: () => context.close() };
}

async function picture(page: Page, name: string): Promise<void> {
  if (pictures === undefined) return;
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`) });
}

t.test('a run with every verdict', async (t) => {
  await using opened = await open(await everyVerdict(join(dir, 'runs')));
  const { page, requests, complaints } = opened;
  t.equal(await page.locator('h1').textContent(), 'Failed');
  t.equal(await page.locator('details.test').count(), 15);
  t.same(
    await page.locator('details.test[open] > summary .nm').allInnerTexts(),
    [
      'five power cycles in a row',
      'DNS resolves through the resolver of the lease',
      'HTTP out to a server of the rig',
    ],
    'what failed is open, and nothing else',
  );
  const first = page.locator('.suite').first().locator('details.test').first();
  t.equal(await first.getAttribute('data-v'), 'failed', 'failures come first');
  t.match(await first.locator('.hint').innerText(), 'Look at what init started last');
  const log = await first.locator('.log').innerText();
  const order = [
    'Step: cycle 3',
    'Power off',
    'Boot 5 begins',
    'U-Boot 2023.01',
    'Reached firmware',
    'Starting kernel',
    'Reached kernel',
    'Reached init',
  ];
  const places = order.map((text) => log.indexOf(text, log.indexOf('Step: cycle 3')));
  t.same(
    places,
    [...places].sort((a, b) => a - b),
    'console and actions are on one time line',
  );
  t.ok(
    places.every((place) => place >= 0),
    `all are there: ${places.join()}`,
  );
  t.equal(
    await page.evaluate("getComputedStyle(document.querySelector('.log .f2')).color"),
    'rgb(111, 208, 140)',
    'console colours',
  );
  t.ok((await page.locator('.lanes .bar').count()) > 30, 'the time line has its bars');
  t.equal(await page.locator('.boots tr').count(), 6, 'each boot has a row');
  await picture(page, 'desktop');

  const shown = (): Promise<number> => page.locator('details.test:not([hidden])').count();
  await page.locator('.chip[data-v="blocked"]').click();
  t.equal(await shown(), 2, 'filter by verdict');
  await page.locator('.chip[data-v="flaky"]').click();
  t.equal(await shown(), 3, 'by two verdicts');
  await page.locator('.chip[data-v="flaky"]').click();
  await page.locator('.chip[data-v="blocked"]').click();
  await page.keyboard.press('/');
  await page.keyboard.type('LEASE dns');
  t.equal(await shown(), 1, 'search finds all words in any case');
  t.equal(await page.locator('#shown').innerText(), '1 of 15 shown');
  await page.keyboard.press('Escape');
  t.equal(await shown(), 15);
  await page.keyboard.press('n');
  await page.keyboard.press('n');
  const focused = page.locator('summary:focus .nm');
  t.equal(
    await focused.innerText(),
    'DNS resolves through the resolver of the lease',
    'n goes to the next failure',
  );
  await page.keyboard.press('e');
  t.equal(await page.locator('details.test[open]').count(), 15, 'e opens all');
  await page.locator('.chip[data-v="passed"]').click();
  await page.locator('.failures a').last().click();
  t.ok(
    await page.locator('details.test', { hasText: 'HTTP out' }).first().isVisible(),
    'an anchor shows a hidden test',
  );

  const link = page.locator('.evidence a', { hasText: 'dmesg.txt' });
  const file = new URL((await link.getAttribute('href')) ?? '', page.url());
  t.ok(existsSync(file), 'evidence links lead to files');
  const screen = page.locator('.evidence details', { hasText: 'screen.png' });
  await screen.locator('summary').click();
  t.equal(
    await page.evaluate('document.querySelector(".evidence img").naturalWidth'),
    1,
    'a picture is to be seen on the page',
  );
  t.same(requests, [], 'it asks for nothing');
  t.same(complaints, [], 'the browser has nothing to say');
});

t.test('dark, narrow, printed', async (t) => {
  const run = await everyVerdict(join(dir, 'runs'));
  await using light = await open(run);
  await using dark = await open(run, { colorScheme: 'dark', viewport: { width: 390, height: 844 } });
  const background = (page: Page): Promise<string> =>
    page.evaluate('getComputedStyle(document.body).backgroundColor');
  t.equal(await background(light.page), 'rgb(246, 247, 248)');
  t.equal(await background(dark.page), 'rgb(14, 17, 20)');
  const overflow = await dark.page.evaluate(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  );
  t.equal(overflow, 0, 'a phone does not scroll sideways');
  await picture(dark.page, 'phone-dark');
  const pdf = await light.page.pdf();
  t.ok(pdf.length > 10_000, 'it prints');
  await dark.page.emulateMedia({ media: 'print' });
  t.notOk(await dark.page.locator('.toolbar').isVisible(), 'without its tools');
  t.same([...light.complaints, ...dark.complaints], []);
});

t.test('a hostile device stays text', async (t) => {
  await using opened = await open(await hostileRun(join(dir, 'runs')));
  const { page, requests, complaints } = opened;
  await page.locator('.test summary').first().click();
  await page.keyboard.press('e');
  t.equal(await page.evaluate('window.pwned'), undefined, 'nothing of it ran');
  t.equal(await page.locator('script').count(), 1, "the page's own script is the only one");
  t.equal(
    await page
      .locator('img, iframe, object, embed, link, base, form, [onload], [onerror], [onmouseover], [onfocus]')
      .count(),
    0,
  );
  t.equal(await page.locator('style').count(), 1);
  const text = await page.locator('body').innerText();
  for (const said of [
    '<script>window.pwned = 1</script>',
    '<img src=x onerror="window.pwned = 2">',
    ']]></script></style>',
    'user⟨U+202E⟩',
    "onmouseover='window.pwned=4'",
  ])
    t.ok(text.includes(said), `shown as it came: ${said}`);
  const addresses = await page
    .locator('a')
    .evaluateAll((links) => links.map((link) => link.getAttribute('href') ?? ''));
  t.same(
    addresses.filter((address) => !/^(\.\/|#)/.test(address) || /(^|\/)\.\.(\/|$)/.test(address)),
    [],
    'links stay in the folder',
  );
  t.equal(await page.locator('.log .f1', { hasText: 'red' }).first().count(), 1, 'its colours are harmless');
  t.ok((await page.locator('*').count()) < 40_000, 'a flood does not drown the browser');
  await picture(page, 'hostile');
  t.same(requests, []);
  t.same(complaints, []);
});

t.test('all passed; cut short', async (t) => {
  await using passed = await open(await allPassed(join(dir, 'runs')));
  t.equal(await passed.page.locator('h1').textContent(), 'Passed');
  t.equal(await passed.page.locator('details.test[open]').count(), 0, 'nothing asks for attention');
  await picture(passed.page, 'passed');
  const run = await truncatedRun(join(dir, 'runs'));
  const log = join(run, 'events.ndjson');
  writeFileSync(log, readFileSync(log).subarray(0, -30));
  await using cut = await open(run);
  t.equal(await cut.page.locator('h1').textContent(), 'Cut short');
  t.match(await cut.page.locator('#problem').innerText(), 'its log stops after 5 of 7 planned tests');
  t.match(await cut.page.locator('details.test[open]').innerText(), 'The run ended before this test did');
  t.match(await cut.page.locator('h3').first().innerText(), '2 never began');
  await picture(cut.page, 'cut-short');
  t.same([...passed.complaints, ...cut.complaints], []);
});

t.test('a line for each boot from a slot', async (t) => {
  const run = await rolledBack(join(dir, 'runs'));
  await using opened = await open(run);
  const { page, complaints } = opened;
  const rows = await page.locator('#slots tbody tr').allInnerTexts();
  t.same(
    rows.slice(0, 6).map((row) => row.split('\t').slice(1, 7)),
    [
      ['A', '1.0.0', '4', 'good', 'the first of the boot order', 'an update comes up'],
      ['B', '1.0.1', '2', 'good', 'the first of the boot order', 'an update comes up'],
      ...[2, 1, 0].map((left) => [
        'A',
        '',
        String(left),
        'kernel panic',
        'the first of the boot order',
        'the board returns from an update without an init',
      ]),
      [
        'B',
        '1.0.1',
        '4',
        'good',
        'what comes before it has no tries left',
        'the board returns from an update without an init',
      ],
    ],
  );
  t.match(rows[6] ?? '', '<b onmouseover="window.pwned=5">', 'a hostile name stays text');
  t.equal(await page.evaluate('window.pwned'), undefined);
  await page.locator('#slots a').last().click();
  t.match(await page.locator('details.test[open] > summary').innerText(), 'without an init');
  t.match(
    (await page.locator('details.test[open] .log').textContent()) ?? '',
    'Boot 5 of slot A: kernel panic',
  );
  t.same(complaints, []);
  await page.locator('#slots').scrollIntoViewIfNeeded();
  await picture(page, 'slots');
  await using phone = await open(run, { colorScheme: 'dark', viewport: { width: 390, height: 844 } });
  const overflow = await phone.page.evaluate(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  );
  t.equal(overflow, 0, 'a phone scrolls the table, not the page');
  await phone.page.locator('#slots').scrollIntoViewIfNeeded();
  await picture(phone.page, 'slots-phone');

  const { run: record } = await writeReports(run);
  const text = slotsText(record);
  t.match(text, /^ {2}boot {2}slot +version +left {2}what came of it +why this slot$/m);
  t.match(text, / 1 {5}A .* 1\.0\.0 .* 4 .* good +the first of the boot order$/m);
  t.notMatch(text, /[\x1b\u202e]/, 'nothing of it acts on a terminal');
  t.equal(text.trim().split('\n').length, 9);
});
