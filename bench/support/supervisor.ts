/** What is measured, and what it is measured beside: the same few steps for each. */
import type { Births } from './tiny.ts';

export interface Setup {
  /** Of its own, empty. */
  readonly folder: string;
  readonly program: string;
  readonly births: Births;
  readonly instances: number;
}

export interface Supervisor {
  readonly name: string;
  /** Why it can't be measured here; absent where it can. */
  readonly missing?: string;
  /** Gets to where nothing but {@link Running.start} is left to do. */
  prepare(setup: Setup): Promise<Running>;
}

export interface Running {
  /** What the figures depend on, in words. */
  readonly note?: string;
  /** Has it start all instances, by the command that its users give. It may resolve before they run. */
  start(): Promise<void>;
  /** Pids of its own, without those of instances. At least one. */
  own(): readonly number[];
  /** Further processes of it that do something that the others don't do at all, by what they are. */
  beside?(): Readonly<Record<string, readonly number[]>>;
  /** Resolves when it and all instances are gone. */
  end(): Promise<void>;
}
