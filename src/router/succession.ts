/**
 * Handing the listening sockets on to a new holder and its worker, while this worker goes on serving. Either the
 * successor serves when it is done, or all is as it was before.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Milliseconds } from '../domain/clock.ts';
import { SlipwayError } from '../domain/errors.ts';
import { type HolderOrder, spawnHolder } from '../router-link/holder.ts';
import { keptOf, resolveListenAddress } from '../router-link/listen.ts';
import { readRecord } from '../router-link/record.ts';
import type { Forwarder, Listener } from './plane/forwarder.ts';

/** A host under load may take its time over starting a process. */
const patience: Milliseconds = 10_000;
const lookEvery: Milliseconds = 20;

export interface SuccessionOrder {
  readonly home: string;
  readonly recordPath: string;
  readonly logDescriptor: number;
  readonly command: readonly string[];
  /** `PID.STARTTIME` of this worker. */
  readonly self: string;
  readonly forwarder: Forwarder;
  readonly current: readonly Listener[];
  readonly listen: readonly string[];
}

/**
 * Addresses that are listened on are handed on, whatever is spoken there; the others are bound. They are served here until the successor takes
 * over, so this worker must close all of them then.
 * @returns the listeners that were added
 * @throws SlipwayError SLIP_LISTEN_FAILED, SLIP_ROUTER_FAILED
 */
export async function succeed(order: SuccessionOrder): Promise<readonly Listener[]> {
  const kept = keptOf(order.current, order.listen);
  const added: Listener[] = [];
  const sockets: HolderOrder['sockets'][number][] = [];
  try {
    for (const [index, address] of order.listen.entries()) {
      let listener = kept[index];
      if (!listener) {
        listener = await order.forwarder.listen(address, await resolveListenAddress(address));
        added.push(listener);
      }
      sockets.push({ address, fd: listener.fd });
    }
    await handOver(order, sockets);
    return added;
  } catch (error) {
    for (const listener of added) listener.close();
    throw error;
  }
}

async function handOver(order: SuccessionOrder, sockets: HolderOrder['sockets']): Promise<void> {
  const holder = spawnHolder({
    home: order.home,
    command: order.command,
    sockets,
    succeeds: order.self,
    logDescriptor: order.logDescriptor,
  });
  const { pid } = holder;
  if (pid === undefined) throw failure('the system refused to start a process');
  let exited = false;
  holder.once('exit', () => {
    exited = true;
  });
  const end = performance.now() + patience;
  while (!exited && performance.now() < end) {
    if (readRecord(order.recordPath)?.holder.pid === pid) return;
    await sleep(lookEvery);
  }
  try {
    process.kill(-pid, 'SIGKILL'); // It leads a process group of its own, with the worker in it.
  } catch {
    // It has ended already.
  }
  throw failure(exited ? 'it ended at once' : `it did not serve within ${patience} ms`);
}

function failure(why: string): SlipwayError {
  return new SlipwayError('SLIP_ROUTER_FAILED', `cannot start the router's successor: ${why}; see logs/router.log`);
}
