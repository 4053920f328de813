// Lets a guest write more than the file system under the folder given can hold, and prints what the driver makes of it.
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OpenDevice } from '../conformance/device.js';
import { openBoard, prompt, uBootMaker } from './boards.js';

const folder = process.argv[2] ?? '';
const path = join(folder, 'image.raw');
writeFileSync(path, '');
truncateSync(path, 16 * 1024 * 1024);
await using open = await OpenDevice.of({ ...uBootMaker, open: (emit) => openBoard(emit, { folder }) });
const { power, storage } = open.device.capabilities;
await storage?.provision({ path, sha256: '' });
await power?.on();
await open.until(prompt);
// 8 MiB of RAM that is not zero.
await open.type('mw.l 41000000 deadbeef 200000; virtio write 41000000 0 4000\n');
const { error } = await open.event('lost');
const powered = open.eventsOf('power').map(({ state, cause }) => `${state} by ${cause}`);
process.stdout.write(
  JSON.stringify({
    code: error.code,
    blame: error.blame,
    state: await power?.state(),
    powered: powered.at(-1),
  }),
);
