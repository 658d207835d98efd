/**
 * What an archive may put into a release, whatever the archive's format. Pure: it keeps the names, and touches no disk.
 *
 * Invariants:
 * - an admitted path is relative and of plain segments only, so below any folder it stays in that folder;
 * - a name is admitted once (folders may be repeated), and none that a file system which ignores case or Unicode
 *   form would take for another one;
 * - no admitted path leads through a file or a link;
 * - after `verifyLinks`, every link ends inside the root, whatever chain of links it goes through.
 */
import { hostile, quote } from './refusal.ts';

type EntryKind = 'directory' | 'file' | 'link';

interface Entry {
  readonly path: string;
  readonly kind: EntryKind;
  /** Where a link points to, as it was written. */
  readonly target?: string;
}

/** An admitted path, and the folders that must be made before it, outermost first. */
export interface Admitted {
  readonly path: string;
  readonly folders: readonly string[];
}

/** NAME_MAX of Linux's file systems. */
const longestSegment = 255;
/** Leaves room for the folder of the release within PATH_MAX (4096). */
const longestPath = 2048;
/** What decoding leaves of bytes that are none, and what encoding would lose. */
const notUtf8 = /\uFFFD|\p{Surrogate}/u;
/** As many as the kernel follows (MAXSYMLINKS). */
const mostLinksInAChain = 40;

/**
 * The path without `.` and doubled slashes; empty for the root itself.
 * @throws Refusal SLIP_PACKAGE_HOSTILE
 */
export function parseEntryPath(raw: string): string {
  if (raw.includes('\0')) throw hostile(raw, 'has a NUL in its name');
  if (notUtf8.test(raw)) throw hostile(raw, 'has a name that is not UTF-8');
  const segments = raw.split('/').filter(segment => segment !== '' && segment !== '.');
  if (raw.startsWith('/') || /^[a-z]:$/i.test(segments[0] ?? '')) throw hostile(raw, 'has an absolute path');
  if (segments.includes('..')) throw hostile(raw, 'climbs out with ".."');
  const path = segments.join('/');
  if (Buffer.byteLength(path) > longestPath) throw hostile(raw, `has a path of over ${longestPath} bytes`);
  if (path.length * 3 > longestSegment && segments.some(segment => Buffer.byteLength(segment) > longestSegment)) {
    throw hostile(raw, `has a name of over ${longestSegment} bytes`);
  }
  return path;
}

/** Equal for names that differ only in case or in Unicode form (NFC, NFD). */
export function foldName(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the whole of ASCII is meant
  if (/^[\x00-\x7f]*$/.test(name)) return name.toUpperCase();
  return name.normalize('NFD').toLowerCase().toUpperCase();
}

export class EntryLedger {
  readonly #entries = new Map<string, Entry>();
  readonly #tops = new Map<string, Entry>();
  #lastFolder = '';

  /** Everything admitted so far, and the folders that it implies. */
  get size(): number {
    return this.#entries.size;
  }

  /** In the order of admission, so a folder comes before what is in it. */
  entries(): Iterable<Entry> {
    return this.#entries.values();
  }

  /** @throws Refusal SLIP_PACKAGE_HOSTILE; the ledger is of no use after that */
  directory(raw: string): Admitted {
    const path = parseEntryPath(raw);
    return { path, folders: this.#claimFolders(path, path) };
  }

  /** @throws Refusal SLIP_PACKAGE_HOSTILE */
  file(raw: string): Admitted {
    return this.#leaf(raw, 'file');
  }

  /**
   * A symbolic link. Where it leads to is judged by {@link verifyLinks}, since what it goes through may come later.
   * @throws Refusal SLIP_PACKAGE_HOSTILE
   */
  link(raw: string, target: string): Admitted {
    if (target === '' || target.includes('\0')) throw hostile(raw, 'is a link to nothing');
    if (notUtf8.test(target)) throw hostile(raw, 'is a link to a name that is not UTF-8');
    if (target.startsWith('/')) throw hostile(raw, `is a link to the absolute path ${quote(target)}`);
    if (Buffer.byteLength(target) > longestPath) throw hostile(raw, `links to a path of over ${longestPath} bytes`);
    return this.#leaf(raw, 'link', target);
  }

  /**
   * A second name for a file that was admitted before; `source` is that file's path.
   * @throws Refusal SLIP_PACKAGE_HOSTILE
   */
  hardLink(raw: string, target: string): Admitted & { readonly source: string } {
    const source = parseEntryPath(target);
    const known = this.#find(source);
    if (known?.kind !== 'file') {
      throw hostile(raw, `is a hard link to ${quote(target)}, which is no file that came before it`);
    }
    return { ...this.#leaf(raw, 'file'), source };
  }

  /** The folder that holds all the rest, if there is just one such. */
  soleFolder(): string | undefined {
    const [top, ...others] = this.#tops.values();
    return top?.kind === 'directory' && others.length === 0 ? top.path : undefined;
  }

  /**
   * @param root the folder of the archive that no link may leave; empty for the whole archive
   * @throws Refusal SLIP_PACKAGE_HOSTILE
   */
  verifyLinks(root: string): void {
    const ends = new Map<Entry, string>();
    for (const entry of this.#entries.values()) {
      if (entry.kind === 'link') this.#follow(entry, root, ends, 0);
    }
  }

  #leaf(raw: string, kind: 'file' | 'link', target?: string): Admitted {
    const path = parseEntryPath(raw);
    if (path === '') throw hostile(raw, 'would replace the folder that it is unpacked to');
    const folders = this.#claimFolders(parentOf(path), path);
    const key = foldName(path);
    const known = this.#entries.get(key);
    if (known) throw clash(path, path, known);
    this.#add(key, { path, kind, ...(target !== undefined && { target }) });
    return { path, folders };
  }

  #claimFolders(path: string, entry: string): readonly string[] {
    if (path === '' || path === this.#lastFolder) return [];
    const created: string[] = [];
    for (let end = 0; end < path.length; ) {
      const slash = path.indexOf('/', end + 1);
      end = slash === -1 ? path.length : slash;
      const folder = path.slice(0, end);
      const key = foldName(folder);
      const known = this.#entries.get(key);
      if (!known) {
        this.#add(key, { path: folder, kind: 'directory' });
        created.push(folder);
      } else if (known.path !== folder || known.kind !== 'directory') {
        throw clash(entry, folder, known);
      }
    }
    this.#lastFolder = path;
    return created;
  }

  #add(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    if (!entry.path.includes('/')) this.#tops.set(key, entry);
  }

  #find(path: string): Entry | undefined {
    const entry = this.#entries.get(foldName(path));
    return entry?.path === path ? entry : undefined;
  }

  /** Where a link ends, as the kernel would walk it. What isn't there counts as a folder. */
  #follow(link: Entry, root: string, ends: Map<Entry, string>, depth: number): string {
    const known = ends.get(link);
    if (known !== undefined) return known;
    if (depth >= mostLinksInAChain) throw hostile(link.path, 'is in a loop or an overlong chain of links');
    let at = parentOf(link.path);
    for (const segment of (link.target ?? '').split('/')) {
      if (segment === '' || segment === '.') continue;
      if (segment === '..') {
        if (at === root) throw hostile(link.path, `is a link that leaves the tree: ${quote(link.target ?? '')}`);
        at = parentOf(at);
        continue;
      }
      at = at === '' ? segment : `${at}/${segment}`;
      if (at.length > longestPath) throw hostile(link.path, 'leads to an overlong path');
      const next = this.#find(at);
      if (next?.kind === 'link') at = this.#follow(next, root, ends, depth + 1);
    }
    ends.set(link, at);
    return at;
  }
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** Why `entry` can't be admitted: at `path`, itself or a folder on its way, there is `known` already. */
function clash(entry: string, path: string, known: Entry): Error {
  if (path !== known.path) {
    return hostile(entry, `collides with ${quote(known.path)}: they differ only in case or Unicode form`);
  }
  if (entry !== path) return hostile(entry, `leads through ${quote(path)}, which is a ${known.kind}`);
  return hostile(entry, `is there twice, first as a ${known.kind}`);
}
