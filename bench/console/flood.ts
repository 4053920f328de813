/** Console text of a booting board: kernel and service lines, some colours, then a login prompt without newline. */
export function bootText(bytes: number): Buffer {
  const text = Buffer.alloc(bytes);
  for (let at = 0, i = 0; at < bytes; i += 1) {
    const stamp = (i / 1000).toFixed(6).padStart(12);
    const line =
      i % 8 === 0
        ? `[\x1b[0;32m  OK  \x1b[0m] Started service number ${i}.\r\n`
        : `[${stamp}] pci 0000:00:${i % 32}.0: reg 0x10: [mem 0x10000000-0x1000${i % 10}fff]\r\n`;
    at += text.write(line, at, 'latin1');
  }
  return Buffer.concat([text, Buffer.from('\r\nboard login: ')]);
}

/** Cuts what comes into chunks of 1 to 4096 bytes, the same each time. */
export function inRandomChunks(data: (chunk: Uint8Array) => void): (chunk: Uint8Array) => void {
  let state = 7;
  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
      const size = 1 + ((state >> 8) % 4096);
      data(chunk.subarray(at, at + size));
      at += size;
    }
  };
}

/** For `node -e`: connects to the socket of argument 1 and writes the file of argument 2. */
export const senderSource = `
const line = require('net').connect(process.argv[1]);
line.on('error', () => process.exit());
line.on('close', () => process.exit());
line.resume();
require('fs').createReadStream(process.argv[2]).pipe(line, { end: false });
`;
