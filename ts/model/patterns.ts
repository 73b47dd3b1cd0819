/** Which tensors are meant. */

import { OptionError, TensorError } from '../ground/errors.js'
import { isObject, listOf, ownProperties } from '../ground/given.js'
import { isCount } from '../ground/numbers.js'

/** A tensor as a function that picks some sees it. */
export interface Described {
  /** Dotted, as 'body.weight' or 'layers.0.bias'; '' for parameters that are one array. */
  readonly name: string
  /** As `shapes` says; undefined where it says nothing. */
  readonly shape: readonly number[] | undefined
  /** How many elements it has. */
  readonly length: number
}

/**
 * Picks tensors:
 * - a pattern on their dotted names: `*` stands for anything but a dot, `**` for anything; as a whole
 *   part, `**.bias` also is `bias`
 * - `{ maxRank }`: those with at most so many dimensions, of which `shapes` must say how many there are
 * - a function of the tensor
 * - a list: what any of these picks
 */
export type Match =
  | string
  | { readonly maxRank: number }
  | ((tensor: Described) => boolean)
  | readonly Match[]

/** Picks no tensor. */
const NOTHING: Match = Object.freeze([])

/** How deep lists may be nested. */
const DEEPEST = 10

/**
 * What was given as a match, each property read once: a frozen copy.
 *
 * @throws OptionError where it is none
 */
export function readMatch(what: string, given: unknown, depth = 0, lists = new Set<unknown>()): Match {
  if (typeof given === 'string' || typeof given === 'function') return given as Match
  // A list that has been looked at picks no more the second time: it would take forever, many in one another.
  if (lists.has(given)) return NOTHING
  const elements = depth < DEEPEST ? listOf(given) : undefined
  if (elements !== undefined) {
    const list = Object.freeze(elements.map((one) => readMatch(what, one, depth + 1, lists)))
    lists.add(given)
    return list
  }
  if (isObject(given)) {
    const { maxRank, ...unknown } = ownProperties(given)
    if (isCount(maxRank) && Object.keys(unknown).length === 0) return Object.freeze({ maxRank })
  }
  throw new OptionError(what, 'a pattern, { maxRank }, a function, or a list of these', given)
}

/**
 * Whether a tensor is picked. Functions of the user may run.
 *
 * @throws TensorError where its rank is asked for and unknown; OptionError where a function does not say
 * true or false
 */
export function matches(match: Match, tensor: Described): boolean {
  if (typeof match === 'string') return matchesPattern(match, tensor.name)
  if (typeof match === 'function') {
    const { name, shape, length } = tensor
    const isPicked: unknown = match(Object.freeze({ name, shape, length }))
    if (typeof isPicked === 'boolean') return isPicked
    throw new OptionError(`match of ${tensor.name}`, 'true or false from the function', isPicked)
  }
  if (isList(match)) return match.some((one) => matches(one, tensor))
  if (tensor.shape !== undefined) return tensor.shape.length <= match.maxRank
  const expected = `the shape of ${tensor.name} ([${tensor.length}] for one dimension), as a group asks for its rank`
  throw new TensorError('shapes', expected, undefined)
}

const isList = (match: Match): match is readonly Match[] => Array.isArray(match)

/**
 * In time proportional to both lengths, whatever they are: a regular expression with several `**` would
 * take exponential time on some names.
 */
export function matchesPattern(pattern: string, name: string): boolean {
  // '*' as one dot-less run, '**' as any run, and '**.' as any run that ends with a dot, or nothing.
  const tokens = pattern.match(/\*\*\.|\*\*|\*|[^*]/gs) ?? []
  /** After which of the name's characters what came of the pattern so far may end. */
  let ends = new Set([0])
  tokens.forEach((token, k) => {
    const isWholePart = token === '**.' && (k === 0 || tokens[k - 1] === '.')
    const next = new Set<number>()
    if (token === '*') {
      for (const end of ends) {
        for (let at = end; !next.has(at); at++) {
          next.add(at)
          if (at >= name.length || name[at] === '.') break
        }
      }
    } else if (token === '**' || token === '**.') {
      let first = name.length + 1
      for (const end of ends) first = Math.min(first, end)
      for (let at = first; at <= name.length; at++) {
        if (token === '**' || (at > first && name[at - 1] === '.')) next.add(at)
      }
      if (isWholePart) for (const end of ends) next.add(end)
    } else {
      for (const end of ends) if (name[end] === token) next.add(end + 1)
    }
    ends = next
  })
  return ends.has(name.length)
}
