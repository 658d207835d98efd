/**
 * From a spec to a revision: package in, release out, runtime chosen, command line planned. It changes nothing that
 * runs, so it may fail at any point; what it leaves behind then is collected with the unused releases.
 */
import { SlipwayError } from '../domain/errors.ts';
import type { Digest, Release, Revision, RuntimeChoice } from '../domain/revision.ts';
import type { PackageSource, RuntimePaths, ServiceSpec, UnpackLimits } from '../domain/spec.ts';
import type { ReleaseStore } from '../packages/contract.ts';
import type { Runtimes } from '../runtimes/contract.ts';
import { crashPoint } from './crash-points.ts';

export interface DeploySettings {
  readonly unpack: UnpackLimits;
  readonly runtimes: RuntimePaths;
}

/** What may run again, and what still runs. */
export interface InUse {
  readonly releases: ReadonlySet<Digest>;
  readonly runtimes: ReadonlySet<Digest>;
}

/** A revision that has no number yet. */
export type Candidate = Omit<Revision, 'number' | 'createdAt' | 'cause'>;

export class Deployer {
  readonly #store: ReleaseStore;
  readonly #runtimes: Runtimes;
  readonly #settings: () => DeploySettings;
  /** A release that is being prepared has no revision yet; so nothing is collected meanwhile, nor begun during it. */
  #underWay = 0;
  #collecting: Promise<readonly Digest[]> | undefined;

  constructor(store: ReleaseStore, runtimes: Runtimes, settings: () => DeploySettings) {
    this.#store = store;
    this.#runtimes = runtimes;
    this.#settings = settings;
  }

  /** Runs `work`, during which no release is collected. */
  async holding<T>(work: () => Promise<T>): Promise<T> {
    while (this.#collecting !== undefined) await this.#collecting.catch(() => {});
    this.#underWay += 1;
    try {
      return await work();
    } finally {
      this.#underWay -= 1;
    }
  }

  /** Only inside `holding`. @throws SlipwayError SLIP_PACKAGE_*, SLIP_DISK_FULL */
  async ingest(source: PackageSource, signal?: AbortSignal, settings = this.#settings()): Promise<Release> {
    const release = await this.#store.ingest(source, settings.unpack, signal);
    crashPoint('deploy.ingested');
    return release;
  }

  /** @throws SlipwayError SLIP_REVISION_UNKNOWN */
  async find(digest: Digest): Promise<Release> {
    const release = await this.#store.find(digest);
    if (release !== undefined) return release;
    throw new SlipwayError('SLIP_REVISION_UNKNOWN', `cannot find release ${digest.slice(0, 12)}: it was collected`);
  }

  /** Only inside `holding`. @throws SlipwayError SLIP_RUNTIME_*, SLIP_ENTRY_MISSING, SLIP_PREPARE_FAILED */
  async prepare(
    release: Release,
    spec: ServiceSpec,
    signal?: AbortSignal,
    settings = this.#settings(),
  ): Promise<Candidate> {
    const { runtime, launch } = await this.#runtimes.resolve(release, spec, settings.runtimes, signal);
    crashPoint('deploy.prepared');
    return { release: release.digest, packageName: release.name, spec, runtime, launch };
  }

  /**
   * What a revision was accepted with, where the host still has that; else prepared anew. Only inside `holding`.
   * @throws SlipwayError as `find` and `prepare`
   */
  async prepareAgain({ number: _, createdAt: __, cause: ___, ...past }: Revision): Promise<Candidate> {
    const release = await this.find(past.release);
    if (await this.#isAsAccepted(past.runtime)) return past;
    return { ...(await this.prepare(release, past.spec)), packageName: past.packageName };
  }

  /** Whether an instance could be started with it. */
  async canRun(choice: RuntimeChoice): Promise<boolean> {
    return this.#runtimes.versionNow(choice).then(
      () => true,
      () => false,
    );
  }

  async #isAsAccepted(choice: RuntimeChoice): Promise<boolean> {
    return this.#runtimes.versionNow(choice).then(
      version => version === choice.version,
      () => false,
    );
  }

  /** Removes the releases and pinned runtimes that are not named, unless one is being prepared: the next call then does. */
  async collect({ releases, runtimes }: InUse): Promise<readonly Digest[]> {
    if (this.#underWay > 0 || this.#collecting !== undefined) return [];
    const collecting = this.#store.collect(releases).then(async removed => {
      // Virtual environments of a release lead into them.
      await this.#runtimes.collect(runtimes);
      return removed;
    });
    this.#collecting = collecting.finally(() => {
      this.#collecting = undefined;
    });
    return this.#collecting;
  }
}
