// An image written and compared the way one writes it first: streams, and a hash of each side.
// `plain-node.mjs IMAGE MEDIUM`
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

const [image, medium] = process.argv.slice(2);
const written = createHash('sha256');
let bytes = 0;

function source() {
  if (image.endsWith('.gz')) return [createReadStream(image), createGunzip()];
  if (image.endsWith('.zst'))
    return [spawn('zstd', ['-dcq', image], { stdio: ['ignore', 'pipe', 'inherit'] }).stdout];
  return [createReadStream(image)];
}

await pipeline(
  ...source(),
  async function* (chunks) {
    for await (const chunk of chunks) {
      written.update(chunk);
      bytes += chunk.length;
      yield chunk;
    }
  },
  createWriteStream(medium, { flags: 'r+' }),
);
const handle = await open(medium, 'r+');
await handle.sync();
await handle.close();
const found = createHash('sha256');
await pipeline(createReadStream(medium, { end: bytes - 1 }), found);
if (found.digest('hex') !== written.digest('hex')) throw new Error('the medium differs');
