// Saves a board into a file system that is too small for it, and prints what came of it.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { OpenDevice } from '../conformance/device.js';
import { openBoard, uBootMaker } from '../qemu/boards.js';

const [small = '', roomy = ''] = process.argv.slice(2);
await using open = await OpenDevice.of({ ...uBootMaker, open: (emit) => openBoard(emit, { folder: roomy }) });
const { power, snapshots } = open.device.capabilities;
await power?.on();
await open.until(uBootMaker.started);
// 16 MiB of RAM that does not pack well: U-Boot's own code, each copy at another place.
await open.type('mw.l 42000000 0 1; cp.b 0 42000000 100000; cp.b 42000000 42100000 f00000; echo fill"ed"\n');
await open.until('filled');
const failure: unknown = await snapshots?.save(join(small, 'saved')).catch((error: unknown) => error);
const { code, blame } = failure as { code?: string; blame?: string };
await open.type(uBootMaker.question.line);
await open.until(uBootMaker.question.answer);
process.stdout.write(JSON.stringify({ code, blame, left: readdirSync(small), state: await power?.state() }));
