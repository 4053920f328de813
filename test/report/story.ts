import { appendFileSync, writeFileSync } from 'node:fs';
import type { Stage } from '../../rig/contracts/board.js';
import type { ErrorRecord, Json } from '../../rig/contracts/errors.js';
import type { EventBody, TestPlace } from '../../rig/contracts/events.js';
import type { SlotBoot } from '../../rig/contracts/update.js';
import type { Verdict } from '../../rig/contracts/verdict.js';
import { RunRecorder } from '../../rig/record/recorder.js';
import { SecretMask } from '../../rig/record/secrets.js';

export interface StoryBoard {
  readonly name: string;
  readonly type: string;
  readonly sha256?: string;
}

export interface End {
  readonly verdict: Verdict;
  readonly final?: Verdict | null;
  readonly reason?: string;
  readonly error?: ErrorRecord;
}

/** Tells a run through the real recorder on a clock of its own, so that recorded runs look like real ones at no cost. */
export class Story implements AsyncDisposable {
  readonly recorder: RunRecorder;
  #now = 0;
  #epoch = 0;
  #epochMs = 0;
  #offsets = new Map<string, number>();
  #board = '';
  #suite = '';
  #suiteBoard = '';
  #place: TestPlace | undefined;
  #testMs = 0;
  #step = 0;
  readonly #stack: number[] = [];
  readonly verdicts: Verdict[] = [];

  private constructor(recorder: RunRecorder, clock: { ms: () => number }) {
    this.recorder = recorder;
    clock.ms = () => this.#now;
  }

  static async begin(
    runsDir: string,
    options: { argv?: string[]; secrets?: string[]; startedAt?: string } = {},
  ): Promise<Story> {
    const clock = { ms: () => 0 };
    const started = Date.parse(options.startedAt ?? '2026-03-10T08:15:02.000Z');
    const recorder = await RunRecorder.create({
      runsDir,
      mask: new SecretMask(options.secrets ?? []),
      clock: { nowMs: () => clock.ms(), wall: () => new Date(started + clock.ms()) },
    });
    const story = new Story(recorder, clock);
    story.emit({
      type: 'run.start',
      run: recorder.run,
      argv: options.argv ?? ['run', 'boot', 'networking', '--board', 'virt-arm64'],
      rig: { version: '0.1.0', revision: '4f2a91c07be3' },
      host: { name: 'ci-runner-3', cpus: 2, node: 'v20.20.2', speedFactor: 1.4 },
      seed: 271828,
    });
    return story;
  }

  emit(body: EventBody): void {
    this.recorder.emit(body);
  }

  after(ms: number): this {
    this.#now += ms;
    return this;
  }

  board({ name, type, sha256 }: StoryBoard): this {
    this.#board = name;
    this.#epoch = 0;
    writeFileSync(this.recorder.consolePath(name), '', { flag: 'a' });
    this.emit({
      type: 'board.open',
      board: name,
      boardType: type,
      profile: 'resin',
      virtual: true,
      drivers: [
        { name: 'qemu', version: '7.2.22' },
        { name: 'ssh2', version: '1.17.0' },
      ],
      image: {
        path: 'images/tiny-arm64.img',
        sha256: sha256 ?? '9b1fd2c74a60e8b3d5f7a1c2e4b6980d1f3a5c7e9b2d4f6081a3c5e7092b4d6f',
        version: '2026.3.1',
        variant: 'dev',
      },
    });
    return this;
  }

  /** Console text, as one chunk after `afterMs`. */
  say(text: string | Uint8Array, afterMs = 60): this {
    this.after(afterMs);
    const bytes = Buffer.from(text);
    const offset = this.#offsets.get(this.#board) ?? 0;
    appendFileSync(this.recorder.consolePath(this.#board), bytes);
    this.#offsets.set(this.#board, offset + bytes.length);
    this.emit({ type: 'console', ...this.#where(), offset, length: bytes.length });
    return this;
  }

  power(state: 'on' | 'off', cause: 'rig' | 'board' = 'rig'): this {
    if (state === 'on') this.#beginEpoch('power-on');
    this.emit({ type: 'power', ...this.#where(), state, cause });
    return this;
  }

  reset(cause: 'rig' | 'board' = 'board'): this {
    this.emit({ type: 'reset', ...this.#where(), cause });
    this.#beginEpoch('reset');
    return this;
  }

  link(state: 'up' | 'down'): this {
    this.emit({ type: 'link', ...this.#where(), state });
    return this;
  }

  stage(stage: Stage): this {
    const offset = Math.max(0, (this.#offsets.get(this.#board) ?? 0) - 1);
    this.emit({ type: 'stage', ...this.#where(), stage, ms: this.#now - this.#epochMs, offset });
    return this;
  }

  /** The verdict falls on the boot of now. */
  slotBoot(boot: Omit<SlotBoot, 'epoch'>): this {
    this.emit({ type: 'slot.boot', ...this.#where(), ...boot });
    return this;
  }

  shell(command: string, ms = 180): this {
    this.after(ms).emit({ type: 'shell', ...this.#where(), via: 'ssh', command, exitCode: 0, ms });
    return this;
  }

  suite(suite: string, tests: number): this {
    this.#suite = suite;
    this.#suiteBoard = this.#board;
    this.emit({ type: 'suite.start', suite, board: this.#board, tests });
    return this;
  }

  endSuite(): this {
    this.emit({ type: 'suite.end', suite: this.#suite, board: this.#board });
    return this;
  }

  start(name: string, attempt = 1): this {
    const board = this.#board;
    this.#place = { id: `${board}/${this.#suite}/${name}`, board, attempt };
    this.#testMs = this.#now;
    this.#step = 0;
    this.emit({
      type: 'test.start',
      ...this.place,
      suite: this.#suite,
      name,
      deadlineMs: 42_000,
      from: 'shell',
      ...(this.#board === this.#suiteBoard ? {} : { forkOf: this.#suiteBoard }),
    });
    return this;
  }

  get place(): TestPlace {
    if (!this.#place) throw new Error('no test has begun');
    return this.#place;
  }

  step(name: string, body: (story: this) => void, error?: ErrorRecord): this {
    const step = ++this.#step;
    const parent = this.#stack.at(-1);
    this.emit({ type: 'step.start', ...this.place, step, name, ...(parent === undefined ? {} : { parent }) });
    this.#stack.push(step);
    body(this);
    this.#stack.pop();
    this.emit({
      type: 'step.end',
      ...this.place,
      step,
      ok: error === undefined,
      ...(error ? { error } : {}),
    });
    return this;
  }

  /** A step that has no end. */
  openStep(name: string): this {
    this.emit({ type: 'step.start', ...this.place, step: ++this.#step, name });
    return this;
  }

  ok(name: string): this {
    return this.#assert(true, name);
  }

  notOk(name: string, diagnostic?: Json): this {
    return this.#assert(false, name, diagnostic);
  }

  measure(name: string, value: number, unit: string): this {
    this.emit({ type: 'measure', ...this.place, name, value, unit });
    return this;
  }

  async evidence(name: string, content: string | Buffer): Promise<this> {
    const { path, relative } = await this.recorder.evidenceFile(this.place, name);
    writeFileSync(path, content);
    this.after(40).emit({ type: 'evidence', ...this.place, name, file: relative });
    return this;
  }

  end({ verdict, final = verdict, reason, error }: End): this {
    if (final !== null) this.verdicts.push(final);
    this.emit({
      type: 'test.end',
      ...this.place,
      suite: this.#suite,
      name: this.place.id.slice(`${this.place.board}/${this.#suite}/`.length),
      verdict,
      ms: Math.round(this.#now - this.#testMs),
      ...(final === null ? {} : { final }),
      ...(reason === undefined ? {} : { reason }),
      ...(error === undefined ? {} : { error }),
    });
    return this;
  }

  passes(
    name: string,
    body: (story: this) => void = (story) => story.shell('true').ok('the command answers'),
  ): this {
    this.start(name);
    body(this);
    return this.end({ verdict: 'passed' });
  }

  close(boots: number): this {
    this.emit({ type: 'board.close', board: this.#board, cpuSeconds: 41.7, boots });
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.recorder[Symbol.asyncDispose]();
  }

  #beginEpoch(reason: 'power-on' | 'reset'): void {
    this.#epoch += 1;
    this.#epochMs = this.#now;
    this.emit({ type: 'epoch', ...this.#where(), reason, offset: this.#offsets.get(this.#board) ?? 0 });
  }

  #assert(ok: boolean, name: string, diagnostic?: Json): this {
    const step = this.#stack.at(-1);
    this.emit({
      type: 'assert',
      ...this.place,
      ok,
      name,
      ...(step === undefined ? {} : { step }),
      ...(diagnostic === undefined ? {} : { diagnostic }),
    });
    return this;
  }

  #where(): { board: string; epoch: number } {
    return { board: this.#board, epoch: this.#epoch };
  }
}
