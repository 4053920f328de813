import type { Cancellable, GpioEdge } from '../../contracts/capabilities.js';
import type { BoardGpio, LineWatch } from '../../contracts/suite.js';
import { need } from './absent.js';
import type { Circuit } from './circuit.js';
import { looks } from './observe.js';

export function boardGpio(circuit: Circuit): BoardGpio {
  const device = () => need(circuit.session.capabilities.gpio, 'gpio', circuit.name);
  return {
    lines: () => circuit.observe(looks.lines, async () => [...(await device().lines())]),
    read: (line, options) =>
      circuit.observe(looks.level(line), () => device().read(line, circuit.cancellable(options))),
    watch: (line, options) => watchLine(circuit, line, options),
  };
}

/** Several may watch one line; the device is told to stop when the last of them is disposed. */
export async function watchLine(circuit: Circuit, line: string, options?: Cancellable): Promise<LineWatch> {
  const device = need(circuit.session.capabilities.gpio, 'gpio', circuit.name);
  const edges: GpioEdge[] = [];
  const listener = (of: string, edge: GpioEdge): void => {
    if (of === line) edges.push(edge);
  };
  const watchers = circuit.lineWatchers;
  circuit.edgeListeners.add(listener);
  watchers.set(line, (watchers.get(line) ?? 0) + 1);
  const stop = async (): Promise<void> => {
    if (!circuit.edgeListeners.delete(listener)) return;
    const left = (watchers.get(line) ?? 1) - 1;
    watchers.set(line, left);
    if (left === 0) await device.unwatch(line);
  };
  try {
    await device.watch(line, circuit.cancellable(options));
  } catch (error) {
    circuit.edgeListeners.delete(listener);
    watchers.set(line, (watchers.get(line) ?? 1) - 1);
    throw error;
  }
  return { edges, [Symbol.asyncDispose]: stop };
}
