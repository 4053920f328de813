import type { Image } from '../../../contracts/board.js';
import { RigError } from '../../../contracts/errors.js';
import type { Board } from '../../../contracts/suite.js';
import type { Bundle } from '../../../contracts/update.js';
import { quoted } from '../../shell-text.js';

/** Something that changes a board's medium and in the midst of which the power may go. */
export interface Operation {
  readonly name: string;
  /** It begins on a board that has been up and healthy before; if not, with the first boot of an image. */
  readonly onSettled: boolean;
  /**
   * What is in the board's slot does it, from its own boot to its power-off, on an internal medium that is blank before. After a cut it is
   * in the slot still, and does it again.
   */
  readonly bySlot?: true;
  /** Does it on a board that is up; `mark` begins a phase. */
  run(board: Board, options: { readonly mark: (phase: string) => Promise<void> }): Promise<void>;
  /** Whether a board that is up shows what it was before the operation, or what it is after it. */
  sideOf(board: Board): Promise<'old' | 'new'>;
  /** False where nobody said what is new behind it; `sideOf` is always `old` then. */
  readonly tellsSides?: boolean;
  /** Does it again as far as the bootloader's next choice, which is to be another slot than the one that runs. */
  again?(board: Board): Promise<void>;
}

/** `bundle` is installed, the board reboots into it and finds itself healthy. */
export function updateOperation(bundle: Bundle): Operation {
  return {
    name: 'update',
    onSettled: true,
    tellsSides: bundle.version !== undefined,
    run: async (board, { mark }) => {
      await mark('install');
      await board.update.install(bundle);
      await mark('first boot of the new version');
      await board.update.settle();
    },
    sideOf: (board) => sideByVersion(board, bundle.version),
    again: (board) => board.update.install(bundle),
  };
}

/** The first boot of an image, in which the data partition grows to fill the medium. */
export function firstBootOperation(): Operation {
  return {
    name: 'first-boot',
    onSettled: false,
    run: async () => {},
    // There is nothing older to return to.
    sideOf: async () => 'new',
  };
}

/** The flasher `image` installs its system on the internal medium. */
export function flashOperation(image: Image): Operation {
  return {
    name: 'flash',
    onSettled: false,
    bySlot: true,
    run: async (board, { mark }) => {
      await mark('flasher');
      await board.provision(image);
    },
    // There is nothing older to return to.
    sideOf: async () => 'new',
  };
}

/** The name that `config` writes. */
const configuredName = 'cut-while-configured';

/** The board's configuration is written anew, as a person's program would: a new file, flushed, over the old one. */
export function configOperation(): Operation {
  const file = (board: Board): string => `${board.profile.mounts.boot}/config.json`;
  return {
    name: 'config',
    onSettled: true,
    run: async (board, { mark }) => {
      await mark('config');
      const boot = quoted(board.profile.mounts.boot);
      const path = quoted(file(board));
      const made = quoted(`${file(board)}.new`);
      const changed = `{"hostname":"${configuredName}"}`;
      await board.shell.text(
        `mount -o remount,rw ${boot} && echo ${quoted(changed)} >${made} && sync ${made} && mv ${made} ${path} && sync && mount -o remount,ro ${boot}`,
      );
    },
    sideOf: async (board) => {
      const { stdout } = await board.ssh.run(`cat ${quoted(file(board))}`);
      return stdout.includes(configuredName) ? 'new' : 'old';
    },
  };
}

/** A command of somebody's own; `version` is what os-release says when it has had its effect. */
export function commandOperation(command: string, options: { readonly version?: string }): Operation {
  return {
    name: 'command',
    onSettled: true,
    tellsSides: options.version !== undefined,
    run: async (board, { mark }) => {
      await mark('command');
      await board.shell.text(command, { timeoutMs: commandMs });
      await mark('reboot');
      await board.reboot();
    },
    sideOf: (board) => sideByVersion(board, options.version),
  };
}

const commandMs = 600_000;

async function sideByVersion(board: Board, newVersion: string | undefined): Promise<'old' | 'new'> {
  const release = await board.ssh.text('cat /etc/os-release');
  const version = /^VERSION_ID="?([^"\n]*)"?$/m.exec(release)?.[1];
  if (version === undefined)
    throw new RigError(`${board.name} does not say in /etc/os-release which version it is`, {
      code: 'powercut.no-version',
      blame: 'board',
      hint: 'The explorer tells the old system from the new one by VERSION_ID.',
    });
  return version === newVersion ? 'new' : 'old';
}
