import untyped, { type Builder, type TestCase } from 'junit-report-builder';
import { type ErrorRecord, firstLine } from '../rig/contracts/errors.js';
import { visible, visibleLine } from './visible.js';

// Its types describe an ES module's default export, but it is CommonJS: the import is the builder itself.
const library = untyped as unknown as Builder;

export function newJunit(): Builder {
  return library.newBuilder();
}

/** One element of a test case beyond what the library writes. Its texts are made harmless here. */
export interface CaseElement {
  readonly name: 'failure' | 'error' | 'skipped' | 'flakyFailure' | 'system-out';
  readonly attributes?: Readonly<Record<string, string>>;
  readonly text?: string;
}

/**
 * Gives a test case its outcome. The library's own ways are passed by: it writes texts as CDATA and escapes only the
 * first `]]>` of each, has no reason for a skip, and knows nothing of flaky tests.
 */
export function addElements(testCase: TestCase, elements: readonly CaseElement[]): void {
  const count = (name: CaseElement['name']): 0 | 1 =>
    elements.some((element) => element.name === name) ? 1 : 0;
  const build = testCase.build.bind(testCase);
  testCase.getFailureCount = () => count('failure');
  testCase.getErrorCount = () => count('error');
  testCase.getSkippedCount = () => count('skipped');
  testCase.build = (parent) => {
    const node = build(parent);
    for (const { name, attributes = {}, text } of elements) {
      const own = Object.entries(attributes).map(([key, value]) => [key, visible(value)]);
      const element = node.ele(name, Object.fromEntries(own));
      if (text !== undefined && text !== '') element.txt(visible(text));
    }
    return node;
  };
}

/** Jenkins' schema (junit-10.xsd of its xunit plugin) has no `skipped` on the root element; the library writes one. */
export function junitText(builder: Builder): string {
  return `${builder.build().replace(/^(<testsuites\b[^>]*?) skipped="\d+"/m, '$1')}\n`;
}

/** A name or property value, on one line. */
export function attribute(text: string): string {
  return visibleLine(text);
}

/** The attribute `message` of an element: what went wrong, on one line. */
export function messageAttribute({ message }: Pick<ErrorRecord, 'message'>): string {
  return attribute(firstLine(message));
}
