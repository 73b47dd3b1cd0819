/**
 * The implicit Runge-Kutta method Radau IIA of order 5 for stiff systems (Hairer and Wanner, Solving Ordinary
 * Differential Equations II, section IV.8), with the exact Jacobian. After each step, the sensitivities solve the
 * differentiated stage equations, which are linear, exactly.
 */

import type { Slices } from '../../core/slices.js'
import { pow } from '../../functions/index.js'
import {
  areFinite,
  firstStep,
  IntegrationStop,
  isReached,
  MAX_FACTOR,
  MIN_FACTOR,
  SAFETY,
  type StepControl,
} from './control.js'
import type { SegmentOutputs } from './explicit.js'
import type { Flow } from './flow.js'
import { factorize, factorizeComplex, type RealFactors, solve } from './linear-systems.js'

const S6 = Math.sqrt(6)
const NODES = [(4 - S6) / 10, (4 + S6) / 10, 1]
/** The matrix of the method. */
const STAGES = [
  [(88 - 7 * S6) / 360, (296 - 169 * S6) / 1800, (-2 + 3 * S6) / 225],
  [(296 + 169 * S6) / 1800, (88 + 7 * S6) / 360, (-2 - 3 * S6) / 225],
  [(16 - S6) / 36, (16 + S6) / 36, 1 / 9],
]
const ERRORS = [(-13 - 7 * S6) / 3, (-13 + 7 * S6) / 3, -1 / 3]
/** The eigenvalues of the inverse matrix of the method: 3 + 3^(2/3) − 3^(1/3), and a complex pair. */
const REAL = 3.637834252744496
const COMPLEX = [2.681082873627752, -3.0504301992474105] as const
/** The matrix of eigenvectors, and its inverse. */
const T = [
  [0.09443876248897524, -0.1412552950209542, 0.03002919410514742],
  [0.2502131229653333, 0.20412935229379994, -0.3829421127572619],
  [1, 1, 0],
]
const TI = [
  [4.178718591551904, 0.32768282076106237, 0.5233764454994495],
  [-4.178718591551904, -0.32768282076106237, 0.47662355450055044],
  [0.5028726349457868, -2.571926949855605, 0.5960392048282249],
]
/** Coefficients of the polynomial through the stages, which predicts the stages of the next step. */
const PREDICTION = [
  [13 / 3 + (7 * S6) / 3, -23 / 3 - (22 * S6) / 3, 10 / 3 + 5 * S6],
  [13 / 3 - (7 * S6) / 3, -23 / 3 + (22 * S6) / 3, 10 / 3 - 5 * S6],
  [1 / 3, -8 / 3, 10 / 3],
]
const MAX_NEWTON_ITERATIONS = 7
const EPSILON = Number.EPSILON

interface StageFactors {
  readonly real: RealFactors
  readonly complex: RealFactors
}

/** One integration by Radau IIA, between two events. */
class RadauSegment {
  readonly #flow: Flow
  readonly #control: StepControl
  readonly #z: Float64Array
  readonly #jacobian: Float64Array
  readonly #byDirection: Float64Array
  readonly #rates: Float64Array
  readonly #scale: Float64Array
  /** Displacements of the stages, and the stage that is evaluated. */
  readonly #stages: readonly Float64Array[]
  readonly #at: Float64Array
  readonly #newtonTolerance: number
  #factors: StageFactors | undefined
  #factorStep = 0
  #isCurrent = false
  #previous: { readonly h: number; readonly stages: readonly Float64Array[] } | undefined
  #old: { readonly h: number; readonly norm: number } | undefined

  constructor(flow: Flow, z: Float64Array, control: StepControl) {
    const { n, m } = flow
    const make = () => new Float64Array(n)
    const { rtol } = control.tolerances
    this.#flow = flow
    this.#control = control
    this.#z = z
    this.#jacobian = new Float64Array(n * n)
    this.#byDirection = new Float64Array(n * m)
    this.#rates = make()
    this.#scale = make()
    this.#at = make()
    this.#stages = NODES.map(make)
    this.#newtonTolerance = Math.max((10 * EPSILON) / rtol, Math.min(0.03, Math.sqrt(rtol)))
  }

  *run(begin: number, end: number, { times, emit }: SegmentOutputs): Slices<void> {
    const flow = this.#flow
    const z = this.#z
    flow.rates(begin, z, this.#rates)
    this.#linearize(begin)
    if (!areFinite(this.#rates) || !areFinite(this.#jacobian))
      throw new IntegrationStop(begin, 'a rate or its derivative is not a finite number')
    let t = begin
    let h = firstStep(flow, [t, end], z, this.#rates, this.#control.tolerances, 3)
    let output = 0
    while (!isReached(t, end)) {
      if (this.#control.isPauseDue(flow.n * flow.n * flow.n)) yield
      for (; output < times.length && isReached(t, times[output]); output++) emit(output, z)
      const target = Math.min(output < times.length ? times[output] : end, end)
      const isLast = t + h >= target || isReached(t + h, target)
      const found = this.#step(t, isLast ? target - t : h)
      // A step that ends at a required time does not shorten the next step.
      const isShort = isLast && found.taken === target - t
      const next = found.h
      h = isShort && next < h ? h : next
      t = isShort ? target : t + found.taken
    }
    for (; output < times.length; output++) emit(output, z)
  }

  #linearize(t: number): void {
    this.#flow.linearize(t, this.#z, this.#jacobian, this.#byDirection)
    this.#isCurrent = true
    this.#factors = undefined
  }

  /** Takes one step, and returns its size and the size of the next step. */
  #step(t: number, size: number): { readonly taken: number; readonly h: number } {
    const { n } = this.#flow
    const z = this.#z
    const { rtol, atol } = this.#control.tolerances
    for (let i = 0; i < n; i++) this.#scale[i] = atol[i] + rtol * Math.abs(z[i])
    let [h, isRetry] = [size, false]
    for (;;) {
      const solved = this.#solveStages(t, h)
      if (solved === undefined) {
        if (this.#isCurrent) {
          h *= 0.5
          isRetry = true
          this.#control.count(false, t, h)
        } else this.#linearize(t)
        continue
      }
      const safety =
        (SAFETY * (2 * MAX_NEWTON_ITERATIONS + 1)) / (2 * MAX_NEWTON_ITERATIONS + solved.iterations)
      const norm = this.#errorNorm(t, h, isRetry)
      const change = this.#changeOf(h, norm)
      if (!(norm <= 1)) {
        h *= norm < Infinity ? Math.max(MIN_FACTOR, safety * change) : MIN_FACTOR
        isRetry = true
        this.#control.count(false, t, h)
        continue
      }
      this.#accept(t, h)
      const isSlow = solved.iterations > 2 && solved.rate > 1e-3
      const factor = Math.min(MAX_FACTOR, safety * change)
      const next = !isSlow && factor >= 1 && factor < 1.2 ? h : h * factor
      this.#old = { h, norm }
      this.#isCurrent = false
      if (isSlow) this.#linearize(t + h)
      this.#control.count(true, t, h)
      return { taken: h, h: next }
    }
  }

  /** StageFactors of the Newton matrices for a step size. */
  #factorsFor(h: number): StageFactors | undefined {
    if (this.#factors !== undefined && this.#factorStep === h) return this.#factors
    const { n } = this.#flow
    const matrix = this.#jacobian.map((slope) => -slope)
    for (let i = 0; i < n; i++) matrix[i * n + i] += REAL / h
    const real = factorize(matrix, n)
    const complex = factorizeComplex([COMPLEX[0] / h, COMPLEX[1] / h], this.#jacobian, n)
    this.#factorStep = h
    this.#factors = real && complex && { real, complex }
    return this.#factors
  }

  /** Predicts the stages from the previous step. */
  #predict(h: number): void {
    const previous = this.#previous
    for (const [stage, to] of this.#stages.entries()) {
      if (previous === undefined) to.fill(0)
      else {
        const x = 1 + (h * NODES[stage]) / previous.h
        const weights = PREDICTION.map(([a, b, c]) => x * (a + x * (b + x * c)))
        for (let i = 0; i < to.length; i++) to[i] = mix(weights, previous.stages, i) - previous.stages[2][i]
      }
    }
  }

  /** Solves the stage equations by simplified Newton iterations. The result is undefined if they do not converge. */
  #solveStages(t: number, h: number): { readonly iterations: number; readonly rate: number } | undefined {
    const factors = this.#factorsFor(h)
    if (factors === undefined) return undefined
    const { n } = this.#flow
    const stages = this.#stages
    this.#predict(h)
    const w = TI.map((row) => Float64Array.from(stages[0], (_, i) => mix(row, stages, i)))
    const f = NODES.map(() => new Float64Array(n))
    const [real, complex] = [new Float64Array(n), new Float64Array(2 * n)]
    let [before, rate] = [0, 0]
    const scale = this.#scale
    const [a, b, c] = [COMPLEX[0] / h, COMPLEX[1] / h, REAL / h]
    for (let k = 0; k < MAX_NEWTON_ITERATIONS; k++) {
      for (let stage = 0; stage < 3; stage++) {
        for (let i = 0; i < n; i++) this.#at[i] = this.#z[i] + stages[stage][i]
        this.#flow.rates(t + NODES[stage] * h, this.#at, f[stage])
      }
      if (!f.every(areFinite)) return undefined
      for (let i = 0; i < n; i++) {
        real[i] = mix(TI[0], f, i) - c * w[0][i]
        complex[i] = mix(TI[1], f, i) - (a * w[1][i] - b * w[2][i])
        complex[n + i] = mix(TI[2], f, i) - (a * w[2][i] + b * w[1][i])
      }
      solve(factors.real, real, n)
      solve(factors.complex, complex, 2 * n)
      let sum = 0
      for (let i = 0; i < n; i++) {
        const [p, q, r] = [real[i] / scale[i], complex[i] / scale[i], complex[n + i] / scale[i]]
        sum += p * p + q * q + r * r
      }
      const norm = Math.sqrt(sum / (3 * n))
      if (k > 0) {
        rate = norm / before
        const left = pow(rate, MAX_NEWTON_ITERATIONS - k)
        if (!(rate < 1) || (left / (1 - rate)) * norm > this.#newtonTolerance) return undefined
      }
      for (let i = 0; i < n; i++) {
        w[0][i] += real[i]
        w[1][i] += complex[i]
        w[2][i] += complex[n + i]
        for (let stage = 0; stage < 3; stage++) stages[stage][i] = mix(T[stage], w, i)
      }
      if (norm === 0 || (k > 0 && (rate / (1 - rate)) * norm < this.#newtonTolerance))
        return { iterations: k + 1, rate }
      before = norm
    }
    return undefined
  }

  /** Norm of the error estimate of a step. */
  #errorNorm(t: number, h: number, isRetry: boolean): number {
    const { n } = this.#flow
    const z = this.#z
    const { real } = this.#factors as StageFactors
    const { rtol, atol } = this.#control.tolerances
    const stages = this.#stages
    const rest = Float64Array.from(stages[0], (_, i) => mix(ERRORS, stages, i) / h)
    const normOf = (rates: Float64Array): { norm: number; error: Float64Array } => {
      const error = rates.map((rate, i) => rate + rest[i])
      solve(real, error, n)
      let sum = 0
      for (let i = 0; i < n; i++) {
        const end = z[i] + stages[2][i]
        const part = error[i] / (atol[i] + rtol * Math.max(Math.abs(z[i]), Math.abs(end)))
        sum += part * part
      }
      return { norm: Math.sqrt(sum / n), error }
    }
    const { norm, error } = normOf(this.#rates)
    if (!(isRetry && norm > 1)) return norm
    for (let i = 0; i < n; i++) this.#at[i] = z[i] + error[i]
    const there = new Float64Array(n)
    this.#flow.rates(t, this.#at, there)
    return normOf(there).norm
  }

  /** Predictive change of the step size (Gustafsson, 1994). */
  #changeOf(h: number, norm: number): number {
    if (norm === 0) return MAX_FACTOR
    const old = this.#old
    const trend = old === undefined || old.norm === 0 ? 1 : (h / old.h) * pow(old.norm / norm, 0.25)
    return Math.min(1, trend) * pow(norm, -0.25)
  }

  #accept(t: number, h: number): void {
    const { n, m } = this.#flow
    const z = this.#z
    if (m > 0) this.#stepSensitivities(t, h)
    for (let i = 0; i < n; i++) z[i] += this.#stages[2][i]
    this.#previous = { h, stages: this.#stages.map((stage) => stage.slice()) }
    this.#flow.rates(t + h, z, this.#rates)
    if (!areFinite(z) || !areFinite(this.#rates))
      throw new IntegrationStop(t + h, 'a state, a rate or a derivative is not a finite number')
  }

  /** Solves the differentiated stage equations U − h·(A⊗J)·U = h·(A⊗I)·(J·S + ∂f/∂p), with J at each stage. */
  #stepSensitivities(t: number, h: number): void {
    const { n, m } = this.#flow
    const z = this.#z
    const size = 3 * n
    const matrix = new Float64Array(size * size)
    const jacobians = NODES.map(() => new Float64Array(n * n))
    const slopes = NODES.map(() => new Float64Array(n * m))
    for (let stage = 0; stage < 3; stage++) {
      for (let i = 0; i < n; i++) this.#at[i] = z[i] + this.#stages[stage][i]
      this.#flow.linearize(t + NODES[stage] * h, this.#at, jacobians[stage], slopes[stage])
    }
    for (let a = 0; a < 3; a++) {
      for (let b = 0; b < 3; b++) {
        const factor = -h * STAGES[a][b]
        const jacobian = jacobians[b]
        for (let i = 0; i < n; i++) {
          const to = (a * n + i) * size + b * n
          for (let j = 0; j < n; j++) matrix[to + j] = factor * jacobian[i * n + j]
        }
      }
    }
    for (let row = 0; row < size; row++) matrix[row * size + row] += 1
    const factors = factorize(matrix, size)
    if (factors === undefined) throw new IntegrationStop(t, 'the equations of the sensitivities are singular')
    const [own, right] = [new Float64Array(size), new Float64Array(size)]
    for (let direction = 0; direction < m; direction++) {
      const first = n * (1 + direction)
      for (let stage = 0; stage < 3; stage++) {
        const jacobian = jacobians[stage]
        const slope = slopes[stage]
        for (let i = 0; i < n; i++) {
          let sum = slope[direction * n + i]
          for (let j = 0; j < n; j++) sum += jacobian[i * n + j] * z[first + j]
          own[stage * n + i] = sum
        }
      }
      for (let a = 0; a < 3; a++) {
        const [p, q, r] = STAGES[a]
        for (let i = 0; i < n; i++) right[a * n + i] = h * (p * own[i] + q * own[n + i] + r * own[2 * n + i])
      }
      solve(factors, right, size)
      for (let i = 0; i < n; i++) z[first + i] += right[2 * n + i]
    }
  }
}

/** The combination of three vectors at an index. */
const mix = (factors: readonly number[], vectors: readonly Float64Array[], i: number): number =>
  factors[0] * vectors[0][i] + factors[1] * vectors[1][i] + factors[2] * vectors[2][i]

/** Integrates z from `begin` to `end`, and changes z in place. Each output time ends a step. */
export function* integrateStiff(
  flow: Flow,
  z: Float64Array,
  [begin, end]: readonly [number, number],
  outputs: SegmentOutputs,
  control: StepControl,
): Slices<void> {
  yield* new RadauSegment(flow, z, control).run(begin, end, outputs)
}
