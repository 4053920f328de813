import type { BoardScreen } from '../../contracts/suite.js';
import { need } from './absent.js';
import type { Circuit } from './circuit.js';
import { looks } from './observe.js';
import { readPng } from './png.js';

export function boardScreen(circuit: Circuit): BoardScreen {
  return {
    picture: async (options) => {
      // As text, since a replay reads it from the event log.
      const shown = await circuit.observe(looks.picture, async () => {
        const device = need(circuit.session.capabilities.capture, 'capture', circuit.name);
        return Buffer.from(await device.picture(circuit.cancellable(options))).toString('base64');
      });
      const png = Buffer.from(shown, 'base64');
      return { ...readPng(png), png };
    },
  };
}
