/** The main process of a tree, as this daemon sees it: as its own child, or as one that an earlier daemon left. */
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { ExitWatch } from './exit-watch.ts';
import type { Vigil } from './process-table.ts';
import { sendSignal } from './signals.ts';

/** How it ended, as far as that can be known. */
export interface Ending {
  readonly code?: number;
  readonly signal?: NodeJS.Signals;
}

export interface MainProcess {
  isRunning(): boolean;
  /** `false`: it is gone. */
  signal(signal: NodeJS.Signals): boolean;
  /** For one listener, called once. */
  onEnd(listener: (ending: Ending) => void): void;
  /** Looks now, where it would else look only now and then. */
  look(): void;
  /** Lets go of it; it runs on, and `onEnd` isn't called any more. */
  release(): void;
}

/** A child's pid stays its own until this daemon has heard of the exit. */
export function childMain(pid: number, child: ChildProcess): MainProcess {
  const ended = new Promise<Ending>(resolve => {
    child.once('exit', (code, signal) => resolve(signal ? { signal } : { code: code ?? 0 }));
  });
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  return {
    isRunning,
    signal: signal => isRunning() && sendSignal(pid, signal),
    onEnd: listener => void ended.then(listener),
    look: () => {},
    release: () => {
      child.removeAllListeners('exit');
      child.unref();
    },
  };
}

/** A program behind a wrapper that is the child: signals go to the program, and the wrapper's exit tells of its end. */
export function wrappedMain(pid: number, wrapper: MainProcess): MainProcess {
  return {
    ...wrapper,
    // As long as the wrapper is there, so is the program, or its pid is nobody's yet.
    signal: signal => wrapper.isRunning() && sendSignal(pid, signal),
    onEnd: listener => wrapper.onEnd(ending => listener(unwrapped(ending))),
  };
}

/** Wrappers tell of a signal as shells do. */
function unwrapped({ code, signal }: Ending): Ending {
  const name = code !== undefined && code > 128 ? signalNames.get(code - 128) : undefined;
  if (name !== undefined) return { signal: name };
  return { ...(code === undefined ? {} : { code }), ...(signal === undefined ? {} : { signal }) };
}

const signalNames = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number, name as NodeJS.Signals]),
);

export function adoptedMain(pid: number, vigil: Vigil, watch: ExitWatch): MainProcess {
  return {
    isRunning: () => vigil.alive(),
    signal: signal => vigil.alive() && sendSignal(pid, signal),
    onEnd: listener => watch.watch(vigil, () => listener({})),
    look: () => watch.look(vigil),
    release: () => watch.release(vigil),
  };
}
