import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { RigError } from '../contracts/errors.js';

/**
 * The address of this host from which `host` is reached: connecting a UDP socket makes the kernel choose, and sends nothing.
 *
 * @throws RigError `address.no-route`
 */
export async function ownAddressTowards(host: string): Promise<string> {
  const socket = createSocket('udp4');
  try {
    // Any port; 9 discards (RFC 863).
    socket.connect(9, host);
    await once(socket, 'connect');
    return socket.address().address;
  } catch (cause) {
    throw new RigError(
      `Cannot tell by which address ${host} reaches this host: ${(cause as Error).message}`,
      {
        code: 'address.no-route',
        blame: 'rig',
        hint: `Look whether the name is right, and whether there is a route: ip route get ${host}`,
        cause,
      },
    );
  } finally {
    socket.close();
  }
}
