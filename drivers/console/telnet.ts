/** Telnet on the wire: RFC 854 (commands), RFC 855 (options). */
const interpretAsCommand = 255;
const subnegotiation = 250;
const subnegotiationEnd = 240;

export const verbs = { will: 251, wont: 252, do: 253, dont: 254 } as const;
export type Verb = keyof typeof verbs;

/** RFC 856, RFC 857, RFC 858, RFC 2217. */
export const telnetOptions = { binary: 0, echo: 1, suppressGoAhead: 3, comPort: 44 } as const;

/** More is no answer of a console server. */
const maxSubnegotiationBytes = 4_096;

export interface TelnetReader {
  data(bytes: Uint8Array): void;
  option(verb: Verb, option: number): void;
  /** What a server sends of an option that is agreed, without its frame. */
  subnegotiation(option: number, bytes: Buffer): void;
}

/** Takes a stream apart into data and commands, however it is cut into chunks. */
export class TelnetDecoder {
  readonly #reader: TelnetReader;
  #state: 'data' | 'command' | Verb | 'inside' | 'inside-command' = 'data';
  #inside: number[] = [];

  constructor(reader: TelnetReader) {
    this.#reader = reader;
  }

  push(chunk: Uint8Array): void {
    const data: number[] = [];
    const flush = (): void => {
      if (data.length > 0) this.#reader.data(Uint8Array.from(data.splice(0)));
    };
    for (const byte of chunk) {
      switch (this.#state) {
        case 'data':
          if (byte === interpretAsCommand) this.#state = 'command';
          else data.push(byte);
          break;
        case 'command':
          this.#state = this.#afterCommand(byte);
          if (byte === interpretAsCommand) data.push(byte);
          break;
        case 'inside':
          if (byte === interpretAsCommand) this.#state = 'inside-command';
          else this.#keep(byte);
          break;
        case 'inside-command':
          if (byte === subnegotiationEnd) {
            flush();
            const [option, ...bytes] = this.#inside.splice(0);
            if (option !== undefined) this.#reader.subnegotiation(option, Buffer.from(bytes));
            this.#state = 'data';
          } else {
            this.#keep(byte);
            this.#state = 'inside';
          }
          break;
        default:
          flush();
          this.#reader.option(this.#state, byte);
          this.#state = 'data';
      }
    }
    flush();
  }

  #afterCommand(byte: number): 'data' | 'inside' | Verb {
    if (byte === subnegotiation) {
      this.#inside = [];
      return 'inside';
    }
    const verb = (Object.keys(verbs) as Verb[]).find((each) => verbs[each] === byte);
    // The other commands (NOP, GA, AYT, …) have no argument and mean nothing here.
    return verb ?? 'data';
  }

  #keep(byte: number): void {
    if (this.#inside.length < maxSubnegotiationBytes) this.#inside.push(byte);
  }
}

/** Data, with 255 doubled. In binary mode nothing else is changed (RFC 856). */
export function encodeData(bytes: Uint8Array): Uint8Array {
  if (!bytes.includes(interpretAsCommand)) return bytes;
  return Uint8Array.from([...bytes].flatMap((byte) => (byte === interpretAsCommand ? [byte, byte] : [byte])));
}

export function encodeOption(verb: Verb, option: number): Uint8Array {
  return Uint8Array.of(interpretAsCommand, verbs[verb], option);
}

export function encodeSubnegotiation(option: number, bytes: Uint8Array): Uint8Array {
  return Uint8Array.of(
    interpretAsCommand,
    subnegotiation,
    option,
    ...encodeData(bytes),
    interpretAsCommand,
    subnegotiationEnd,
  );
}
