/** Arguments with marks at the places that accept hostile values, and the kinds of values that belong there. */

import type { Anything } from './subject.js'

/** Whether a value can be valid at a place, according to the docs of the call. Any other value must be refused. */
export type Kind = (value: Anything, title: string, good: Anything) => boolean

class Mark {
  readonly kind: Kind
  readonly good: unknown
  readonly name: string | null | undefined

  constructor(kind: Kind, good: unknown, name: string | null | undefined) {
    this.kind = kind
    this.good = good
    this.name = name
  }
}

/**
 * A place with its valid value, which may contain further places.
 *
 * @param name the name in messages, unless it is the path; null if the name differs between messages
 */
export const at = (kind: Kind, good: unknown, name?: string | null): Anything => new Mark(kind, good, name)

/** Marks all places of plain data whose messages use other names. The kind depends on the path. */
export function everywhere(
  kindAt: (path: readonly string[]) => Kind,
  good: unknown,
  path: string[] = [],
): Anything {
  const inner = isPlain(good) ? mapped(good, (one, key) => everywhere(kindAt, one, [...path, key])) : good
  return at(kindAt(path), inner, null)
}

export interface Place {
  readonly path: readonly string[]
  readonly name: string | null
  readonly kind: Kind
  readonly good: unknown
}

/** All places in the arguments by name. Names in messages begin with `says`. */
export function placesOf(args: Readonly<Record<string, unknown>>, says = ''): Place[] {
  const start = says === '' ? '' : `${says}: `
  return Object.entries(args).flatMap(([key, node]) => {
    // Messages name options without the word `options`.
    const inside = key === 'options' ? start : `${start}${key}: `
    return places(node, [key], start + key, inside)
  })
}

function places(node: unknown, path: string[], name: string | null, inside: string | null): Place[] {
  if (node instanceof Mark) {
    const own = node.name === undefined ? name : node.name
    const within = node.name === undefined ? inside : own && `${own}: `
    const place = { path, name: own, kind: node.kind, good: build(node) }
    return [place, ...places(node.good, path, own, within)]
  }
  if (!isPlain(node)) return []
  return Object.entries(node).flatMap(([key, inner]) => {
    const own = Array.isArray(node) ? `${inside?.replace(/: $/, '')}[${key}]` : `${inside}${key}`
    const next = inside === null ? null : own
    return places(inner, [...path, key], next, next && `${next}: `)
  })
}

/** A path, and a property definition that replaces the value at the path. */
export type Attack = readonly [path: readonly string[], property: PropertyDescriptor]

/** Builds fresh arguments without marks. In an attack, the value at the attack's path is replaced. */
export function build(node: unknown, attack?: Attack): Anything {
  if (node instanceof Mark) return build(node.good, attack)
  if (ArrayBuffer.isView(node)) return (node as Float32Array).slice()
  if (!isPlain(node)) return node
  const [[first, ...rest], property] = attack ?? [[]]
  return mapped(
    node,
    (inner, key) => {
      if (key !== first) return build(inner)
      return rest.length === 0 ? property : build(inner, [rest, property as PropertyDescriptor])
    },
    rest.length === 0 ? first : undefined,
  )
}

/** Copies a value with mapped contents. The property at `defined` is replaced. */
function mapped<T extends object>(
  node: T,
  of: (inner: unknown, key: string) => unknown,
  defined?: string,
): T {
  const copy = Array.isArray(node) ? [] : Object.create(Object.getPrototypeOf(node))
  for (const [key, inner] of Object.entries(node)) {
    const value = of(inner, key)
    if (key !== defined) copy[key] = value
    else
      Object.defineProperty(copy, key, {
        ...{ enumerable: true, configurable: true },
        ...(value as PropertyDescriptor),
      })
  }
  return copy
}

/** Whether the value is an array or a plain object. */
export function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return Array.isArray(value) || prototype === Object.prototype || prototype === null
}

// Kinds

const number =
  (test: (x: number) => boolean): Kind =>
  (x) =>
    typeof x === 'number' && test(x)

export const anyNumber = number(() => true)
export const finite = number(Number.isFinite)
export const from = (least: number, most = Number.MAX_VALUE) => number((x) => x >= least && x <= most)
export const positive = number((x) => x > 0 && x < Infinity)
/** [0, 1) */
export const fraction = number((x) => x >= 0 && x < 1)
/** (0, 1] */
export const part = number((x) => x > 0 && x <= 1)
export const count = (least: number, most = Infinity) =>
  number((x) => Number.isInteger(x) && x >= least && x <= most)
export const flag: Kind = (x) => typeof x === 'boolean'
export const text: Kind = (x) => typeof x === 'string'
export const word =
  (...words: readonly unknown[]): Kind =>
  (x) =>
    words.includes(x)
export const callback: Kind = (x) => typeof x === 'function'
export const no: Kind = () => false
export const any: Kind = () => true
/** Accepts values that have one of the titles. */
export const only =
  (...titles: readonly string[]): Kind =>
  (_, title) =>
    titles.includes(title)
/** Accepts all values of the given kinds. */
export const or =
  (...kinds: readonly Kind[]): Kind =>
  (...given) =>
    kinds.some((kind) => kind(...given))
export const optional = (kind: Kind) => or(word(undefined), kind)
export const orNull = (kind: Kind) => or(word(undefined, null), kind)
export const scheduled = (kind: Kind) => or(optional(kind), callback)
/** An object with names. */
export const names: Kind = (x) =>
  typeof x === 'object' && x !== null && !Array.isArray(x) && !ArrayBuffer.isView(x) && !(x instanceof String)
/** An object without properties of its own counts as empty. */
export const record: Kind = (x, ...rest) =>
  x === undefined || (names(x, ...rest) && Object.keys(x).length === 0)
export const tensor: Kind = (x) => x instanceof Float32Array || x instanceof Float64Array
/** Parameters, some of which may be missing. */
export const tensors = or(tensor, record, only('an empty list', 'a list of it'))
export const numbers = or(tensor, (x) => Array.isArray(x) && typeof x[0] === 'number')
export const match: Kind = (x, title, ...rest) =>
  or(text, callback, only('an empty list', 'a list of it'))(x, title, ...rest)
