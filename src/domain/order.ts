/** Dependencies between services, as an order to start in; stopping goes the other way round. */

/** Names by rank: each depends only on names of earlier ranks. Names in a cycle come last, together. */
export function startOrder(dependsOn: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const left = new Map(dependsOn);
  const ranks: string[][] = [];
  while (left.size > 0) {
    const free = [...left].filter(([, needs]) => needs.every(name => !left.has(name))).map(([name]) => name);
    const rank = (free.length > 0 ? free : [...left.keys()]).sort();
    for (const name of rank) left.delete(name);
    ranks.push(rank);
  }
  return ranks;
}
