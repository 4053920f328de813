import { Ftdi, type FtdiOptions } from '../../qemu/labhost/usb/ftdi.js';
import { flood } from './inside/flood.js';

export interface FarEndOptions extends FtdiOptions {
  /** Also gets what is typed. */
  heard?(bytes: Buffer): void;
}

/** What is at the far end of an emulated FTDI adapter: it keeps what it sees of the wires, and answers questions, one a line. */
export class FarEnd {
  readonly chip: Ftdi;
  /** Each change of a wire, in order: `break on`, `dtr 1 rts 0`, `9600 8 none 1`. */
  readonly log: string[] = [];
  readonly #name: string;
  #typed = '';

  /** @param name its answer to `who` */
  constructor(name: string, options: FarEndOptions) {
    this.#name = name;
    this.chip = new Ftdi(
      {
        data: (bytes) => {
          options.heard?.(bytes);
          this.#typed += bytes.toString('latin1');
          const lines = this.#typed.split('\n');
          this.#typed = lines.pop() ?? '';
          for (const line of lines) this.#answer(line);
        },
        modem: ({ dtr, rts }) => this.note(`dtr ${Number(dtr)} rts ${Number(rts)}`),
        breaks: (on) => this.note(`break ${on ? 'on' : 'off'}`),
        settings: ({ baud, dataBits, parity, stopBits }) =>
          this.note(`${baud} ${dataBits} ${parity} ${stopBits}`),
      },
      options,
    );
  }

  note(change: string): void {
    this.log.push(change);
  }

  #answer(question: string): void {
    const say = (text: string): void => this.chip.send(Buffer.from(`<${text}>`));
    if (question === 'who') say(this.#name);
    // What was told is forgotten, so that a log can be asked for again.
    if (question === 'log') say(this.log.splice(0).join(', '));
    if (question === 'break') this.chip.sendBreak();
    const wires = /^wires (.*)$/.exec(question)?.[1];
    if (wires !== undefined) {
      const on = (name: string): boolean => wires.split(' ').includes(name);
      this.chip.setModem({ cts: on('cts'), dsr: on('dsr'), ri: on('ri'), dcd: on('dcd') });
      say('driven');
    }
    const count = /^flood (\d+)$/.exec(question)?.[1];
    if (count !== undefined) this.chip.send(flood(Number(count)));
  }
}
