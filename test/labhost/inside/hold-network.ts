// Runs in the lab host: opens a network driver and holds it, to be killed. Arguments: driver, its options as JSON, folder of its notes.
import { drivers } from '../../../rig/cli/registry.js';
import { context } from '../../wired/support.js';

const [name = '', optionsText = '{}', stateDir = ''] = process.argv.slice(2);
const driver = await drivers[name]?.();
if (!driver) throw new Error(`there is no driver ${name}`);
await driver.open({ driver: name, options: JSON.parse(optionsText) }, context([], stateDir));
process.stdout.write('open\n');
setInterval(() => {}, 1_000);
