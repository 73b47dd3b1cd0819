/** Parameters in several structures, with the names and positions of a program's tensors. */

import type { Spec } from './models.js'

/** Indices of tensors in the structure of the parameters. */
export type Nested = number | readonly Nested[] | { readonly [key: string]: Nested }

/** A single array, an array of arrays, an object with unsorted keys, or a nested structure. */
export function structureOf(kind: number, count: number): Nested {
  const numbers = [...Array(count).keys()]
  if (kind === 0 && count === 1) return 0
  if (kind <= 1) return numbers
  if (kind === 2) {
    const keys = ['w', 'bias', '10', '__proto__', '2', 'x.y']
    return Object.fromEntries(numbers.map((i) => [keys[i], i]))
  }
  const nested: Record<string, Nested> = { embed: 0 }
  if (count > 1) nested.body = count > 3 ? [{ weight: 1, bias: 2 }, 3] : numbers.slice(1)
  if (count > 4) nested.a = count > 5 ? { bias: 4, scale: 5 } : { bias: 4 }
  return nested
}

/** A structure in which other values replace the tensors. */
export function build(structure: Nested, leaf: (tensor: number) => unknown): unknown {
  if (typeof structure === 'number') return leaf(structure)
  if (Array.isArray(structure)) return structure.map((child) => build(child, leaf))
  return Object.fromEntries(Object.entries(structure).map(([key, child]) => [key, build(child, leaf)]))
}

/** The dotted name of each tensor. */
export function namesOf(structure: Nested, path: readonly string[] = [], names: string[] = []): string[] {
  if (typeof structure === 'number') names[structure] = path.join('.')
  else for (const [key, child] of Object.entries(structure)) namesOf(child, [...path, key], names)
  return names
}

export function shapeOf({ length, form }: Spec): readonly number[] | undefined {
  if (form === 0) return undefined
  if (form === 3 && length === 1) return []
  const factor = [2, 3, 5, 13, 17].find((n) => length > 0 && length % n === 0) ?? 1
  return form === 1 ? [length] : [length / factor, factor]
}
