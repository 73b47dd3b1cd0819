/** The correction pairs of L-BFGS in lanes, and the direction that they give. */

import { EPSILON } from '../../core/numbers.js'
import { MIN_CURVATURE } from '../lbfgs-limits.js'
import { defineLines, INFINITY, type LaneBuilder } from './lines.js'
import type { LaneFields } from './solver.js'
import type { LaneVectors } from './vectors.js'

/** A step s and the change y of the gradient, as nodes, with ρ = 1/(s·y). */
interface LanePair {
  readonly s: readonly number[]
  readonly y: readonly number[]
  readonly rho: number
}

/** The pairs of a lane, newest first, and the count of the pairs that exist, as a node. */
export interface PairList {
  readonly pairs: readonly LanePair[]
  readonly count: number
}

/** A pair in the products of a direction. */
interface UsedPair extends LanePair {
  readonly isUsed: number
  /** ρ·(y·y), the inverse of the first estimate's scale. */
  readonly scale: () => number
}

/** Whether a pair shows curvature that exceeds rounding errors. */
const usefulness = defineLines(
  `
  rho = 1/curvature
  isUseful = curvature > EPSILON*abs(slope) && rho*change > 0 && rho < INFINITY
`,
  { EPSILON, INFINITY },
)

/** A pair without the held variables; not used if it then shows no curvature. */
const reduction = defineLines(
  `
  ownRho = noneHeld ? rho : 1/curvature
  isUsed = exists && (noneHeld || curvature*rho > MIN_CURVATURE)
`,
  { MIN_CURVATURE },
)

export class LanePairs {
  readonly #b: LaneBuilder
  readonly #vectors: LaneVectors
  readonly #fields: LaneFields
  /** The pairs before the pass. */
  readonly #before: PairList

  constructor(
    b: LaneBuilder,
    vectors: LaneVectors,
    fields: LaneFields,
    { history, length }: { readonly history: number; readonly length: number },
  ) {
    this.#b = b
    this.#vectors = vectors
    this.#fields = fields
    const pairs = Array.from({ length: history }, (_, k) => ({
      s: fields.vector(`s${k}_`, length),
      y: fields.vector(`y${k}_`, length),
      rho: fields.scalar(`rho${k}`),
    }))
    this.#before = { pairs, count: fields.scalar('pairs') }
  }

  /** Count of the pairs before the pass. */
  get count(): number {
    return this.#before.count
  }

  /**
   * The pairs after the pass: a step that shows curvature is added if `adds` is 1, and all pairs are discarded if
   * `discards` is 1.
   */
  update(
    { s, y, slope }: { readonly s: readonly number[]; readonly y: readonly number[]; readonly slope: number },
    { adds, discards }: { readonly adds: number; readonly discards: number },
  ): PairList {
    const b = this.#b
    const v = this.#vectors
    const { pairs, count } = this.#before
    const { rho, isUseful } = usefulness(b, { curvature: v.dot(s, y), change: v.dot(y, y), slope })
    const shifts = b.multiply(adds, isUseful)
    const shifted: LanePair[] = []
    // The oldest pair is first, so that each pair can be stored in the place of the next older one.
    for (let k = pairs.length - 1; k >= 0; k--) {
      const newer = k === 0 ? { s, y, rho } : pairs[k - 1]
      shifted[k] = {
        s: v.select(shifts, newer.s, pairs[k].s),
        y: v.select(shifts, newer.y, pairs[k].y),
        rho: b.select(shifts, newer.rho, pairs[k].rho),
      }
    }
    const more = b.operation('min', b.add(count, shifts), b.constant(pairs.length))
    return { pairs: shifted, count: b.select(discards, b.zero, more) }
  }

  /** Stores the pairs for the next pass. All are discarded if `discards` is 1. */
  store({ pairs, count }: PairList, discards: number): void {
    for (const [k, { s, y, rho }] of pairs.entries()) {
      this.#fields.set({ [`s${k}_`]: s, [`y${k}_`]: y, [`rho${k}`]: rho })
    }
    this.#fields.set({ pairs: this.#b.select(discards, this.#b.zero, count) })
  }

  /** The direction −H·g of the variables that are not held, by the two-loop recursion. */
  direction(
    { pairs, count }: PairList,
    gradient: readonly number[],
    held: readonly number[],
    isBounded: boolean,
  ): number[] {
    const b = this.#b
    const v = this.#vectors
    const noneHeld = b.subtract(b.one, v.any(held))
    const used = pairs.map((pair, k) => {
      const exists = b.operation('less', b.constant(k), count)
      return isBounded ? this.#reduce(pair, { held, exists, noneHeld }) : this.#whole(pair, exists)
    })
    const steepest = gradient.map((g, i) => b.select(held[i], b.zero, b.subtract(b.zero, g)))
    const size = v.sum(steepest.map((x) => b.operation('abs', x)))
    let d = steepest
    const alphas = used.map(({ s, y, rho, isUsed }) => {
      const alpha = b.select(isUsed, b.multiply(rho, v.dot(s, d)), b.zero)
      d = v.addScaled(d, b.negate(alpha), y)
      return alpha
    })
    // The newest used pair scales the direction. Without bounds, this is the first pair.
    const [newest, ...others] = used
    const older = isBounded
      ? others.reduceRight((scale, pair) => b.select(pair.isUsed, pair.scale(), scale), b.one)
      : b.one
    const scale = b.select(newest.isUsed, newest.scale(), older)
    const gamma = b.divide(b.one, scale)
    d = d.map((x) => b.multiply(x, gamma))
    for (let k = used.length - 1; k >= 0; k--) {
      const { s, y, rho, isUsed } = used[k]
      const factor = b.subtract(alphas[k], b.multiply(rho, v.dot(y, d)))
      d = v.addScaled(d, b.select(isUsed, factor, b.zero), s)
    }
    const hasUsed = v.any(used.map(({ isUsed }) => isUsed))
    return d.map((x, i) => {
      // The steps of the pairs move held variables, too.
      const own = isBounded ? b.select(held[i], b.zero, x) : x
      return b.select(hasUsed, own, b.divide(steepest[i], size))
    })
  }

  #whole(pair: LanePair, isUsed: number): UsedPair {
    const b = this.#b
    return { ...pair, isUsed, scale: () => b.multiply(pair.rho, this.#vectors.dot(pair.y, pair.y)) }
  }

  #reduce(
    { s, y, rho }: LanePair,
    {
      held,
      ...names
    }: { readonly held: readonly number[]; readonly exists: number; readonly noneHeld: number },
  ): UsedPair {
    const b = this.#b
    const v = this.#vectors
    // Without the held variables in y, no product of s depends on them.
    const change = y.map((yi, i) => b.select(held[i], b.zero, yi))
    const { ownRho, isUsed } = reduction(b, { ...names, curvature: v.dot(s, change), rho })
    return { s, y: change, rho: ownRho, isUsed, scale: () => b.multiply(ownRho, v.dot(change, change)) }
  }
}
