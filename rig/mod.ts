/**
 * The public face of boardrig: what a suite imports, the project's own and anybody's.
 *
 * @module
 */

export type { BoardType, DeviceProfile, Image, Stage } from './contracts/board.js';
export type { Drive, GpioEdge, LineLevel } from './contracts/capabilities.js';
export { RigError } from './contracts/errors.js';
export type { UpdateFault } from './contracts/image-builder.js';
export type { WriteMediumOptions, WrittenMedium } from './contracts/medium-writer.js';
export type { EnginePromise, PromiseName } from './contracts/promises.js';
export type { Random } from './contracts/random.js';
export type {
  Assertions,
  Board,
  BoardBootMode,
  BoardGpio,
  BoardMedium,
  BoardScreen,
  BootRecord,
  Console,
  ConsoleMark,
  ConsoleMatch,
  DerivedImage,
  Dirt,
  HostServices,
  LineWatch,
  Picture,
  Shell,
  ShellResult,
  SshLogin,
  StartState,
  SuiteDefinition,
  SuiteOptions,
  TestContext,
  TestOptions,
  Tier,
  WaitOptions,
} from './contracts/suite.js';
export type {
  BoardUpdate,
  BootVerdict,
  Bundle,
  InstallOptions,
  SlotBoot,
  UpdatePromise,
  UpdateSlot,
  UpdateStatus,
  WantedBundle,
} from './contracts/update.js';
export { type LinePattern, patternOf } from './core/board/line-pattern.js';
export { installsItself } from './core/provision/method.js';
export { type AddTest, suite } from './core/runner/define.js';
