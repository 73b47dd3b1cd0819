/**
 * Groups the elements of a list by key, in the order in which the keys first occur. (`Map.groupBy` is missing in Node
 * 20.)
 */
export function groupBy<K, T>(list: Iterable<T>, getKey: (one: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const one of list) {
    const key = getKey(one)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [one])
    else group.push(one)
  }
  return groups
}
