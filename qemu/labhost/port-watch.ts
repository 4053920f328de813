import { readdirSync, readFileSync } from 'node:fs';

const folder = '/sys/class/net';
const lookEveryMs = 20;
/** include/uapi/linux/if.h, IFF_UP */
const isUpFlag = 0x1;

/**
 * Tells each time that the network port of that address goes up or down, until the process ends. A real one then gives a carrier or
 * none; QEMU's do not, so that who plays the cable must be told.
 */
export function watchPort(mac: string, changed: (isUp: boolean) => void): void {
  const name = readdirSync(folder).find((one) => read(one, 'address') === mac);
  if (name === undefined) throw new Error(`there is no network port ${mac}`);
  let was = false;
  setInterval(() => {
    const is = (Number(read(name, 'flags')) & isUpFlag) !== 0;
    if (is !== was) changed(is);
    was = is;
  }, lookEveryMs);
}

function read(name: string, attribute: string): string {
  return readFileSync(`${folder}/${name}/${attribute}`, 'utf8').trim();
}
