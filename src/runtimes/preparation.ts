/**
 * What must be installed once for a release before it can start. Each try works in a folder of its own, under the
 * path at which it will be used (a virtual environment holds absolute paths), and a record that is written last says
 * which try was finished. So a crash at any point means: do it again; and a package manager that outlived the daemon
 * can't touch what the next try makes.
 *
 *     <prepared>/prepared.json     the record
 *     <prepared>/prepare.log       what the package managers said, of the latest try
 *     <prepared>/try-1a2b3c4d/     what was made
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SlipwayError } from '../domain/errors.ts';
import { runChild } from './child.ts';
import { type Environment, toolEnvironment } from './environment.ts';
import { SharedWork } from './shared-work.ts';
import { syncTree } from './sync-tree.ts';

const recordName = 'prepared.json';
const recordPattern = /^\{"version":1,"made":"(try-[0-9a-f]{8})"\}\n$/;
const shownLines = { first: 10, last: 20 };

export interface Task {
  /** The `prepared` folder of the order. */
  readonly folder: string;
  /** What is made, for messages: `the dependencies of shop-1.0.0.tgz`. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
  /** Fills `folder`, which is there and empty. */
  make(folder: string, tools: Tools): Promise<void>;
}

interface Tools {
  /** Runs a package manager; its output goes to the log. @throws SlipwayError SLIP_PREPARE_FAILED */
  run(argv: readonly string[], cwd: string): Promise<void>;
}

export class Preparation {
  readonly #env: Environment;
  readonly #home: string;
  readonly #limit: number;
  readonly #shared = new SharedWork<string>();

  /** @param limit milliseconds that one command may take */
  constructor(env: Environment, home: string, limit: number) {
    this.#env = env;
    this.#home = home;
    this.#limit = limit;
  }

  /** @returns the folder that `make` filled, now or on an earlier call */
  async ensure(task: Task): Promise<string> {
    return this.#shared.join(
      task.folder,
      task.signal,
      async signal => (await finished(task.folder)) ?? (await this.#make(task, signal)),
    );
  }

  async #make(task: Task, signal: AbortSignal): Promise<string> {
    const work = join(task.folder, `try-${randomBytes(4).toString('hex')}`);
    let log: FileHandle | undefined;
    try {
      await removeTries(task.folder);
      await mkdir(work, { recursive: true });
      log = await open(join(task.folder, 'prepare.log'), 'w');
      await task.make(work, this.#tools(task, log, signal));
      signal.throwIfAborted();
      await syncTree(work, signal, log.fd);
      await writeRecord(task.folder, work);
      return work;
    } catch (error) {
      await rm(work, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      throw new SlipwayError('SLIP_DISK_FULL', `cannot install ${task.what}: the disk of ${task.folder} is full`, {
        cause: error,
      });
    } finally {
      await log?.close();
    }
  }

  #tools(task: Task, log: FileHandle, signal: AbortSignal): Tools {
    return {
      run: async (argv, cwd) => {
        const command = argv.map((word, i) => (i < 2 ? basename(word) : word)).join(' ');
        await log.appendFile(`$ ${argv.join(' ')}\n`);
        const from = (await log.stat()).size;
        const env = toolEnvironment(this.#env, this.#home, dirname(argv[0] ?? ''));
        const limit = AbortSignal.timeout(this.#limit);
        const refuse = async (how: string) =>
          new SlipwayError('SLIP_PREPARE_FAILED', `cannot install ${task.what}: \`${command}\` ${how}`, {
            details: [...(await excerpt(join(task.folder, 'prepare.log'), from)), `ran: ${argv.join(' ')}`],
          });
        try {
          const end = await runChild({ argv, cwd, env, signal: AbortSignal.any([signal, limit]), output: log.fd });
          if (end.code !== 0) throw await refuse(`exited ${end.code}${end.code === 127 ? ` ${end.output}` : ''}`);
        } catch (error) {
          if (!signal.aborted && limit.aborted) throw await refuse(`was not done within ${this.#limit / 1000} s`);
          throw error;
        }
      },
    };
  }
}

/** Any doubt but a missing or damaged record is an error: what is found unfinished is removed, and may be in use. */
async function finished(folder: string): Promise<string | undefined> {
  try {
    const [, made] = recordPattern.exec(await readFile(join(folder, recordName), 'utf8')) ?? [];
    if (made === undefined) return undefined;
    const path = join(folder, made);
    return (await stat(path)).isDirectory() ? path : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** What a leftover package manager still writes to may refuse to go now; a later try removes it. */
async function removeTries(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (name.startsWith('try-')) await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

async function writeRecord(folder: string, work: string): Promise<void> {
  const path = join(folder, recordName);
  const file = await open(`${path}.tmp`, 'w');
  try {
    await file.writeFile(`${JSON.stringify({ version: 1, made: basename(work) })}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.tmp`, path);
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}

/** npm says what is wrong first and then how it is used; pip says it last. */
async function excerpt(path: string, from: number): Promise<readonly string[]> {
  const { first, last } = shownLines;
  const lines = (await readFile(path)).subarray(from).toString('utf8').trimEnd().split('\n');
  if (lines.length <= first + last) return lines;
  return [...lines.slice(0, first), `… (all of it is in ${path})`, ...lines.slice(-last)];
}
