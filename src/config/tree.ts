/**
 * YAML text → plain values that remember where they were written.
 *
 * - Only strings, numbers, booleans, null, lists and mappings with text keys come out; `__proto__` is never a key.
 * - Values are counted after aliases were expanded, so that an alias bomb is refused early.
 * - Never throws.
 */
import { isAlias, isMap, isScalar, isSeq, type Node, type Scalar, visit } from 'yaml';
import { Lines, type Position } from './lines.ts';
import { abbreviate, type Path, show } from './problem.ts';
import { deepest, readYaml, type SourceProblem, tooDeep } from './yaml-source.ts';

/** A configuration of a thousand services stays well below. */
const mostValues = 200_000;

export interface TreeProblem extends Position {
  readonly path: Path;
  readonly message: string;
}

export interface Tree {
  /** `undefined` where the text could not be read, or holds nothing. */
  readonly value: unknown;
  readonly problems: readonly TreeProblem[];
  /** Where a value is, or its key; of a missing one, where its parent is. */
  locate(path: Path, part?: 'value' | 'key'): Position;
}

export interface ScalarSource {
  readonly value: unknown;
  /** As written, without quotes. */
  readonly source: string;
}

/** Gives each scalar its final value, or a message that says why it can't have one. */
export type ScalarReader = (
  scalar: ScalarSource,
  path: Path,
) => { readonly value: unknown } | { readonly message: string };

export function readTree(text: string, readScalar: ScalarReader): Tree {
  const lines = new Lines(text);
  const { root, problems } = readYaml(text);
  const reader = new TreeReader(lines, readScalar);
  for (const problem of problems) reader.report(problem.offset, [], problem.message);
  if (root) reader.read(root);
  return reader;
}

interface Place {
  readonly key: number;
  readonly value: number;
}

type MaybeNode = Node | null;

/** Ends the reading for good. */
class Abandoned extends Error {
  readonly problem: SourceProblem;

  constructor(problem: SourceProblem) {
    super(problem.message);
    this.problem = problem;
  }
}

class TreeReader implements Tree {
  value: unknown;
  readonly problems: TreeProblem[] = [];
  readonly #lines: Lines;
  readonly #readScalar: ScalarReader;
  readonly #places = new WeakMap<object, Map<string | number, Place>>();
  readonly #targets = new Map<Node, Node | undefined>();
  readonly #open = new Set<Node>();
  #root = 0;
  #values = 0;

  constructor(lines: Lines, readScalar: ScalarReader) {
    this.#lines = lines;
    this.#readScalar = readScalar;
  }

  read(root: Node): void {
    try {
      this.#root = offsetOf(root);
      this.#resolveAliases(root);
      this.value = this.#convert(root, [], 0);
    } catch (error) {
      const problem = error instanceof Abandoned ? error.problem : { offset: 0, message: `cannot read this: ${error}` };
      this.report(problem.offset, [], problem.message);
    }
  }

  report(offset: number, path: Path, message: string): void {
    this.problems.push({ ...this.#lines.position(offset), path, message });
  }

  locate(path: Path, part: 'value' | 'key' = 'value'): Position {
    let offset = this.#root;
    let current = this.value;
    for (const segment of path) {
      if (current === null || typeof current !== 'object') break;
      const place = this.#places.get(current)?.get(segment);
      if (!place) break;
      current = (current as Record<string | number, unknown>)[segment];
      offset = part === 'key' || current === null || typeof current === 'object' ? place.key : place.value;
    }
    return this.#lines.position(offset);
  }

  /** An alias stands for the nearest node before it with that anchor (YAML 1.2.2, section 7.1). */
  #resolveAliases(root: Node): void {
    const anchors = new Map<string, Node>();
    visit(root, {
      Node: (_, node) => {
        if (isAlias(node)) this.#targets.set(node, anchors.get(node.source));
        else if (node.anchor) anchors.set(node.anchor, node);
      },
    });
  }

  #target(node: MaybeNode): MaybeNode | undefined {
    return isAlias(node) ? this.#targets.get(node) : node;
  }

  #convert(node: MaybeNode, path: Path, depth: number): unknown {
    this.#count(node);
    if (depth > deepest) throw new Abandoned(tooDeep(offsetOf(node)));
    const target = this.#target(node);
    if (target !== node && target) return this.#convert(target, path, depth + 1);
    if (isAlias(node)) {
      const name = abbreviate(node.source);
      this.report(offsetOf(node), path, `cannot resolve the alias *${name}: expected &${name} before it`);
    }
    if (isScalar(node)) return this.#scalar(node, path);
    if (!isMap(node) && !isSeq(node)) return null;
    if (this.#open.has(node)) {
      throw new Abandoned({
        offset: offsetOf(node),
        message: 'cannot take an anchor that contains an alias to itself',
      });
    }
    this.#open.add(node);
    const value = isMap(node)
      ? this.#mapping(node.items, path, depth)
      : this.#list(node.items as MaybeNode[], path, depth);
    this.#open.delete(node);
    return value;
  }

  #scalar(node: Scalar, path: Path): unknown {
    const read = this.#readScalar({ value: node.value, source: node.source ?? String(node.value) }, path);
    if ('value' in read) return read.value;
    this.report(offsetOf(node), path, read.message);
    return node.value;
  }

  #list(items: readonly MaybeNode[], path: Path, depth: number): unknown[] {
    const list: unknown[] = [];
    const places = new Map<number, Place>();
    this.#places.set(list, places);
    for (const [index, item] of items.entries()) {
      places.set(index, { key: offsetOf(item), value: offsetOf(item) });
      list.push(this.#convert(item, [...path, index], depth + 1));
    }
    return list;
  }

  #mapping(items: readonly { key: unknown; value: unknown }[], path: Path, depth: number): object {
    const mapping: Record<string, unknown> = {};
    const places = new Map<string, Place>();
    this.#places.set(mapping, places);
    const merges: MaybeNode[] = [];
    for (const pair of items) {
      const [keyNode, value] = [pair.key as MaybeNode, pair.value as MaybeNode];
      if (isScalar(keyNode) && keyNode.value === '<<' && keyNode.type === 'PLAIN') {
        merges.push(value);
        continue;
      }
      const offset = offsetOf(keyNode);
      const key = this.#key(keyNode, path);
      if (key === undefined) continue;
      const first = places.get(key);
      if (first) {
        const { line } = this.#lines.position(first.key);
        const message = `cannot set ${show(key)} twice: it is set in line ${line} already`;
        this.report(offset, [...path, key], message);
        continue;
      }
      places.set(key, { key: offset, value: value ? offsetOf(value) : offset });
      mapping[key] = this.#convert(value, [...path, key], depth + 1);
    }
    for (const merge of merges) this.#merge(mapping, merge, path, depth);
    return mapping;
  }

  #key(node: MaybeNode, path: Path): string | undefined {
    const target = this.#target(node);
    if (!isScalar(target) || target.value === null) {
      this.report(offsetOf(node), path, 'cannot take this key: expected plain text');
      return undefined;
    }
    const key = typeof target.value === 'string' ? target.value : (target.source ?? String(target.value));
    if (key !== '__proto__') return key;
    this.report(offsetOf(node), path, 'cannot take "__proto__" as a key: choose another name');
    return undefined;
  }

  /** `<<: *defaults`, or a list of them: fills in what the mapping doesn't set; the first in a list wins. */
  #merge(mapping: Record<string, unknown>, node: MaybeNode, path: Path, depth: number): void {
    const target = this.#target(node);
    for (const item of isSeq(target) ? (target.items as MaybeNode[]) : [node]) {
      const source = this.#convert(item, path, depth + 1);
      if (source === null || typeof source !== 'object' || Array.isArray(source)) {
        this.report(offsetOf(item), path, `cannot merge ${show(source)}: expected an alias to a mapping`);
        continue;
      }
      for (const [key, merged] of Object.entries(source)) {
        const place = this.#places.get(source)?.get(key);
        if (Object.hasOwn(mapping, key) || !place) continue;
        this.#count(item);
        this.#places.get(mapping)?.set(key, place);
        mapping[key] = merged;
      }
    }
  }

  #count(node: MaybeNode): void {
    if (++this.#values <= mostValues) return;
    const message = `cannot take more than ${mostValues} values (aliases expanded)`;
    throw new Abandoned({ offset: offsetOf(node), message });
  }
}

function offsetOf(node: MaybeNode): number {
  return node?.range?.[0] ?? 0;
}
