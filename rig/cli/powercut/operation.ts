import { RigError } from '../../contracts/errors.js';
import {
  commandOperation,
  configOperation,
  firstBootOperation,
  flashOperation,
  type Operation,
  updateOperation,
} from '../../core/powercut/record/operation.js';
import type { RecordedOperation } from './folder.js';

/** The operation that was asked for, or that was recorded. @throws RigError `powercut.no-update` (blame: config) */
export function operationOf({
  operation,
  command,
  update,
  newVersion,
  image,
}: Pick<RecordedOperation, 'operation' | 'command' | 'update' | 'newVersion' | 'image'>): Operation {
  switch (operation) {
    case 'first-boot':
      return firstBootOperation();
    case 'config':
      return configOperation();
    case 'flash':
      return flashOperation(image);
    case 'command':
      return commandOperation(command ?? '', newVersion === undefined ? {} : { version: newVersion });
    case 'update': {
      if (!update) throw noUpdate();
      return updateOperation(newVersion === undefined ? update : { ...update, version: newVersion });
    }
  }
}

export function noUpdate(): RigError {
  return new RigError('The rig cannot make an update of this image', {
    code: 'powercut.no-update',
    blame: 'config',
    hint: 'Give one with --update FILE, or explore another operation: --operation first-boot.',
  });
}
