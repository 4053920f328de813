// test: light
// The order in which power, mux and medium are switched: the plans, every way to spoil one, and a power switch that lies.
import t from 'tap';
import type { BoardType } from '../rig/contracts/board.js';
import type { Capabilities } from '../rig/contracts/capabilities.js';
import type { EventBody } from '../rig/contracts/events.js';
import type { MediumWriter } from '../rig/contracts/medium-writer.js';
import type { BoardSession } from '../rig/contracts/session.js';
import { Circuit } from '../rig/core/board/circuit.js';
import { boardPower } from '../rig/core/board/power.js';
import { provision } from '../rig/core/provision/carry-out.js';
import { dangerOf, type ProvisionMethod, type ProvisionStep, planOf } from '../rig/core/provision/plan.js';
import { boardConfig } from './fakes/scripted-board.js';

const methods = ['direct', 'sd', 'flasher', 'netboot'] as const;

t.test('every plan is safe from whatever state it begins in', async (t) => {
  for (const method of methods) t.equal(dangerOf(planOf(method)), undefined, method);
});

t.test(
  'a plan without one of its steps, or with two of them changed about, is dangerous or means the same',
  async (t) => {
    const harmless: Readonly<Record<string, readonly string[]>> = {
      // A medium that stays at the rig, or is not taken out at the end, harms nothing: the board just does not boot from it.
      sd: ['power-off mux-to-rig write', 'power-off mux-to-rig mux-to-board'],
      direct: ['power-off'],
      flasher: [
        'power-off mux-to-rig write mux-to-board power-on flasher',
        'power-off mux-to-rig mux-to-board power-on flasher mux-to-rig',
      ],
    };
    for (const method of methods) {
      const plan = planOf(method);
      const spoilt = [
        ...plan.map((_, index) => plan.toSpliced(index, 1)),
        ...plan
          .slice(1)
          .map((_, index) => plan.toSpliced(index, 2, plan[index + 1] ?? 'put', plan[index] ?? 'put')),
      ];
      for (const steps of spoilt) {
        const found = dangerOf(steps);
        const known = harmless[method]?.includes(steps.join(' ')) ?? false;
        t.equal(found === undefined, known, `${steps.join(' ')}: ${found ?? 'safe'}`);
      }
    }
  },
);

t.test('what would harm is told with its step', async (t) => {
  const cases: readonly (readonly [ProvisionStep[], RegExp])[] = [
    [['mux-to-rig', 'power-off'], /step 1 .*may be on while its medium moves/],
    [['power-off', 'mux-to-board', 'write'], /step 3 .*at the board while it is written/],
    [['power-off', 'write'], /step 2 .*at the board while it is written/],
    [['power-off', 'power-on', 'mux-to-rig'], /step 3 .*may be on/],
    [['power-off', 'mux-to-rig', 'power-on'], /no medium to boot from/],
    [['power-off', 'mux-to-board', 'power-on'], /leaves the board on/],
    [['put'], /may be on while its medium changes/],
    [['power-off', 'flasher'], /not running/],
    [['offer'], /step 1 .*restart into the flasher/],
    [['power-off', 'power-on', 'install'], /step 3 .*not running/],
    [['power-off', 'offer', 'withdraw', 'power-on', 'install'], /step 5 .*not running/],
    [['power-off', 'offer'], /install it anew/],
  ];
  for (const [steps, danger] of cases) t.match(dangerOf(steps) ?? '', danger, steps.join(' '));
  const underPower = { muxUnderPower: true };
  t.equal(dangerOf(['mux-to-rig', 'write', 'mux-to-board', 'power-off'], underPower), undefined);
});

const nothingToWrite: MediumWriter['write'] = async () => ({ mappedBytes: 0, writtenBytes: 0 });

/** A board whose devices write down what is done to them. */
function bench(
  options: {
    readonly lies?: boolean;
    readonly silent?: boolean;
    readonly fails?: 'on';
    readonly type?: Partial<BoardType>;
  } = {},
) {
  const done: string[] = [];
  const events: EventBody[] = [];
  let power: 'on' | 'off' = 'on';
  let offered = false;
  const note = (what: string): void => void done.push(what);
  const capabilities: Capabilities = {
    power: {
      on: async () => {
        if (options.fails === 'on') throw new Error('no supply');
        note('on');
        // A flasher that was offered does its work and powers the board off.
        power = offered ? 'off' : 'on';
      },
      off: async () => {
        note('off');
        power = 'off';
      },
      state: async () => (options.lies ? 'on' : power),
    },
    mux: {
      side: async () => 'board',
      toRig: async () => {
        note('to rig');
        return { path: '/dev/null', sizeBytes: 1 };
      },
      toBoard: async ({ holds } = {}) => note(`to board with ${holds?.sha256 ?? 'who knows what'}`),
    },
    ...(options.silent
      ? {}
      : {
          netboot: {
            offer: async ({ bootFile }) => {
              note(`offer ${bootFile}`);
              offered = true;
            },
            withdraw: async () => {
              note('withdraw');
              offered = false;
            },
          },
        }),
  };
  const board = boardConfig();
  const session: BoardSession = {
    board: { ...board, type: { ...board.type, ...options.type } },
    drivers: [],
    has: new Set(['power', 'mux']),
    capabilities,
    onEvent: () => ({ [Symbol.dispose]: () => {} }),
    cpuSeconds: async () => undefined,
    [Symbol.asyncDispose]: async () => {},
  };
  const circuit = new Circuit(session, { scale: 1, emit: (event) => events.push(event) });
  const image = { path: '/image', sha256: 'abc', sizeBytes: 1 };
  const run = (method: ProvisionMethod, write: MediumWriter['write']): Promise<void> => {
    const writer: MediumWriter = {
      write,
      verify: async () => {},
      serve: async () => {
        note('serve');
        return {
          files: { folder: '/boot', bootFile: 'first' },
          [Symbol.asyncDispose]: async () => note('serve no more'),
        };
      },
    };
    return provision(method, { circuit, power: boardPower(circuit), writer, image });
  };
  return { done, events, run, note };
}

t.test('sd: each device in its turn, each step told', async (t) => {
  const { done, events, run, note } = bench();
  await run('sd', async () => {
    note('write');
    return { mappedBytes: 1, writtenBytes: 1 };
  });
  t.same(done, ['off', 'to rig', 'write', 'to board with abc']);
  const told = events.flatMap((event) =>
    event.type === 'provision' ? [`${event.step}/${event.steps} ${event.phase}`] : [],
  );
  t.same(told, [
    '1/4 start',
    '1/4 end',
    '2/4 start',
    '2/4 end',
    '3/4 start',
    '3/4 end',
    '4/4 start',
    '4/4 end',
  ]);
});

t.test('netboot: offered only while the board is installed', async (t) => {
  const { done, events, run } = bench();
  await run('netboot', nothingToWrite);
  t.same(done, ['off', 'serve', 'offer first', 'on', 'withdraw', 'serve no more']);
  t.match(events.at(-1), { type: 'provision', method: 'netboot', step: 5, steps: 5, phase: 'end' });
});

t.test('netboot: a board that does not come on is offered nothing any more', async (t) => {
  const { done, run } = bench({ fails: 'on' });
  await t.rejects(run('netboot', nothingToWrite), /no supply/);
  t.same(done, ['off', 'serve', 'offer first', 'withdraw', 'serve no more']);
});

t.test('netboot where nothing answers the board: refused before anything is switched', async (t) => {
  const { done, run } = bench({ silent: true });
  await t.rejects(run('netboot', nothingToWrite), {
    code: 'provision.no-netboot',
    blame: 'config',
  });
  t.same(done, []);
});

t.test('a power switch that does not switch: the medium never moves', async (t) => {
  const { done, run } = bench({ lies: true });
  await t.rejects(
    run('sd', async () => ({ mappedBytes: 1, writtenBytes: 1 })),
    { code: 'provision.power-not-off', blame: 'rig', evidence: { state: 'on' } },
  );
  t.same(done, ['off']);
  const bearsIt = bench({ lies: true, type: { muxUnderPower: true } });
  await bearsIt.run('sd', async () => ({ mappedBytes: 1, writtenBytes: 1 }));
  t.same(bearsIt.done, ['off', 'to rig', 'to board with abc']);
});

t.test('a write that fails ends the plan where it is: the board gets no half image', async (t) => {
  const { done, events, run } = bench();
  await t.rejects(
    run('flasher', async () => {
      throw new Error('worn out');
    }),
    /worn out/,
  );
  t.same(done, ['off', 'to rig']);
  t.match(events.at(-1), { type: 'provision', step: 3, phase: 'end', error: { message: 'worn out' } });
});
