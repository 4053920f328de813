import { RigError } from '../../contracts/errors.js';
import type { CrashState, LogEntry, StateKind, TornWrite } from '../../contracts/powercut.js';
import { type Epoch, epochsOf } from './epochs.js';

/** How a state is made of its epoch's changes; all but `boundary` name one or more of them. */
export type StateRecipe =
  | { readonly kind: 'boundary' }
  | { readonly kind: 'prefix' | 'lost'; readonly place: number }
  | { readonly kind: 'subset'; readonly places: readonly number[] }
  | {
      readonly kind: 'torn';
      readonly place: number;
      readonly sectors: number;
      readonly erased: number;
      /** What is there of the changes before it; absent: all. */
      readonly before?: readonly number[];
    };

/** A state that knows its writes when it is asked: an epoch with thousands of writes has as many states with as many writes each. */
class RecipeState implements CrashState {
  readonly name: string;
  readonly #epoch: Epoch;
  readonly #recipe: StateRecipe;

  constructor(epoch: Epoch, recipe: StateRecipe) {
    this.#epoch = epoch;
    this.#recipe = recipe;
    this.name = nameOf(epoch, recipe);
  }

  get epoch(): number {
    return this.#epoch.number;
  }

  get kind(): StateKind {
    return this.#recipe.kind;
  }

  get durable(): number {
    return this.#epoch.from;
  }

  get kept(): readonly number[] {
    const { changes } = this.#epoch;
    const recipe = this.#recipe;
    switch (recipe.kind) {
      case 'boundary':
        return [];
      case 'lost':
        return changes.filter((_, place) => place !== recipe.place);
      case 'subset':
        return recipe.places.map((place) => changes[place] ?? -1);
      case 'torn':
        if (recipe.before) return [...recipe.before, recipe.place].map((place) => changes[place] ?? -1);
        return changes.slice(0, recipe.place + 1);
      default:
        return changes.slice(0, recipe.place + 1);
    }
  }

  get torn(): TornWrite | undefined {
    if (this.#recipe.kind !== 'torn') return undefined;
    const { place, sectors, erased } = this.#recipe;
    return { entry: this.#epoch.changes[place] ?? -1, sectors, erased };
  }

  toJSON(): CrashState {
    const { name, epoch, kind, durable, kept, torn } = this;
    return { name, epoch, kind, durable, kept, ...(torn ? { torn } : {}) };
  }
}

export function makeState(epoch: Epoch, recipe: StateRecipe): CrashState {
  return new RecipeState(epoch, recipe);
}

/** The state with exactly these changes of its epoch, under the name that enumeration gives it. */
export function stateOfPlaces(epoch: Epoch, places: readonly number[]): CrashState {
  const { length } = epoch.changes;
  const last = places.at(-1);
  if (last === undefined) return makeState(epoch, { kind: 'boundary' });
  if (places.length === last + 1) return makeState(epoch, { kind: 'prefix', place: last });
  if (places.length === length - 1) {
    const missing = places.findIndex((place, index) => place !== index);
    return makeState(epoch, { kind: 'lost', place: missing });
  }
  return makeState(epoch, { kind: 'subset', places });
}

/** Makes a state again from its name and the log. @throws RigError `powercut.no-such-state` */
export function stateByName(entries: readonly LogEntry[], name: string): CrashState {
  const [, epochText, kind, detail = ''] = /^e(\d+):([a-z]+)(?::(.+))?$/.exec(name) ?? [];
  const epoch = epochsOf(entries)[Number(epochText)];
  const recipe = epoch && readRecipe(epoch, kind, detail);
  const state = recipe && makeState(epoch, recipe);
  const { torn } = state ?? {};
  const room = torn ? (entries[torn.entry]?.sectors ?? 0) - torn.sectors - torn.erased : 0;
  if (state?.name === name && room >= 0) return state;
  throw new RigError(`The log has no state ${JSON.stringify(name)}`, {
    code: 'powercut.no-such-state',
    blame: 'config',
    hint: 'Names of states belong to one log: take this one from the same recording.',
  });
}

function nameOf({ number, changes }: Epoch, recipe: StateRecipe): string {
  const entry = (place: number): string => `w${changes[place] ?? -1}`;
  const start = `e${number}:${recipe.kind}`;
  switch (recipe.kind) {
    case 'boundary':
      return start;
    case 'subset':
      return `${start}:${bitsOf(recipe.places)}`;
    case 'torn':
      return [
        `${start}:${entry(recipe.place)}+${recipe.sectors}`,
        recipe.erased > 0 ? `x${recipe.erased}` : '',
        recipe.before ? `@${bitsOf(recipe.before)}` : '',
      ].join('');
    default:
      return `${start}:${entry(recipe.place)}`;
  }
}

/** A set of places as bits of a hexadecimal number, and back. */
function bitsOf(places: readonly number[]): string {
  return places.reduce((bits, place) => bits | (1n << BigInt(place)), 0n).toString(16);
}

function placesOf(text: string, { changes }: Epoch): number[] {
  const bits = BigInt(`0x${text}`);
  return [...changes.keys()].filter((place) => ((bits >> BigInt(place)) & 1n) === 1n);
}

function readRecipe(epoch: Epoch, kind: string | undefined, detail: string): StateRecipe | undefined {
  const place = (text: string | undefined): number => epoch.changes.indexOf(Number(text));
  switch (kind) {
    case 'boundary':
      return { kind };
    case 'prefix':
    case 'lost':
      return { kind, place: place(/^w(\d+)$/.exec(detail)?.[1]) };
    case 'subset':
      return /^[0-9a-f]+$/.test(detail) ? { kind, places: placesOf(detail, epoch) } : undefined;
    case 'torn': {
      const [, entry, sectors, erased = '0', before] =
        /^w(\d+)\+(\d+)(?:x(\d+))?(?:@([0-9a-f]+))?$/.exec(detail) ?? [];
      return {
        ...{ kind, place: place(entry), sectors: Number(sectors), erased: Number(erased) },
        ...(before === undefined ? {} : { before: placesOf(before, epoch) }),
      };
    }
    default:
      return undefined;
  }
}
