/** Matches: patterns and functions that select tensors. */

import { OptionError, TensorError } from '../core/errors.js'
import { isCount } from '../core/numbers.js'
import { isObject, ownProperties, toBoundedArray } from '../core/untrusted-input.js'

/** A tensor, described for a match function. */
export interface TensorDescription {
  /** The dotted name, such as 'body.weight' or 'layers.0.bias'; '' if the parameters are a single array. */
  readonly name: string
  /** The dimensions from `shapes`; undefined if the dimensions are unknown. */
  readonly shape: readonly number[] | undefined
  /** The number of elements of the tensor. */
  readonly length: number
}

/**
 * Selects tensors:
 * - a pattern for dotted names: `*` matches any characters except dots, and `**` matches any characters; `**.bias` also
 *   matches `bias`
 * - `{ maxRank }`, which selects tensors with at most this number of dimensions; `shapes` must list the dimensions of
 *   the tensors
 * - a function that receives a tensor and returns whether it is selected
 * - an array of matches, which selects all tensors that at least one match selects
 */
export type Match =
  | string
  | { readonly maxRank: number }
  | ((tensor: TensorDescription) => boolean)
  | readonly Match[]

/** A match that selects no tensor. */
const NO_DIMENSIONS: Match = Object.freeze([])

/** The maximum nesting depth of the arrays in a match. */
const MAX_DEPTH = 10

/**
 * Reads a match and returns it as a frozen copy. Each property of the match is read once.
 *
 * @throws OptionError if the match is invalid
 */
export function readMatch(what: string, given: unknown, depth = 0, lists = new Set<unknown>()): Match {
  if (typeof given === 'string' || typeof given === 'function') return given as Match
  // A repeated array selects no further tensors. Repeated arrays are skipped, because nested repetitions would take
  // exponential time.
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
  throw new OptionError(what, 'a pattern, { maxRank }, a function, or an array of these', given)
}

/**
 * Whether a match selects the given tensor. The match may call user functions.
 *
 * @throws TensorError if a required rank is unknown, OptionError if a match function does not return a boolean
 */
export function matches(match: Match, tensor: TensorDescription): boolean {
  if (typeof match === 'string') return matchesPattern(match, tensor.name)
  if (typeof match === 'function') {
    const { name, shape, length } = tensor
    const isPicked: unknown = match(Object.freeze({ name, shape, length }))
    if (typeof isPicked === 'boolean') return isPicked
    throw new OptionError(`match of ${tensor.name}`, 'a boolean as the result', isPicked)
  }
  if (isList(match)) return match.some((one) => matches(one, tensor))
  if (tensor.shape !== undefined) return tensor.shape.length <= match.maxRank
  const expected = `the shape of ${tensor.name} for maxRank ([${tensor.length}] for one dimension)`
  throw new TensorError('shapes', expected, undefined)
}

const isList = (match: Match): match is readonly Match[] => Array.isArray(match)

/** The only name that a match selects; undefined if the match can select several names. */
export const exactName = (match: Match): string | undefined =>
  typeof match === 'string' && !match.includes('*') ? match : undefined

/**
 * Matches a name against a pattern, in time proportional to the total length of both. (Only a section between two `**`
 * that contains dots and stars may be tried at each part of the name.)
 */
export function matchesPattern(pattern: string, name: string): boolean {
  // If both strings start with a dot, `**.` always follows a dot and is a whole part.
  const text = `.${name}`
  const pieces = `.${pattern}`.split(/(\*\*\.?|\*)/)
  /** The last matched piece after a `**` and the start of this piece, the end of the match so far, and the next dot. */
  let [anchor, start, end, dot] = [0, 0, 0, -1]
  for (let k = 0; k < pieces.length; k += 2) {
    const stars = pieces[k - 1] ?? ''
    const isAny = stars[1] !== undefined
    const piece = stars.slice(2) + pieces[k]
    // The next dot is searched once, instead of once per star up to the end of the name.
    if (dot < end) dot = text.indexOf('.', end)
    if (dot < 0) dot = text.length
    /** The range of possible start positions; the last piece must end at the end of the name. */
    const from = pieces[k + 1] ? end : Math.max(end, text.length - piece.length)
    const to = stars ? (isAny ? Infinity : dot) : end
    const at = text.slice(0, to + piece.length).indexOf(piece, from)
    if (at >= from) {
      if (isAny) [anchor, start] = [k, at]
      end = at + piece.length
      // At the start of a part of the name, `**.` can match the empty string. The dot before the part then also counts
      // as the dot of `**.`.
      if (pieces[k + 1] === '**.' && pieces[k].endsWith('.')) end--
    } else {
      // The first match after a `**` is the best match within this part of the name. The search therefore continues in
      // the next part.
      end = text.indexOf('.', start) + 1
      if (anchor === 0 || isAny || end === 0) return false
      k = anchor - 2
      dot = -1
    }
  }
  return true
}
