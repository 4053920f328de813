// Long because it is one table: the whole command line at a glance.
import type { CommandModule } from './command.js';

/** Flags as commander writes them, and what they do; a repeatable one is given again for each further value. */
export type OptionEntry = readonly [
  flags: string,
  meaning: string,
  fallback?: string | number | 'repeatable',
];

/** One command of the grammar. Its module is loaded when it is called, never for `--help`. */
export interface CommandEntry {
  /** Words and arguments as commander writes them: `image build <flavour>`. */
  readonly usage: string;
  readonly summary: string;
  readonly options?: readonly OptionEntry[];
  /** Of `cache list`: the word `cache` alone means it. */
  readonly isDefault?: true;
  readonly load: () => Promise<CommandModule>;
}

const json = ['--json', 'print JSON for programs'] as const;
const lab = ['--lab <file>', 'lab file (default: lab.yaml here, if there is one)'] as const;
const idle = [
  '--idle <time>',
  'end a session started now when nobody used it for so long (default: 30m)',
] as const;
const wait = ['--wait', 'wait for a board that somebody else has'] as const;

export const grammar: readonly CommandEntry[] = [
  {
    usage: 'run [suites...]',
    summary: 'provisions boards, runs suites on them, and writes the reports',
    options: [
      ['--board <name>', 'board, by name or label; give it again for more', 'repeatable'],
      [
        '--image <ref>',
        'image: tiny, tiny:prod, full, full+engine, or a path (default: the reference image of the board)',
      ],
      ['--image-name <name>', 'what the history calls the image, the same from run to run'],
      [
        '--update <file>',
        "update to install, of the product's own kind (default: one of the reference image)",
      ],
      lab,
      ['--tier <tier>', 'smoke, pr or nightly: tests of that tier and of those before it', 'nightly'],
      ['--only <pattern>', 'only tests whose suite/name matches this regular expression'],
      ['--test <test>', 'only the test of this very suite/name; give it again for more', 'repeatable'],
      ['--list', 'print what would run, and run nothing'],
      ['--jobs <n>', 'boards at a time; what is left over are forks of a virtual board', 1],
      ['--repeat <n>', 'run every test n times'],
      ['--until-failure', 'repeat until a test does not pass, --repeat or --deadline is reached, or ctrl-C'],
      ['--retries <n>', 'run a failed test again, up to n times; one that passes then is flaky', 0],
      ['--no-retry-errors', 'run only tests again that the board failed, not those that the rig spoilt'],
      ['--deadline <time>', 'time for the whole run, such as 10m; what is left then is blocked'],
      ['--cold', 'boot every board: use no saved state, and save none'],
      [
        '--shuffle [seed]',
        'run the tests in a random order that the seed decides (default: the seed of the run)',
      ],
      [
        '--keep-on-failure',
        'keep each board that failed as it stands, for rig resume (default in a terminal)',
      ],
      ['--no-keep-on-failure', 'keep none'],
      ['--keep-limit <size>', 'what a run may keep of its boards in all', '2G'],
      ['--snapshots <when>', 'steps: also keep a failed test at the beginning of each of its steps'],
      ['--report <dir>', 'folder of this run (default: a new one under runs/)'],
      ['--junit <file>', 'also write the JUnit report here'],
      ['--summary <file>', 'also write a summary in Markdown here'],
      ['--seed <n>', 'seed of everything random (default: a new one, which the report names)'],
      ['--wait', 'wait for a board that somebody else has'],
    ],
    load: () => import('./commands/run.js'),
  },
  {
    usage: 'nightly',
    summary: 'runs a matrix of boards, images and suites, as much at a time as this machine can take',
    options: [
      ['--matrix <file>', 'matrix file (default: boot and networking on the virtual boards)'],
      ['--board <name>', 'only these boards of it, by name or label; give it again for more', 'repeatable'],
      ['--image <name>', 'only these images of it; give it again for more', 'repeatable'],
      ['--suite <name>', 'only these suites of it; give it again for more', 'repeatable'],
      ['--list', 'print the jobs, and run nothing'],
      ['--shard <i/n>', 'the i-th of n parts, for n machines that share the night'],
      [
        '--deadline <time>',
        'time for the whole night, the most valuable first (default: that of the matrix)',
      ],
      ['--resume [night]', 'do the rest of a night that was interrupted (default: the latest)'],
      ['--report <dir>', 'folder of this night (default: a new one under runs/)'],
      ['--junit <file>', 'also write the JUnit report here'],
      ['--summary <file>', 'also write a summary in Markdown here'],
      ['--seed <n>', 'seed of everything random (default: a new one)'],
      json,
      lab,
    ],
    load: () => import('./commands/nightly.js'),
  },
  {
    usage: 'nightly merge <nights...>',
    summary: 'makes one night of the folders of all its shards, with one page',
    options: [
      ['--report <dir>', 'folder of the merged night (default: a new one under runs/)'],
      ['--junit <file>', 'also write the JUnit report here'],
      ['--summary <file>', 'also write a summary in Markdown here'],
      json,
    ],
    load: () => import('./commands/nightly.js').then(({ merge }) => ({ run: merge })),
  },
  {
    usage: 'up <board>',
    summary: 'puts an image on a board, powers it on, and keeps its session in the background',
    options: [
      [
        '--image <ref>',
        'image: tiny, tiny:prod, full, full+engine, or a path (default: the reference image of a virtual board)',
      ],
      idle,
      lab,
      json,
      wait,
    ],
    load: () => import('./commands/up.js'),
  },
  {
    usage: 'down <board>',
    summary: 'powers a board off and ends its session',
    options: [['--force', 'also when somebody else is using it'], lab],
    load: () => import('./commands/down.js'),
  },
  {
    usage: 'power <board> <action>',
    summary: 'on, off, cycle, reset, shutdown or state',
    options: [['--image <ref>', 'with "on": put this image on the medium first'], idle, lab, json, wait],
    load: () => import('./commands/power.js'),
  },
  {
    usage: 'console <board>',
    summary: "a board's serial console on this terminal; Ctrl-] leaves",
    options: [idle, lab],
    load: () => import('./commands/console.js'),
  },
  {
    usage: 'ssh <board> [command...]',
    summary: 'a shell on a board over ssh, or one command (after -- when it has options)',
    options: [lab],
    load: () => import('./commands/ssh.js'),
  },
  {
    usage: 'logs <board>',
    summary: "what a board's console said in its session, or in its last one",
    options: [
      ['-f, --follow', 'go on until the session ends'],
      ['--raw', 'also to a terminal as it came, with escape sequences'],
      lab,
    ],
    load: () => import('./commands/logs.js'),
  },
  {
    usage: 'doctor',
    summary: 'tells what this machine has of what the rig needs',
    options: [json],
    load: () => import('./commands/doctor.js'),
  },
  {
    usage: 'boards',
    summary: 'lists the boards, and who uses each',
    options: [json, lab],
    load: () => import('./commands/boards.js'),
  },
  {
    usage: 'check <board>',
    summary: "tells whether a board's rig works: console, power, link; powers it on and off",
    options: [json, lab, ['--wait', 'wait until nobody else uses the board']],
    load: () => import('./commands/check.js'),
  },
  {
    usage: 'image build <flavour>',
    summary: 'builds a reference OS image, or takes it from the cache',
    options: [
      ['--arch <arch>', 'arm64, amd64, armhf, armel or i386 (default: arm64, for full amd64)'],
      ['--board <type>', 'for boards of this type, instead of the first one of an architecture'],
      ['--with <extra>', 'engine: a container engine in the full flavour'],
      ['--variant <variant>', 'dev or prod', 'dev'],
      ['--image-version <version>', 'version that the image says it has'],
      [
        '--flasher',
        'an image that installs it: boots from a medium in the slot and copies it to the internal one',
      ],
      ['--output <folder>', 'also copy image, block map, manifest and ssh key there'],
      ['--no-cache', 'build even if the cache has it'],
      ['--refresh', "take Debian's current packages instead of those of the last build"],
      json,
    ],
    load: () => import('./commands/image.js').then(({ build }) => ({ run: build })),
  },
  {
    usage: 'image bundle [image]',
    summary: 'builds a signed update of tiny, full, or the image in a file, or takes it from the cache',
    options: [
      ['--arch <arch>', 'arm64 or amd64 (default: arm64, for full amd64)'],
      ['--with <extra>', 'engine: a container engine in the full flavour'],
      ['--variant <variant>', 'dev or prod', 'dev'],
      ['--image-version <version>', 'version that the updated system says it has'],
      ['--fault <fault>', 'break it: no-init, panic, hang, engine, network, never-good or reboot-loop'],
      ['--compatible <name>', 'boards that it says it is for (default: those of the image)'],
      ['--output <file>', 'also copy it there'],
      ['--no-cache', 'build even if the cache has it'],
      json,
    ],
    load: () => import('./commands/image/bundle.js').then(({ bundle }) => ({ run: bundle })),
  },
  {
    usage: 'image inspect <image>',
    summary: 'tells what an image or update is: hash, partitions, architecture, version, configuration',
    options: [json],
    load: () => import('./commands/image.js').then(({ inspect }) => ({ run: inspect })),
  },
  {
    usage: 'configure <image>',
    summary:
      'changes the configuration on the boot partition of an image: asks on a terminal, or takes options',
    options: [
      ['--hostname <name>', 'host name'],
      ['--ssid <name>', 'wifi network to join'],
      ['--network-key <key>', 'its key, which other users of this machine can see here'],
      ['--network-key-file <file>', 'its key from a file, or from standard input with -'],
      ['--persistent-logging', 'keep logs over reboots'],
      ['--no-persistent-logging', 'keep logs in memory alone'],
      ['--ssh-key <key>', 'public ssh key, or a file of them, to add; give it again for more', 'repeatable'],
      ['--connection <file>', 'NetworkManager connection file to add; give it again for more', 'repeatable'],
      ['--set <path=value>', 'any key of config.json: os.network.country=DE', 'repeatable'],
      ['--unset <path>', 'remove a key of config.json', 'repeatable'],
      ['--partition <which>', 'boot partition by number or label, where the image leaves a choice'],
      ['--output <file>', 'write a changed copy there and leave the image alone'],
      json,
    ],
    load: () => import('./commands/configure.js'),
  },
  {
    usage: 'flash <image>',
    summary: "writes an image to a drive or to a board's medium, and reads it back",
    options: [
      ['--drive <path>', 'drive or file to write (default: lists the removable drives and asks)'],
      ['--board <name>', 'write to the medium of this board instead'],
      ['--yes', 'ask nothing; only with --drive'],
      ['--bmap <file>', 'block map of the image (default: the one beside it, or made from the image)'],
      ['--no-bmap', 'use no block map of a file'],
      ['--all', 'write every byte, also what no file system uses'],
      ['--delta', 'leave alone what is on the medium already'],
      ['--no-verify', 'do not read it back: then nobody knows what is on the medium'],
      ['--max-size <size>', 'largest drive that may be written (default: 64G)'],
      ['--serial <serial>', 'write this very drive, whatever is on it: its own serial number'],
      idle,
      json,
      lab,
      wait,
    ],
    load: () => import('./commands/flash.js'),
  },
  {
    usage: 'powercut <board>',
    summary: 'boots and judges every state that a power cut in an operation can leave on a virtual board',
    options: [
      ['--operation <name>', 'update, first-boot, config or flash (default: update)'],
      ['--command <command>', 'a command on the board instead, and a reboot'],
      ['--from <image>', 'image before the operation (default: the reference image of the board)'],
      ['--update <file>', 'update to install (default: the next version of the reference image)'],
      ['--new-version <version>', 'VERSION_ID of the system after --update or --command'],
      ['--model <model>', 'of the medium: ordered, write-back or sd-card', 'write-back'],
      ['--seed <n>', 'seed of everything that is sampled (default: a new one, which the certificate names)'],
      ['--budget <time>', 'explore for so long, the most dangerous states first, and say what is left'],
      ['--jobs <n>', 'boards at a time (default: the processors of this machine)'],
      ['--resume <dir>', 'go on with an exploration that was interrupted, or left states'],
      ['--report <dir>', 'folder of this exploration (default: a new one under runs/)'],
      ['--junit <file>', 'also write the JUnit report here'],
      ['--physical', 'cut the power of the board itself, at random and at dangerous times'],
      ['--cuts <n>', 'so many cuts of a board itself (default: 20)'],
      [
        '--guide <dir>',
        'with --physical: half of the cuts where an exploration of a virtual board found danger',
      ],
      json,
      lab,
      wait,
    ],
    load: () => import('./commands/powercut.js'),
  },
  {
    usage: 'powercut replay <file>',
    summary: 'boots a state that an exploration found bad, and shows what happens',
    options: [
      ['--base <image>', 'the medium before the operation (default: base.raw beside the file)'],
      json,
      lab,
    ],
    load: () => import('./commands/powercut-replay.js'),
  },
  {
    usage: 'report <run>',
    summary: 'makes the reports of a run again: its folder, its name in ./runs, or latest',
    options: [json],
    load: () => import('./commands/report.js'),
  },
  {
    usage: 'resume <run> [test]',
    summary: 'brings a failed board of a run, or of a pack, back to life where it failed, as often as wanted',
    options: [
      ['--step <n>', 'where that step began instead (a run with --snapshots steps)'],
      ['--image <file>', 'the image that the board ran, where it lies now'],
      ['--detach', 'in a terminal: do not open its console'],
      idle,
      lab,
      json,
    ],
    load: () => import('./commands/resume.js'),
  },
  {
    usage: 'pack <run>',
    summary:
      'puts a run, its frozen boards and their images into one file, for rig resume on another machine',
    options: [['-o, --output <file>', 'default: RUN.pack.tar.zst here'], json],
    load: () => import('./commands/pack.js'),
  },
  {
    usage: 'cache list',
    summary: 'lists the saved boards that runs start from, and what they, images and bundles take',
    options: [json],
    isDefault: true,
    load: () => import('./commands/cache.js').then(({ list }) => ({ run: list })),
  },
  {
    usage: 'cache prune',
    summary:
      'removes damaged saved boards, and those not used for longest until the rest is within the limit',
    options: [
      ['--all', 'remove every saved board'],
      ['--older-than <time>', 'also those not used for so long, such as 7d or 12h'],
      ['--max-size <size>', 'a smaller limit, such as 2GiB or 500M'],
      json,
    ],
    load: () => import('./commands/cache.js').then(({ prune }) => ({ run: prune })),
  },
  {
    usage: 'cache explain <board>',
    summary: 'tells whether a run would start a board warm, and if not, what differs from the saved ones',
    options: [['--image <ref>', 'image: tiny, tiny:prod, or a path (default: that of the board)'], lab, json],
    load: () => import('./commands/cache.js').then(({ explain }) => ({ run: explain })),
  },
  {
    usage: 'replay <run> [tests...]',
    summary: "tries today's suites on the boards of a recorded run, without a board",
    options: [
      ['--suite <path>', 'suite to use for the one of its name; give it again for more', 'repeatable'],
      ['--speed <speed>', 'fast, or real: as time passed then', 'fast'],
      json,
      lab,
    ],
    load: () => import('./commands/replay.js'),
  },
  {
    usage: 'history list [test]',
    summary: 'lists the runs that are known, or what became of tests over time',
    options: [
      ['--board <name>', 'of this board alone'],
      ['--limit <n>', 'so many runs (default: 20), or results of each test (default: 100)'],
      json,
    ],
    isDefault: true,
    load: () => import('./commands/history.js').then(({ list }) => ({ run: list })),
  },
  {
    usage: 'history rebuild',
    summary: 'enters every run of ./runs anew; what is known of deleted runs stays',
    options: [json],
    load: () => import('./commands/history.js').then(({ rebuild }) => ({ run: rebuild })),
  },
  {
    usage: 'history forget',
    summary: 'forgets old runs',
    options: [['--older-than <time>', 'those that began longer ago, such as 400d'], json],
    load: () => import('./commands/history.js').then(({ forget }) => ({ run: forget })),
  },
  {
    usage: 'flakes',
    summary: 'lists tests whose verdict changed though neither image nor rig did, the least reliable first',
    options: [
      ['--within <time>', 'look at the runs of this time', '30d'],
      ['--board <name>', 'of this board alone'],
      json,
    ],
    load: () => import('./commands/flakes.js'),
  },
  {
    usage: 'compare <before> <after>',
    summary: 'tells what has changed from one run to another: new failures, fixed, flaky, slower',
    options: [json],
    load: () => import('./commands/compare.js'),
  },
  {
    usage: 'bisect <images...>',
    summary: 'finds the first of several images, the oldest first, in which a test fails',
    options: [
      ['--board <name>', 'board to try them on'],
      ['--test <test>', 'the test, by its suite/name'],
      ['--suite <path>', 'the suite, where it does not come with boardrig'],
      ['--repeat <n>', 'run the test n times on each image: one failure is enough to call it bad', 1],
      lab,
      json,
    ],
    load: () => import('./commands/bisect.js'),
  },
  {
    usage: 'new board <name>',
    summary: 'writes a board type to start from, and a lab file where there is none',
    options: [['--arch <arch>', 'arm64, amd64, armhf, armel or i386', 'arm64']],
    load: () => import('./commands/new.js').then(({ board }) => ({ run: board })),
  },
  {
    usage: 'new driver <name>',
    summary:
      'writes a power driver to start from into a checkout, with its test, and enters it in the registry',
    load: () => import('./commands/new.js').then(({ driver }) => ({ run: driver })),
  },
  {
    usage: 'new suite <name>',
    summary: 'writes a suite to start from',
    load: () => import('./commands/new.js').then(({ suite }) => ({ run: suite })),
  },
  {
    usage: 'schema [file]',
    summary:
      'prints the JSON Schema of lab.yaml (lab, the default) or of a matrix of rig nightly (matrix), for editors',
    load: () => import('./commands/schema.js'),
  },
];

/** Flags that every command takes. */
export const commonOptions = { json, lab } as const;
