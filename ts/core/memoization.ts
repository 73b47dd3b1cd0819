/** Memoization by the identity of an object. */

/** Memoizes a function by the identity of its argument. */
export function memoizeBy<K extends object, T>(make: (key: K) => T): (key: K) => T {
  const kept = new WeakMap<K, T>()
  return (key) => {
    const made = kept.get(key) ?? make(key)
    kept.set(key, made)
    return made
  }
}
