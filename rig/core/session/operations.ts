import type { ImageFile } from '../../contracts/capabilities.js';
import { type Json, RigError } from '../../contracts/errors.js';
import type { BoardSession } from '../../contracts/session.js';
import { maxChunkBytes } from './frames.js';

/** One thing that a client can ask of a board over the socket. */
export interface Operation {
  /** Changes the board, or reads what a change would spoil: only for the lease's owner, one at a time. */
  readonly exclusive: boolean;
  run(session: BoardSession, params: Params, signal: AbortSignal): Promise<Json | Uint8Array | undefined>;
}

type Params = Readonly<Record<string, Json>>;

/** Everything that both ends know under the same name; what belongs to a connection (console, lease) is the server's. */
export const operations: Readonly<Record<string, Operation>> = {
  'power.on': change((session, signal) => need(session, 'power').on({ signal })),
  'power.off': change((session, signal) => need(session, 'power').off({ signal })),
  'power.state': look((session, _, signal) => need(session, 'power').state({ signal })),
  reset: change((session, signal) => need(session, 'reset').reset({ signal })),
  'powerButton.press': change((session, signal) => need(session, 'powerButton').press({ signal })),
  'console.break': change(async (session, signal) => {
    if (!session.console) throw badRequest('the board has no console');
    await session.console.sendBreak({ signal });
  }),
  'bootMode.modes': look(async (session) => need(session, 'bootMode').modes()),
  'bootMode.mode': look(async (session) => (await need(session, 'bootMode').mode()) ?? null),
  'bootMode.set': {
    exclusive: true,
    run: async (session, params, signal) => {
      await need(session, 'bootMode').set(text(params, 'mode'), { signal });
      return undefined;
    },
  },
  'link.up': change((session, signal) => need(session, 'link').up({ signal })),
  'link.down': change((session, signal) => need(session, 'link').down({ signal })),
  'link.state': look((session, _, signal) => need(session, 'link').state({ signal })),
  'address.endpoint': look(async (session, params, signal) => ({
    ...(await need(session, 'address').endpoint(count(params, 'port'), { signal })),
  })),
  'address.host': look((session, _, signal) => need(session, 'address').hostAddress({ signal })),
  'storage.provision': {
    exclusive: true,
    run: async (session, params, signal) => {
      await need(session, 'storage').provision(imageFile(params), { signal, ...mediumSize(params) });
      return undefined;
    },
  },
  'storage.read': {
    exclusive: true,
    run: async (session, params, signal) => {
      const length = count(params, 'length');
      if (length > maxChunkBytes) throw badRequest(`length ${length} is more than ${maxChunkBytes}`);
      return need(session, 'storage').read(count(params, 'offset'), length, { signal });
    },
  },
  'storage.keep': {
    exclusive: true,
    run: async (session, params, signal) => {
      await need(session, 'storage').keep(text(params, 'path'), { signal });
      return undefined;
    },
  },
  'mux.side': look((session, _, signal) => need(session, 'mux').side({ signal })),
  'mux.toRig': {
    exclusive: true,
    run: async (session, _, signal) => ({ ...(await need(session, 'mux').toRig({ signal })) }),
  },
  'mux.toBoard': {
    exclusive: true,
    run: async (session, params, signal) => {
      const holds = params.holds === undefined ? undefined : imageFile(params.holds);
      await need(session, 'mux').toBoard({ holds, signal });
      return undefined;
    },
  },
  'netboot.offer': {
    exclusive: true,
    run: async (session, params, signal) => {
      const files = { folder: text(params, 'folder'), bootFile: text(params, 'bootFile') };
      await need(session, 'netboot').offer(files, { signal });
      return undefined;
    },
  },
  'netboot.withdraw': change((session, signal) => need(session, 'netboot').withdraw({ signal })),
  'gpio.lines': look(async (session) => need(session, 'gpio').lines()),
  'gpio.read': look((session, params, signal) =>
    need(session, 'gpio').read(text(params, 'line'), { signal }),
  ),
  'gpio.watch': look(async (session, params, signal) => {
    await need(session, 'gpio').watch(text(params, 'line'), { signal });
    return null;
  }),
  'gpio.unwatch': look(async (session, params, signal) => {
    await need(session, 'gpio').unwatch(text(params, 'line'), { signal });
    return null;
  }),
  'capture.picture': {
    exclusive: false,
    run: async (session, _, signal) => {
      const picture = await need(session, 'capture').picture({ signal });
      if (picture.length > maxChunkBytes) throw tooLarge(picture.length);
      return picture;
    },
  },
  'snapshots.key': look(async (session, params, signal) => {
    const image = params.image === undefined ? {} : { image: imageFile(params.image) };
    return { ...(await need(session, 'snapshots').key({ ...image, ...mediumSize(params), signal })) };
  }),
  'snapshots.save': {
    exclusive: true,
    run: async (session, params, signal) =>
      json(await need(session, 'snapshots').save(text(params, 'dir'), { signal })),
  },
  'snapshots.restore': {
    exclusive: true,
    run: async (session, params, signal) => {
      const image = params.image === undefined ? {} : { image: imageFile(params.image) };
      return json(await need(session, 'snapshots').restore(text(params, 'dir'), { ...image, signal }));
    },
  },
  cpuSeconds: look(async (session) => (await session.cpuSeconds()) ?? null),
};

function change(act: (session: BoardSession, signal: AbortSignal) => Promise<void>): Operation {
  return {
    exclusive: true,
    run: async (session, _, signal) => {
      await act(session, signal);
      return undefined;
    },
  };
}

function look(ask: (session: BoardSession, params: Params, signal: AbortSignal) => Promise<Json>): Operation {
  return { exclusive: false, run: ask };
}

function need<K extends keyof BoardSession['capabilities']>(
  session: BoardSession,
  name: K,
): NonNullable<BoardSession['capabilities'][K]> {
  const capability = session.capabilities[name];
  if (capability) return capability as NonNullable<BoardSession['capabilities'][K]>;
  throw new RigError(`Board "${session.board.name}" has no "${name}"`, {
    code: 'board.no-capability',
    blame: 'config',
    hint: `rig boards lists what each board can do; a driver that gives "${name}" belongs in the lab file.`,
  });
}

function count(params: Params, name: string): number {
  const value = params[name];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw badRequest(`${name} is ${JSON.stringify(value)}, not a count`);
}

function imageFile(value: Json): ImageFile {
  const params = (typeof value === 'object' && !Array.isArray(value) ? value : {}) as Params;
  return { path: text(params, 'path'), sha256: text(params, 'sha256') };
}

function mediumSize(params: Params): { readonly mediumBytes?: number } {
  return params.mediumBytes === undefined ? {} : { mediumBytes: count(params, 'mediumBytes') };
}

/** What consists of plain values alone, by its contract. */
function json(value: object): Json {
  return value as Json;
}

function text(params: Params, name: string): string {
  const value = params[name];
  if (typeof value === 'string' && value.length > 0 && value.length < 65_536) return value;
  throw badRequest(`${name} is ${JSON.stringify(value)?.slice(0, 80)}, not a text`);
}

function tooLarge(bytes: number): RigError {
  return new RigError(
    `The picture of the display has ${bytes} bytes, a session sends at most ${maxChunkBytes}`,
    {
      code: 'capture.too-large',
      blame: 'rig',
      hint: 'Let the grabber scale it down.',
    },
  );
}

export function badRequest(what: string): RigError {
  return new RigError(`A client of the session asked wrongly: ${what}`, {
    code: 'session.bad-request',
    blame: 'rig',
    hint: 'This is a defect of the program that asked.',
  });
}
