/** What a command does in its own process instead of asking a daemon; handed in by the entry point. */
import type { Diagnosis } from './api-types.ts';

interface ValidConfig {
  /** Names, in order. */
  readonly services: readonly string[];
  /** One line each, with the place in the file. */
  readonly warnings: readonly string[];
}

interface DaemonOrder {
  readonly home: string;
  /** Applied at the start; absent: the one that was applied last. */
  readonly config?: string;
  /** Ctrl-C stops every service. Otherwise SIGTERM ends the daemon alone and its instances run on. */
  readonly foreground: boolean;
}

export interface Local {
  version(): string;
  socketPath(home: string): string;
  /** Resolves when the daemon has ended. */
  runDaemon(order: DaemonOrder): Promise<void>;
  /** How to run this program again as another process: executable and first arguments. */
  readonly self: readonly [string, ...string[]];
  /** @throws SlipwayError SLIP_CONFIG_* */
  validate(path: string): Promise<ValidConfig>;
  /** The host alone, without a daemon. */
  diagnose(home: string): Promise<Diagnosis>;
  /** @throws SlipwayError SLIP_PACKAGE_* */
  pack(directory: string, outFile: string): Promise<void>;
}
