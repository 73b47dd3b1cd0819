/**
 * Linear algebra of Hessians of groups that share parameters. The Hessian has the form of an arrowhead: a group's own
 * parameters meet only each other and the joint parameters. The own parameters are eliminated group by group, so that
 * time and memory grow linearly with the number of groups.
 */

import { triangleIndex } from '../programs/ldlt.js'
import { cholesky, equilibration, solveCholesky, substitute, substituteBack } from './dense-newton.js'
import type { HessianAlgebra, NewtonStep, SecondOrderEvaluation } from './newton.js'

/** The places of the parameters of all groups in one vector. */
export interface ArrowheadLayout {
  /** Number of joint parameters, which come first in the vector. */
  readonly joint: number
  /** Place in the vector of each parameter of each group. */
  readonly places: readonly (readonly number[])[]
  /** Places of parameters that count as joint ones although they are parameters of one group. */
  readonly promoted?: ReadonlySet<number>
}

/** Lower triangles of the groups' Hessians (empty for a group that is left out), and the diagonal of their sum. */
export interface ArrowheadHessian {
  readonly blocks: readonly Float64Array[]
  readonly diagonal: Float64Array
}

export type ArrowheadEvaluation = SecondOrderEvaluation<ArrowheadHessian>

/** The factors of a group. */
interface GroupFactors {
  /** Places of the group's own free parameters, and of its joint free parameters. */
  readonly own: readonly number[]
  readonly joint: readonly number[]
  /** Factor L of the own parameters, and L⁻¹ times the columns of the joint parameters. */
  readonly lower: number[][]
  readonly crossed: readonly (readonly number[])[]
}

interface ArrowheadFactors {
  readonly groups: readonly GroupFactors[]
  /** Places of the joint free parameters, their order, and the factor of their Schur complement. */
  readonly joint: readonly number[]
  readonly order: ReadonlyMap<number, number>
  readonly lower: number[][]
  readonly scale: Float64Array
}

/** Adds the evaluations of the groups; a group that is left out has none. */
export function sumGroups(
  { places }: ArrowheadLayout,
  size: number,
  groups: readonly (SecondOrderEvaluation | undefined)[],
): ArrowheadEvaluation {
  const [gradient, diagonal] = [new Float64Array(size), new Float64Array(size)]
  let value = 0
  for (const [g, at] of groups.entries()) {
    if (at === undefined) continue
    value += at.value
    for (const [i, place] of places[g].entries()) {
      gradient[place] += at.gradient[i]
      diagonal[place] += at.hessian[triangleIndex(i, i)]
    }
  }
  const blocks = groups.map((at) => at?.hessian ?? new Float64Array())
  return { value, gradient, hessian: { blocks, diagonal } }
}

export function arrowheadAlgebra(layout: ArrowheadLayout): HessianAlgebra<ArrowheadHessian> {
  return {
    isFinite: ({ blocks }) => blocks.every((block) => block.every(Number.isFinite)),
    diagonal: ({ diagonal }, i) => diagonal[i],
    solve: (at, free, damping) => solve(layout, at, free, damping),
  }
}

function factor(
  { joint: jointCount, places, promoted }: ArrowheadLayout,
  { blocks, diagonal }: ArrowheadHessian,
  free: readonly number[],
  damping: number,
): ArrowheadFactors | null {
  const isFree = new Uint8Array(diagonal.length)
  for (const i of free) isFree[i] = 1
  const scale = diagonal.map(equilibration)
  const isJoint = (i: number) => i < jointCount || promoted?.has(i) === true
  const joint = free.filter(isJoint)
  const order = new Map(joint.map((i, k) => [i, k]))
  const schur = joint.map((_, a) => joint.map((_, b) => (a === b ? damping : 0)))
  const groups: GroupFactors[] = []
  for (const [g, block] of blocks.entries()) {
    if (block.length === 0) continue
    const own = [...places[g].keys()].filter((i) => !isJoint(places[g][i]) && isFree[places[g][i]])
    const shared = [...places[g].keys()].filter((i) => isJoint(places[g][i]) && isFree[places[g][i]])
    const entry = (i: number, j: number) =>
      block[triangleIndex(i, j)] / scale[places[g][i]] / scale[places[g][j]]
    const lower = cholesky(own.length, (i, j) => entry(own[i], own[j]) + (i === j ? damping : 0))
    if (lower === null) return null
    const crossed = shared.map((s) =>
      substitute(
        lower,
        own.map((i) => entry(i, s)),
      ),
    )
    for (const [a, s] of shared.entries())
      for (const [b, t] of shared.entries()) {
        let rest = entry(s, t)
        for (let k = 0; k < own.length; k++) rest -= crossed[a][k] * crossed[b][k]
        schur[order.get(places[g][s]) as number][order.get(places[g][t]) as number] += rest
      }
    const at = (list: readonly number[]) => list.map((i) => places[g][i])
    groups.push({ own: at(own), joint: at(shared), lower, crossed })
  }
  const lower = cholesky(joint.length, (a, b) => schur[a][b])
  return lower && { groups, joint, order, lower, scale }
}

function solve(
  layout: ArrowheadLayout,
  { gradient, hessian }: ArrowheadEvaluation,
  free: readonly number[],
  damping: number,
): NewtonStep | null {
  const factors = factor(layout, hessian, free, damping)
  if (factors === null) return null
  const { groups, joint, order, lower, scale } = factors
  const right = gradient.map((slope, i) => -slope / scale[i])
  const reduced = joint.map((i) => right[i])
  const halves = groups.map((group) => {
    const half = substitute(
      group.lower,
      group.own.map((i) => right[i]),
    )
    for (const [a, place] of group.joint.entries())
      for (const [k, x] of half.entries()) reduced[order.get(place) as number] -= group.crossed[a][k] * x
    return half
  })
  const scaled = new Float64Array(gradient.length)
  for (const [k, x] of solveCholesky(lower, reduced).entries()) scaled[joint[k]] = x
  for (const [g, group] of groups.entries()) {
    const rest = halves[g].map((x, k) =>
      group.joint.reduce((all, place, a) => all - group.crossed[a][k] * scaled[place], x),
    )
    for (const [k, x] of substituteBack(group.lower, rest).entries()) scaled[group.own[k]] = x
  }
  const decrement = free.reduce((sum, i) => sum + right[i] * scaled[i], 0) / 2
  return { step: free.map((i) => scaled[i] / scale[i]), decrement, damping }
}

/** Entries of a vector by place. */
export type SparseVector = ReadonlyMap<number, number>

/** A vector multiplied by the inverse of the factor L of the Hessian. */
export interface HalfVector {
  readonly joint: readonly number[]
  /** The parts of the groups whose own parameters the vector has. */
  readonly groups: ReadonlyMap<object, readonly number[]>
}

/** The inverse of the Hessian: uᵀ·H⁻¹·v is the product of two half vectors. */
export interface ArrowheadInverse {
  /** The half vector, or null if an entry belongs to a parameter that is not free. */
  half(u: SparseVector): HalfVector | null
}

export function multiplyHalves(u: HalfVector | null, v: HalfVector | null): number {
  if (u === null || v === null) return NaN
  let sum = u.joint.reduce((all, x, k) => all + x * v.joint[k], 0)
  for (const [group, part] of u.groups) {
    const other = v.groups.get(group)
    if (other) sum = part.reduce((all, x, k) => all + x * other[k], sum)
  }
  return sum
}

/** The inverse of the Hessian of the free parameters; null if it is singular or indefinite. */
export function invertArrowhead(
  layout: ArrowheadLayout,
  hessian: ArrowheadHessian,
  free: readonly number[],
): ArrowheadInverse | null {
  const factors = factor(layout, hessian, free, 0)
  if (factors === null) return null
  const { groups, joint, order, lower, scale } = factors
  const placed = new Map(
    groups.flatMap((group) => group.own.map((place, k) => [place, { group, k }] as const)),
  )
  const half = (u: SparseVector): HalfVector | null => {
    const reduced = joint.map((i) => (u.get(i) ?? 0) / scale[i])
    const parts = new Map<GroupFactors, number[]>()
    for (const [place, x] of u) {
      if (order.has(place)) continue
      const found = placed.get(place)
      if (found === undefined) return null
      const { group, k } = found
      const own = parts.get(group) ?? group.own.map(() => 0)
      own[k] = x / scale[place]
      parts.set(group, own)
    }
    for (const [group, own] of parts) {
      const part = substitute(group.lower, own)
      parts.set(group, part)
      for (const [a, place] of group.joint.entries())
        for (const [k, x] of part.entries()) reduced[order.get(place) as number] -= group.crossed[a][k] * x
    }
    return { joint: substitute(lower, reduced), groups: parts }
  }
  return { half }
}
