import type { Image } from '../../contracts/board.js';
import type { Drive, ImageFile, Mux, Netboot } from '../../contracts/capabilities.js';
import { messageOf, RigError, toErrorRecord } from '../../contracts/errors.js';
import type { MediumWriter, ServedFlasher } from '../../contracts/medium-writer.js';
import type { Board } from '../../contracts/suite.js';
import { need } from '../board/absent.js';
import type { Circuit } from '../board/circuit.js';
import { mediumBytesFor } from '../board/medium-size.js';
import { flasherEnd } from './flasher.js';
import { dangerOf, type ProvisionMethod, type ProvisionStep, planOf, stepWords } from './plan.js';

export interface ProvisionParts {
  readonly circuit: Circuit;
  readonly power: Board['power'];
  readonly writer: MediumWriter;
  readonly image: Image;
}

/**
 * Puts an image on the board as its type says, step by step, each told in the event log. Afterwards the board is off; after an
 * error its medium is unknown.
 *
 * @throws RigError what a step throws, `provision.unsafe-plan`, `provision.power-not-off`, `provision.no-netboot`
 */
export async function provision(method: ProvisionMethod, parts: ProvisionParts): Promise<void> {
  const steps = planOf(method);
  const { circuit } = parts;
  const danger = dangerOf(steps, circuit.session.board.type);
  if (danger !== undefined) throw unsafePlan(method, danger);
  if (method === 'netboot') netbootOf(circuit);
  const carrier = new Carrier(parts);
  for (const [index, step] of steps.entries()) {
    const event = {
      type: 'provision',
      method,
      step: index + 1,
      steps: steps.length,
      what: stepWords[step],
    } as const;
    const began = performance.now();
    const ms = (): number => Math.round(performance.now() - began);
    circuit.tell({ ...event, phase: 'start' });
    try {
      await carrier.do(step);
    } catch (error) {
      const record = toErrorRecord(error);
      circuit.tell({ ...event, phase: 'end', ms: ms(), error: record });
      await carrier.giveUp();
      throw error;
    }
    circuit.tell({ ...event, phase: 'end', ms: ms() });
  }
}

class Carrier {
  readonly #parts: ProvisionParts;
  #drive: Drive | undefined;
  #written: ImageFile | undefined;
  #served: ServedFlasher | undefined;

  constructor(parts: ProvisionParts) {
    this.#parts = parts;
  }

  async do(step: ProvisionStep): Promise<void> {
    const { circuit, power, writer, image } = this.#parts;
    const { capabilities } = circuit.session;
    switch (step) {
      case 'power-off':
        if (capabilities.power) await power.off();
        return;
      case 'power-on':
        return power.on();
      case 'mux-to-rig':
        await this.#assertMayMove();
        this.#drive = await this.#mux.toRig(circuit.cancellable());
        return;
      case 'mux-to-board':
        await this.#assertMayMove();
        this.#drive = undefined;
        return this.#mux.toBoard({ ...circuit.cancellable(), holds: this.#written });
      case 'write':
        if (!this.#drive) throw unsafePlan('write', 'no drive is at the rig');
        this.#written = undefined;
        await writer.write(image, this.#drive, circuit.cancellable());
        this.#written = { path: image.path, sha256: image.sha256 };
        return;
      case 'put':
        return this.#put();
      case 'flasher':
      case 'install':
        return flasherEnd(this.#parts);
      case 'offer':
        return this.#offer();
      case 'withdraw':
        return this.#withdraw();
    }
  }

  /** After a step that failed nobody waits any more for a board that restarts into the flasher. */
  async giveUp(): Promise<void> {
    const { circuit } = this.#parts;
    try {
      await this.#withdraw();
    } catch (error) {
      const message = `Cannot stop offering the flasher over the network: ${messageOf(error)}`;
      circuit.emit({ type: 'log', level: 'warning', board: circuit.name, message });
    }
  }

  async #offer(): Promise<void> {
    const { circuit, writer, image } = this.#parts;
    const bindAddress = circuit.session.board.type.machine ? '127.0.0.1' : '0.0.0.0';
    this.#served = await writer.serve(image, { bindAddress, ...circuit.cancellable() });
    await netbootOf(circuit).offer(this.#served.files, circuit.cancellable());
  }

  async #withdraw(): Promise<void> {
    await using served = this.#served;
    if (!served) return;
    this.#served = undefined;
    await netbootOf(this.#parts.circuit).withdraw();
  }

  /** The plan says that it is off; this asks the power switch itself. */
  async #assertMayMove(): Promise<void> {
    const { circuit } = this.#parts;
    const { power } = circuit.session.capabilities;
    if (!power || circuit.session.board.type.muxUnderPower) return;
    const state = await power.state(circuit.cancellable());
    if (state === 'off') return;
    throw new RigError(
      `${circuit.name} must be off while its medium changes sides, and its power is ${state}`,
      {
        code: 'provision.power-not-off',
        blame: 'rig',
        hint: 'See that the power switch works (rig check), or set muxUnderPower in the board type if the board can bear it.',
        evidence: { state },
      },
    );
  }

  async #put(): Promise<void> {
    const { circuit, image } = this.#parts;
    const storage = need(circuit.session.capabilities.storage, 'storage', circuit.name);
    const mediumBytes = mediumBytesFor(circuit.session.board.type, image);
    // A board that is in trouble gets its new medium all the same.
    await storage.provision({ path: image.path, sha256: image.sha256 }, { mediumBytes });
  }

  get #mux(): Mux {
    const { circuit } = this.#parts;
    return need(circuit.session.capabilities.mux, 'mux', circuit.name);
  }
}

/** @throws RigError `provision.no-netboot` */
function netbootOf({ name, session }: Circuit): Netboot {
  const { netboot } = session.capabilities;
  if (netboot) return netboot;
  throw new RigError(`Nothing here answers ${name} when it asks the network what to boot`, {
    code: 'provision.no-netboot',
    blame: 'config',
    hint: 'Give the board a driver with "netboot" in the lab file, or its type another flash method: sd, flasher or direct.',
  });
}

function unsafePlan(method: string, danger: string): RigError {
  return new RigError(`The plan "${method}" is not safe: ${danger}`, {
    code: 'provision.unsafe-plan',
    blame: 'rig',
    hint: 'This is a defect of the rig; nothing was switched.',
  });
}
