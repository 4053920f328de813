/** The background process behind `rig up`: started by it, with the board's name for `ps`, ordered over IPC. */
import { hostSession } from '../core/session/host.js';
import { openDevices } from './registry.js';

await hostSession(openDevices);
