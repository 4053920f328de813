/**
 * The page's own script: search, filter, keys, copy. It only shows, hides and opens what is there already; it never makes
 * markup of text. Plain JavaScript, since it runs in the browser as it stands.
 */
export const script = `'use strict';
const tests = [...document.querySelectorAll('details.test')];
const chips = [...document.querySelectorAll('.chip')];
const search = document.getElementById('search');
const shown = document.getElementById('shown');
const words = new Map();
function textOf(test) {
  let text = words.get(test);
  if (text === undefined) {
    text = test.textContent.toLowerCase();
    words.set(test, text);
  }
  return text;
}
function filter() {
  const wanted = chips.filter((chip) => chip.getAttribute('aria-pressed') === 'true').map((chip) => chip.dataset.v);
  const query = search.value.trim().toLowerCase().split(/\\s+/).filter(Boolean);
  let count = 0;
  for (const test of tests) {
    const fits = (wanted.length === 0 || wanted.includes(test.dataset.v)) && query.every((word) => textOf(test).includes(word));
    test.hidden = !fits;
    if (fits) count += 1;
  }
  for (const suite of document.querySelectorAll('.suite')) suite.hidden = !suite.querySelector('details.test:not([hidden])');
  document.getElementById('nomatch').hidden = count > 0;
  shown.textContent = count === tests.length ? '' : count + ' of ' + tests.length + ' shown';
}
for (const chip of chips)
  chip.addEventListener('click', () => {
    chip.setAttribute('aria-pressed', String(chip.getAttribute('aria-pressed') !== 'true'));
    filter();
  });
search.addEventListener('input', filter);
function go(step, fits) {
  const list = tests.filter((test) => !test.hidden && fits(test));
  if (list.length === 0) return;
  const current = document.activeElement && document.activeElement.closest('details.test');
  const at = list.indexOf(current);
  const next = list[at < 0 ? (step > 0 ? 0 : list.length - 1) : (at + step + list.length) % list.length];
  next.querySelector('summary').focus();
  next.scrollIntoView({ block: 'start' });
}
addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === search) {
    if (event.key === 'Escape') { search.value = ''; filter(); search.blur(); }
    return;
  }
  const any = () => true;
  const bad = (test) => test.dataset.v === 'failed' || test.dataset.v === 'errored';
  if (event.key === '/') search.focus();
  else if (event.key === 'j') go(1, any);
  else if (event.key === 'k') go(-1, any);
  else if (event.key === 'n') go(1, bad);
  else if (event.key === 'e') {
    const open = tests.some((test) => !test.hidden && !test.open);
    for (const test of tests) if (!test.hidden) test.open = open;
  } else return;
  event.preventDefault();
});
function openTarget() {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target || !target.matches('details.test')) return;
  if (target.hidden) {
    search.value = '';
    for (const chip of chips) chip.setAttribute('aria-pressed', 'false');
    filter();
  }
  target.open = true;
  target.scrollIntoView({ block: 'start' });
}
addEventListener('hashchange', openTarget);
openTarget();
for (const log of document.querySelectorAll('details.console[open] .log')) {
  log.scrollTop = log.scrollHeight;
}
document.addEventListener('toggle', (event) => {
  if (event.target.open) for (const log of event.target.querySelectorAll('.log')) if (event.target.closest('.v-failed, .v-errored')) log.scrollTop = log.scrollHeight;
}, true);
const copy = document.getElementById('copy');
if (navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener('click', () => {
    navigator.clipboard.writeText(document.getElementById('again').textContent).then(() => { copy.textContent = 'Copied'; }, () => { copy.textContent = 'Not allowed'; });
  });
}
let closed = [];
addEventListener('beforeprint', () => {
  closed = [...document.querySelectorAll('details.test:not([open])')].filter((test) => test.dataset.v !== 'passed' && test.dataset.v !== 'skipped');
  for (const test of closed) test.open = true;
});
addEventListener('afterprint', () => { for (const test of closed) test.open = false; });
`;
