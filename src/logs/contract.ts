/** Logs are files that instances write themselves; Slipway only rotates and reads them. */
import type { LogSpec } from '../domain/spec.ts';

export interface LogLine {
  readonly service: string;
  readonly index: number;
  /** Without the line break. Bytes that aren't UTF-8 become U+FFFD. */
  readonly text: string;
}

export interface LogQuery {
  readonly service: string;
  /** All instances where absent. */
  readonly index?: number;
  /** The last so many lines of each instance. */
  readonly tail: number;
  /** Go on with what is written from now on, until the signal aborts. */
  readonly follow: boolean;
}

export interface LogStore {
  /** Where the instance's stdout and stderr go; its folder is made. */
  file(service: string, index: number): string;
  read(query: LogQuery, signal?: AbortSignal): AsyncIterable<LogLine>;
  /** Rotates every log that has outgrown the spec. Loses nothing, and can be done again after a crash at any point. */
  rotate(spec: LogSpec): Promise<void>;
  /** Removes the logs of a service that is gone. */
  remove(service: string): Promise<void>;
}
