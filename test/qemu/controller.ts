// A program that powers a board on in the folder given, says its process id and waits to be killed.
import { openBoard, qemuChildren } from './boards.js';

const device = await openBoard(() => {}, { folder: process.argv[2] ?? '' });
await device.capabilities.power?.on();
process.stdout.write(`${qemuChildren().join(' ')}\n`);
setInterval(() => {}, 60_000);
