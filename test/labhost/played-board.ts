import { closeSync, openSync, writeSync } from 'node:fs';
import { banner } from '../wired/desk-board.js';
import type { OutsideBoard } from './outside-board.js';

/** A board of a few words: it says its banner with power, answers `marco`, tells its carrier, scribbles on its card and drives its LED. */
export function playedBoard(parts: {
  say(text: string): void;
  led(level: 0 | 1): void;
  card: string;
}): OutsideBoard {
  let on = false;
  let carrier = false;
  const tellCarrier = (): void => parts.say(`carrier ${carrier ? 'up' : 'down'}\r\n`);
  const scribble = (): void => {
    const file = openSync(parts.card, 'r+');
    writeSync(file, Buffer.alloc(512, 0x5a), 0, 512, 0);
    closeSync(file);
  };
  return {
    async power(wanted) {
      on = wanted;
      if (on) parts.say(banner);
      else parts.led(0);
    },
    typed(bytes) {
      if (!on) return;
      const text = bytes.toString('latin1');
      if (text.includes('marco')) parts.say('polo\r\n');
      if (text.includes('carrier')) tellCarrier();
      const led = /led (\d)/.exec(text)?.[1];
      if (led !== undefined) parts.led(led === '1' ? 1 : 0);
      if (!text.includes('scribble')) return;
      scribble();
      parts.say('scribbled\r\n');
    },
    cardOut: async () => parts.card,
    cardIn: async () => {},
    async cable(there) {
      carrier = there;
      if (on) tellCarrier();
    },
  };
}
