/**
 * Errors that a verdict already names as its cause. The same one often ends several calls at once, of which the body
 * could await one: what the others do with it is no news.
 */
const told = new WeakSet<object>();

export function markTold(error: unknown): void {
  if (typeof error === 'object' && error !== null) told.add(error);
}

export function isTold(error: unknown): boolean {
  return typeof error === 'object' && error !== null && told.has(error);
}
