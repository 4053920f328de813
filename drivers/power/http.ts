import { z } from 'zod';
import type { Cancellable, PowerState } from '../../rig/contracts/capabilities.js';
import type { Driver } from '../../rig/contracts/driver.js';
import { RigError } from '../../rig/contracts/errors.js';
import { Deadline } from '../../rig/lifetime/deadline.js';
import { driverOptions } from '../options.js';
import { answerToDigest } from './http-digest.js';
import { type HttpOrder, presets, type StateReading } from './http-presets.js';
import { type Actuator, SwitchDevice } from './switch.js';
import { switchShape } from './switch-options.js';

const urlWanted = 'a URL that begins with http:// or https://';
const url = z.string({ error: urlWanted }).regex(/^https?:\/\/[^\s@]+$/, { error: urlWanted });
const orderShape = {
  url,
  method: z.enum(['GET', 'POST', 'PUT']).default('GET'),
  body: z.string().optional(),
  headers: z.record(z.string(), z.string()).default({}),
};

const options = driverOptions(
  z
    .strictObject({
      preset: z
        .enum(['tasmota', 'shelly', 'shelly-gen2'])
        .optional()
        .meta({ description: 'A relay of a known kind, with host; else on, off and state.' }),
      host: z
        .string()
        .regex(/^[^\s/@]+$/, { error: 'a name or address, with :port where it is not 80' })
        .optional(),
      relay: z.int().min(0).max(31).optional().meta({
        description: 'Which relay of the device (default: its first: 1 for Tasmota, 0 for Shelly).',
      }),
      user: z.string().min(1).optional(),
      password: z.string().min(1).optional(),
      on: z.strictObject(orderShape).optional(),
      off: z.strictObject(orderShape).optional(),
      state: z
        .strictObject({
          ...orderShape,
          path: z.string().optional().meta({
            description:
              'Where the state is in a JSON answer: names with dots between them; a|b for the one that is there.',
          }),
          on: z.string().default('on').meta({ description: 'What stands there when the board is on.' }),
          off: z.string().default('off'),
        })
        .optional(),
      ...switchShape,
    })
    .superRefine((value, context) => {
      const own = value.on !== undefined || value.off !== undefined || value.state !== undefined;
      if (value.preset === undefined ? value.on === undefined || value.off === undefined : own)
        context.addIssue({ code: 'custom', message: 'either preset with host, or on and off (and state)' });
      if ((value.preset === undefined) !== (value.host === undefined))
        context.addIssue({
          code: 'custom',
          path: ['host'],
          message: 'a host with a preset, and none without',
        });
    }),
);

type Parsed = ReturnType<typeof options.parse>;

/** A relay that takes orders over HTTP. */
export const httpPowerDriver: Driver = {
  name: 'power-http',
  roles: ['power'],
  validate: options.validate,
  optionsSchema: options.optionsSchema,
  claims: (config) => [new HttpRelay(options.parse(config)).device],
  open: async (config, context, cancel) => {
    const parsed = options.parse(config);
    return SwitchDevice.open('power-http', {
      actuator: new HttpRelay(parsed),
      options: parsed,
      context,
      ...cancel,
    });
  },
};

/** Answers of relays are short; more is somebody else's page. */
const maxAnswerBytes = 65_536;

class HttpRelay implements Actuator {
  readonly device: string;
  readonly hint = 'Open the same address in a browser: the relay must be the one in which the board is.';
  readonly read?: Actuator['read'];
  readonly #options: Parsed;
  readonly #orders: Record<'on' | 'off', HttpOrder>;
  readonly #state: StateReading | undefined;

  constructor(parsed: Parsed) {
    this.#options = parsed;
    const { preset, host = '', relay, user, password } = parsed;
    const known = preset && presets[preset](host.toLowerCase(), { relay, user, password });
    this.#orders = known ?? { on: parsed.on ?? { url: '' }, off: parsed.off ?? { url: '' } };
    this.#state = known ? known.state : parsed.state;
    // An address may hold a password behind its question mark.
    this.device = known?.device ?? `relay ${this.#orders.on.url.replace(/[?#].*$/s, '')}`;
    if (this.#state) this.read = (cancel) => this.#readState(cancel);
  }

  async set(state: 'on' | 'off', cancel: Cancellable): Promise<void> {
    await this.#ask(this.#orders[state], `switch ${this.device} ${state}`, cancel);
  }

  async #readState(cancel: Cancellable): Promise<PowerState> {
    const reading = this.#state ?? { url: '', on: '', off: '' };
    const answer = await this.#ask(reading, `read the state of ${this.device}`, cancel);
    const found = reading.path === undefined ? answer.trim() : valueAt(answer, reading.path);
    if (found?.toLowerCase() === reading.on.toLowerCase()) return 'on';
    if (found?.toLowerCase() === reading.off.toLowerCase()) return 'off';
    throw new RigError(
      `Cannot read the power state: ${this.device} answered ${JSON.stringify((found ?? answer).slice(0, 200))}${reading.path === undefined ? '' : ` at ${reading.path}`}, expected ${reading.on} or ${reading.off}`,
      {
        code: 'power.unreadable-state',
        blame: 'rig',
        hint: 'Look at the answer with curl, and at preset, relay, or state.path of the lab file.',
      },
    );
  }

  /** Sent unasked, where the password does not stand in the address already or the device wants a digest of it. */
  get #basic(): string | undefined {
    const { user, password, preset } = this.#options;
    if (preset === 'tasmota' || preset === 'shelly-gen2') return undefined;
    if (user === undefined && password === undefined) return undefined;
    return `Basic ${Buffer.from(`${user ?? ''}:${password ?? ''}`).toString('base64')}`;
  }

  /** Undefined when there is no password, or no digest is asked for. */
  #digest(response: Response, { url, method = 'GET' }: HttpOrder): string | undefined {
    const { user = 'admin', password } = this.#options;
    const challenge = response.headers.get('www-authenticate');
    if (password === undefined || challenge === null) return undefined;
    const { pathname, search } = new URL(url);
    return answerToDigest(challenge, { user, password, method, uri: `${pathname}${search}` });
  }

  async #ask(order: HttpOrder, what: string, { signal }: Cancellable): Promise<string> {
    using deadline = new Deadline({ timeoutMs: this.#options.timeout, signal, what });
    const send = (authorization: string | undefined): Promise<Response> =>
      fetch(order.url, {
        method: order.method ?? 'GET',
        headers: { ...(authorization === undefined ? {} : { authorization }), ...order.headers },
        body: order.body ?? null,
        // A relay sends nobody elsewhere; a login page does.
        redirect: 'error',
        signal: deadline.signal,
      });
    try {
      let response = await send(this.#basic);
      let answer = await limitedText(response);
      const digest = response.status === 401 ? this.#digest(response, order) : undefined;
      if (digest !== undefined) {
        response = await send(digest);
        answer = await limitedText(response);
      }
      if (!response.ok) throw new Error(`it answered ${response.status}: ${answer.slice(0, 200)}`);
      return answer;
    } catch (cause) {
      signal?.throwIfAborted();
      throw new RigError(`Cannot ${what}: ${reasonOf(cause)}`, {
        code: 'power.http-failed',
        blame: 'rig',
        hint: 'Try the same address with curl from this host; look at user and password.',
        cause,
      });
    }
  }
}

async function limitedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += (chunk as Uint8Array).length;
    if (bytes > maxAnswerBytes) throw new Error(`it answered with more than ${maxAnswerBytes} bytes`);
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** fetch says "fetch failed" and keeps why to itself. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error && cause.cause.message !== '' ? cause.cause.message : cause.message;
}

function valueAt(answer: string, path: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(answer);
  } catch {
    return undefined;
  }
  for (const names of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    // `a|b`: whichever is there.
    const name = names.split('|').find((each) => Object.hasOwn(value as object, each));
    if (name === undefined) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return typeof value === 'object' ? undefined : String(value);
}
