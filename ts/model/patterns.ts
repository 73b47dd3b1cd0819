/** Which tensors are meant. */

import { OptionError, TensorError } from '../core/errors.js'
import { isCount } from '../core/numbers.js'
import { isObject, ownProperties, toBoundedArray } from '../core/untrusted-input.js'

/** A tensor as a function that picks some sees it. */
export interface TensorDescription {
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
  | ((tensor: TensorDescription) => boolean)
  | readonly Match[]

/** Picks no tensor. */
const NO_DIMENSIONS: Match = Object.freeze([])

/** How deep lists may be nested. */
const MAX_DEPTH = 10

/**
 * What was given as a match, each property read once: a frozen copy.
 *
 * @throws OptionError where it is none
 */
export function readMatch(what: string, given: unknown, depth = 0, lists = new Set<unknown>()): Match {
  if (typeof given === 'string' || typeof given === 'function') return given as Match
  // A list that has been looked at picks no more the second time: it would take forever, many in one another.
  if (lists.has(given)) return NO_DIMENSIONS
  const elements = depth < MAX_DEPTH ? toBoundedArray(given) : undefined
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
export function matches(match: Match, tensor: TensorDescription): boolean {
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

/** The one name that is picked, where there is no other. */
export const exactName = (match: Match): string | undefined =>
  typeof match === 'string' && !match.includes('*') ? match : undefined

/**
 * In time proportional to the sum of both lengths. (Only a stretch of a pattern from one `**` to the next with both dots
 * and stars in it may have to be tried at each part of the name.)
 */
export function matchesPattern(pattern: string, name: string): boolean {
  // With a dot in front of both, `**.` is a whole part wherever it follows one.
  const text = `.${name}`
  const pieces = `.${pattern}`.split(/(\*\*\.?|\*)/)
  /** The last piece behind `**` so far, where it was found; where what came of the pattern so far ends, and the next dot. */
  let [anchor, start, end, dot] = [0, 0, 0, -1]
  for (let k = 0; k < pieces.length; k += 2) {
    const stars = pieces[k - 1] ?? ''
    const isAny = stars[1] !== undefined
    const piece = stars.slice(2) + pieces[k]
    // Not at each star again, as far as to the end of the name.
    if (dot < end) dot = text.indexOf('.', end)
    if (dot < 0) dot = text.length
    /** From where to where it may begin; the last one ends where the name does. */
    const from = pieces[k + 1] ? end : Math.max(end, text.length - piece.length)
    const to = stars ? (isAny ? Infinity : dot) : end
    const at = text.slice(0, to + piece.length).indexOf(piece, from)
    if (at >= from) {
      if (isAny) [anchor, start] = [k, at]
      end = at + piece.length
      // As a whole part, `**.` may be nothing: the dot in front of it is the one that it ends with.
      if (pieces[k + 1] === '**.' && pieces[k].endsWith('.')) end--
    } else {
      // The first place for what follows a `**` is the best one in its part of the name: the next one is in another.
      end = text.indexOf('.', start) + 1
      if (anchor === 0 || isAny || end === 0) return false
      k = anchor - 2
      dot = -1
    }
  }
  return true
}
