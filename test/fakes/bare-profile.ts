import type { DeviceProfile } from '../../rig/contracts/board.js';

/** A product that promises nothing, for boards whose profile does not matter. */
export const bareProfile: DeviceProfile = {
  name: 'none',
  ssh: { port: 22222, user: 'root' },
  partitions: [],
  roots: [],
  mounts: { boot: '/boot', state: '/state', data: '/data' },
  osRelease: {},
  consoleLogin: { dev: true, prod: false },
  passwordlessRoot: { dev: true, prod: false },
  knownKernelWarnings: [],
};
