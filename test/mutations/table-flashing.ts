import type { Mutation } from './mutation.js';

const test = {
  interrupted:
    'flashing/a flash that was interrupted is never taken for a whole one; the next one is whole and boots',
  older: 'flashing/an image flashed over an older version is alone there',
  growth: 'flashing/the data partition grows to fill media of two sizes',
} as const;

const growth = '/usr/lib/boardrig/grow.sh';

/** One test of the suite, on a copy of its own: each flashes and boots several times. */
const alone = (name: string): Pick<Mutation, 'suites' | 'select'> => ({
  suites: ['flashing'],
  select: { tier: 'pr', only: new RegExp(`^${name}$`) },
});

export const flashingMutations: readonly Mutation[] = [
  {
    name: 'map-without-boot',
    breaks:
      'the block map beside the image leaves the boot partition out, where an interrupted flash has left something else',
    ...alone(test.interrupted),
    shellBudget: '20s',
    apply: (image) => image.mapWithout('resin-boot'),
    fails: { [test.interrupted]: /^Boot: / },
  },
  {
    name: 'map-without-state',
    breaks:
      'the block map beside the image leaves the state partition out, where the older version has left its own',
    ...alone(test.older),
    apply: async (image) => {
      await image.describe();
      await image.mapWithout('resin-state');
    },
    fails: { [test.older]: /nothing of the older state is left/ },
  },
  {
    name: 'growth-limit',
    breaks: 'the data partition does not grow on media of more than 730 MiB',
    ...alone(test.growth),
    apply: (image) => image.editRoot(growth, '-ge 2048 ]', '-ge 2048 ] && [ "$whole" -lt 1500000 ]'),
    fails: { [test.growth]: /bytes behind the partition are at most/ },
  },
];
