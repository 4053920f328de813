import type { Image } from '../contracts/board.js';
import type { EventBody } from '../contracts/events.js';
import type { BoardSession } from '../contracts/session.js';
import { Circuit } from '../core/board/circuit.js';
import { boardPower } from '../core/board/power.js';
import { provision } from '../core/provision/carry-out.js';
import { provisionMethodOf } from '../core/provision/method.js';
import { measureSpeedFactor } from '../lifetime/host-speed.js';
import type { CommandIo } from './command.js';
import { mediumWriter } from './medium-writer.js';

/** Puts `image` on a board outside of a run, as its type says; afterwards the board is off. @throws as `provision` */
export async function provisionBoard(session: BoardSession, image: Image, io: CommandIo): Promise<void> {
  const { type } = session.board;
  const method = provisionMethodOf(type, session.capabilities);
  if (!method) return;
  const emit = (event: EventBody): void => {
    // What is done in an instant needs no words.
    if (event.type !== 'provision' || event.phase !== 'start' || method === 'direct') return;
    io.err(`${session.board.name}: ${event.step}/${event.steps} ${event.what}\n`);
  };
  const scale = type.machine ? measureSpeedFactor() : 1;
  const circuit = new Circuit(session, { scale, emit });
  circuit.useSignal(io.signal);
  using _events = session.onEvent((event) => circuit.deviceEvent(event));
  await provision(method, { circuit, power: boardPower(circuit), writer: mediumWriter, image });
}
