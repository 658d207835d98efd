/**
 * The one slipway.yaml that this home follows. A change that is valid is applied, one that isn't leaves all as it is
 * and is shown in the host's status until it is mended.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { loadConfigApart } from '../config/load-apart.ts';
import { configError } from '../config/problem.ts';
import { SlipwayError } from '../domain/errors.ts';
import type { ProjectSpec } from '../domain/spec.ts';
import type { AppliedConfig, StateStore } from '../state/contract.ts';
import type { Applier } from './applier.ts';
import type { Audit } from './audit.ts';
import type { Actor, ApplyOptions, ApplyResult } from './contract.ts';
import { crashPoint } from './crash-points.ts';

export interface ConfigurationParts {
  readonly applier: Applier;
  readonly store: StateStore;
  readonly audit: Audit;
  /** Puts what concerns no single service into force. @throws SlipwayError, and nothing changed */
  readonly settle: (project: ProjectSpec) => Promise<void>;
  /** Something was applied: releases may have become unused. */
  readonly onApplied: () => void;
}

export class Configuration {
  readonly #parts: ConfigurationParts;
  #applied: AppliedConfig | undefined;
  #problem: string | undefined;
  #watcher: FSWatcher | undefined;
  #watched: string | undefined;
  /** Digest of the text that was tried last; it is not tried again by itself. */
  #refused: string | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #underWay = 0;
  readonly #closing = new AbortController();

  constructor(parts: ConfigurationParts, applied: AppliedConfig | undefined) {
    this.#parts = parts;
    this.#applied = applied;
  }

  status(): { readonly path: string; readonly problem?: string } | undefined {
    if (this.#applied === undefined) return undefined;
    return { path: this.#applied.path, ...(this.#problem === undefined ? {} : { problem: this.#problem }) };
  }

  /** One after the other; the file is read when its turn comes. @throws SlipwayError, and nothing changed */
  apply(path: string, options: ApplyOptions, actor: Actor, signal?: AbortSignal): Promise<ApplyResult> {
    this.#underWay += 1;
    const mine = this.#queue.then(() => this.#apply(path, options, actor, signal));
    const done = () => {
      this.#underWay -= 1;
    };
    this.#queue = mine.then(done, done);
    return mine;
  }

  /** Applies what changed in the file while no daemon ran, then follows it. */
  async resume(): Promise<void> {
    if (this.#applied === undefined) return;
    const { path, digest } = this.#applied;
    this.#watch(path);
    if ((await digestOf(path)) !== digest) await this.#follow(path, 'change while no daemon ran');
  }

  /** Applies the followed file again, changed or not: what it names may have changed. Nothing where none is followed. */
  async reload(actor: Actor): Promise<void> {
    if (this.#watched !== undefined) await this.#follow(this.#watched, actor);
  }

  /** Looks for itself: a watch is prompt, but misses what happens while it is being set up, or behind a link. */
  async check(): Promise<void> {
    const path = this.#watched;
    if (path === undefined || this.#closing.signal.aborted) return;
    const digest = (await digestOf(path)) ?? 'missing';
    // What is being applied right now is perhaps this very text.
    if (path !== this.#watched || digest === this.#refused || this.#underWay > 0) return;
    if (digest === this.#applied?.digest) {
      // It was put back as it was.
      this.#problem = undefined;
      this.#refused = undefined;
      return;
    }
    this.#refused = digest;
    await this.#follow(path, 'config watch');
  }

  /** What is under way is broken off where nothing was touched yet. */
  close(): void {
    this.#closing.abort(new SlipwayError('SLIP_STOPPING', 'cannot apply the configuration: the daemon is going down'));
    void this.#watcher?.close();
  }

  async #apply(
    path: string,
    { dryRun, replace }: ApplyOptions,
    actor: Actor,
    given: AbortSignal | undefined,
  ): Promise<ApplyResult> {
    const { applier, store, audit, settle } = this.#parts;
    const closing = this.#closing.signal;
    const signal = given === undefined ? closing : AbortSignal.any([given, closing]);
    signal.throwIfAborted();
    const digest = await digestOf(path);
    const result = await loadConfigApart(path, { env: process.env, signal });
    if (!result.ok) throw configError(result);
    const { project } = result;
    if (!dryRun && !replace) this.#refuseOther(path, project);
    const commit = () => {
      closing.throwIfAborted();
      return settle(project);
    };
    const changes = await applier.apply(this.#applied?.project, project, { dryRun, commit, signal });
    if (dryRun) return { changes, dryRun };
    // Last, so that a daemon that dies before it applies the file again.
    this.#applied = { path, digest: digest ?? '', project };
    await store.saveConfig(this.#applied);
    crashPoint('config.saved');
    this.#problem = undefined;
    this.#watch(path);
    for (const { service, action, details } of changes) {
      const message = `${action}${details.map(one => `; ${one}`).join('')}`;
      audit.record({ kind: 'config', ...(service === '' ? {} : { service }), actor, message });
    }
    this.#parts.onApplied();
    return { changes, dryRun };
  }

  async #follow(path: string, actor: Actor): Promise<void> {
    try {
      await this.apply(path, { dryRun: false, replace: false }, actor);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      this.#problem = error instanceof SlipwayError ? [error.message, ...error.details].join('\n') : String(error);
      this.#parts.audit.record({ kind: 'config-refused', actor, message: this.#problem });
    }
  }

  /** What is missing in the followed file was removed by its owner; what is missing in another was perhaps never meant. */
  #refuseOther(path: string, next: ProjectSpec): void {
    if (this.#applied === undefined || this.#applied.path === path) return;
    const lost = Object.keys(this.#applied.project.services).filter(name => next.services[name] === undefined);
    if (lost.length === 0) return;
    throw new SlipwayError(
      'SLIP_CONFIG_OTHER',
      `cannot apply ${path}: this home follows ${this.#applied.path}, and this file is without ${lost.join(', ')}; ` +
        'add --replace to remove what it is without, or use another --home',
    );
  }

  /** The folder is watched too: editors replace the file instead of writing to it. */
  #watch(path: string): void {
    if (this.#watched === path || this.#closing.signal.aborted) return;
    void this.#watcher?.close();
    this.#watched = path;
    this.#watcher = watch(path, {
      ignoreInitial: true,
      awaitWriteFinish: { stabilityThreshold: 200, pollInterval: 50 },
      cwd: dirname(path),
    });
    const changed = () => {
      // What was refused before may be right now, though its text is the same: a package is there, a port is free.
      this.#refused = undefined;
      return this.check();
    };
    this.#watcher
      .on('add', changed)
      .on('change', changed)
      .on('error', () => {
        // Without watches (their number is limited on a host) `slipway apply` still works.
      });
  }
}

async function digestOf(path: string): Promise<string | undefined> {
  try {
    return createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  } catch {
    return undefined;
  }
}
