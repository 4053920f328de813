import type { Cancellable } from '../contracts/capabilities.js';

/**
 * `promise`, or the signal's reason if it aborts first. What `promise` does afterwards is not waited for, and its
 * late rejection is nobody's.
 */
export function abortable<T>(promise: Promise<T>, { signal }: Cancellable): Promise<T> {
  if (!signal) return promise;
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    const settled = (): void => signal.removeEventListener('abort', onAbort);
    promise.then(
      (value) => {
        settled();
        resolve(value);
      },
      (error: unknown) => {
        settled();
        reject(error);
      },
    );
  });
}

/** Resolves after `ms`; rejects with the signal's reason. For the time between two attempts, never to wait for an event. */
export function pause(ms: number, { signal }: Cancellable = {}): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const elapsed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  return abortable(elapsed, { signal }).finally(() => clearTimeout(timer));
}
