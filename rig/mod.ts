/**
 * The public face of boardrig: what a suite imports, the project's own and anybody's.
 *
 * @module
 */

export { RigError } from './contracts/errors.js';
export type {
  Assertions,
  Board,
  BootRecord,
  Console,
  ConsoleMark,
  ConsoleMatch,
  Dirt,
  HostServices,
  Shell,
  ShellResult,
  StartState,
  SuiteDefinition,
  SuiteOptions,
  TestContext,
  TestOptions,
  Tier,
  WaitOptions,
} from './contracts/suite.js';
export { suite } from './core/runner/define.js';
