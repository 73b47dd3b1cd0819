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
import { factorize, factorizeComplex, type LinearFactors, solve } from './linear-systems.js'

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
  readonly real: LinearFactors
  readonly complex: LinearFactors
}

/** Arrays of the Newton iterations. */
interface NewtonArrays {
  readonly stages: readonly Float64Array[]
  /** Rates at the stages, and two of their combinations. */
  readonly f: readonly Float64Array[]
  /** Transformed stages, and the solutions of the transformed equations. */
  readonly w: readonly Float64Array[]
  readonly real: Float64Array
  readonly complex: Float64Array
}

/** Arrays of the differentiated stage equations. */
interface VariationalArrays {
  readonly matrix: Float64Array
  readonly jacobian: Float64Array
  readonly slopes: Float64Array
  /** J·S + ∂f/∂p and the right-hand side, with one number per state, stage and direction. */
  readonly own: Float64Array
  readonly right: Float64Array
}

/** One integration by Radau IIA, between two events. */
class RadauSegment {
  readonly #flow: Flow
  readonly #control: StepControl
  readonly #z: Float64Array
  readonly #jacobian: Float64Array
  readonly #rates: Float64Array
  readonly #scale: Float64Array
  /** Displacements of the stages, and the stage that is evaluated. */
  readonly #stages: readonly Float64Array[]
  readonly #at: Float64Array
  readonly #newton: NewtonArrays
  readonly #variational: VariationalArrays
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
    this.#rates = make()
    this.#scale = make()
    this.#at = make()
    this.#stages = NODES.map(make)
    this.#newton = {
      stages: this.#stages,
      f: [0, 1, 2, 3, 4].map(make),
      w: NODES.map(make),
      real: make(),
      complex: new Float64Array(2 * n),
    }
    this.#variational = {
      matrix: new Float64Array(m > 0 ? 9 * n * n : 0),
      jacobian: new Float64Array(n * n),
      slopes: new Float64Array(n * m),
      own: new Float64Array(3 * n * m),
      right: new Float64Array(3 * n * m),
    }
    this.#newtonTolerance = Math.max((10 * EPSILON) / rtol, Math.min(0.03, Math.sqrt(rtol)))
  }

  *run(begin: number, end: number, { times, first, limit, emit }: SegmentOutputs): Slices<void> {
    const flow = this.#flow
    const z = this.#z
    flow.rates(begin, z, this.#rates)
    this.#linearize(begin)
    if (!areFinite(this.#rates) || !areFinite(this.#jacobian))
      throw new IntegrationStop(begin, 'a rate or its derivative is not a finite number')
    let t = begin
    let h = firstStep(flow, [t, end], z, this.#rates, this.#control.tolerances, 3)
    let output = first
    while (!isReached(t, end)) {
      if (this.#control.isPauseDue(flow.n * flow.n * flow.n)) yield
      for (; output < limit && isReached(t, times[output]); output++) emit(output, z)
      const target = Math.min(output < limit ? times[output] : end, end)
      const isLast = t + h >= target || isReached(t + h, target)
      const found = this.#step(t, isLast ? target - t : h)
      // A step that ends at a required time does not shorten the next step.
      const isShort = isLast && found.taken === target - t
      const next = found.h
      h = isShort && next < h ? h : next
      t = isShort ? target : t + found.taken
    }
    for (; output < limit; output++) emit(output, z)
  }

  #linearize(t: number): void {
    this.#flow.linearize(t, this.#z, this.#jacobian, this.#variational.slopes)
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
    for (let stage = 0; stage < 3; stage++) {
      const to = this.#stages[stage]
      if (previous === undefined) {
        to.fill(0)
        continue
      }
      const x = 1 + (h * NODES[stage]) / previous.h
      const weights = PREDICTION.map(([a, b, c]) => x * (a + x * (b + x * c)))
      combine(to, weights, previous.stages)
      const end = previous.stages[2]
      for (let i = 0; i < to.length; i++) to[i] -= end[i]
    }
  }

  /** Solves the stage equations by simplified Newton iterations. The result is undefined if they do not converge. */
  #solveStages(t: number, h: number): { readonly iterations: number; readonly rate: number } | undefined {
    const factors = this.#factorsFor(h)
    if (factors === undefined) return undefined
    const { n } = this.#flow
    const { stages, f, w, real, complex } = this.#newton
    this.#predict(h)
    for (let k = 0; k < 3; k++) combine(w[k], TI[k], stages)
    let [before, rate] = [0, 0]
    const [a, b, c] = [COMPLEX[0] / h, COMPLEX[1] / h, REAL / h]
    for (let k = 0; k < MAX_NEWTON_ITERATIONS; k++) {
      if (!this.#evaluateStages(t, h)) return undefined
      // The transformed residuals.
      combine(real, TI[0], f)
      combine(f[3], TI[1], f)
      combine(f[4], TI[2], f)
      for (let i = 0; i < n; i++) {
        real[i] -= c * w[0][i]
        complex[2 * i] = f[3][i] - (a * w[1][i] - b * w[2][i])
        complex[2 * i + 1] = f[4][i] - (a * w[2][i] + b * w[1][i])
      }
      solve(factors.real, real, 1)
      solve(factors.complex, complex, 1)
      const norm = this.#changeNorm()
      if (k > 0) {
        rate = norm / before
        const left = pow(rate, MAX_NEWTON_ITERATIONS - k)
        if (!(rate < 1) || (left / (1 - rate)) * norm > this.#newtonTolerance) return undefined
      }
      for (let i = 0; i < n; i++) {
        w[0][i] += real[i]
        w[1][i] += complex[2 * i]
        w[2][i] += complex[2 * i + 1]
      }
      for (let stage = 0; stage < 3; stage++) combine(stages[stage], T[stage], w)
      if (norm === 0 || (k > 0 && (rate / (1 - rate)) * norm < this.#newtonTolerance))
        return { iterations: k + 1, rate }
      before = norm
    }
    return undefined
  }

  /** Writes the rates at the stages to f. The result is whether all rates are finite. */
  #evaluateStages(t: number, h: number): boolean {
    const { n } = this.#flow
    const { stages, f } = this.#newton
    const at = this.#at
    for (let k = 0; k < 3; k++) {
      const stage = stages[k]
      for (let i = 0; i < n; i++) at[i] = this.#z[i] + stage[i]
      this.#flow.rates(t + NODES[k] * h, at, f[k])
      if (!areFinite(f[k])) return false
    }
    return true
  }

  /** Root mean square of the last change of the transformed stages, relative to the tolerances. */
  #changeNorm(): number {
    const { n } = this.#flow
    const { real, complex } = this.#newton
    const scale = this.#scale
    let sum = 0
    for (let i = 0; i < n; i++) {
      const p = real[i] / scale[i]
      const q = complex[2 * i] / scale[i]
      const r = complex[2 * i + 1] / scale[i]
      sum += p * p + q * q + r * r
    }
    return Math.sqrt(sum / (3 * n))
  }

  /** Norm of the error estimate of a step. */
  #errorNorm(t: number, h: number, isRetry: boolean): number {
    const { n } = this.#flow
    const z = this.#z
    const { real } = this.#factors as StageFactors
    const { rtol, atol } = this.#control.tolerances
    const stages = this.#stages
    const rest = new Float64Array(n)
    combine(rest, ERRORS, stages)
    const normOf = (rates: Float64Array): { norm: number; error: Float64Array } => {
      const error = new Float64Array(n)
      for (let i = 0; i < n; i++) error[i] = rates[i] + rest[i] / h
      solve(real, error, 1)
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

  /**
   * Solves the differentiated stage equations U − h·(A⊗J)·U = h·(A⊗I)·(J·S + ∂f/∂p), with J at each stage. The stages
   * of a state are neighbors, so that the zeros of J remain zeros of the factors.
   */
  #stepSensitivities(t: number, h: number): void {
    const { n, m } = this.#flow
    const z = this.#z
    const size = 3 * n
    const { matrix, own, right, jacobian, slopes } = this.#variational
    matrix.fill(0)
    own.fill(0)
    for (let b = 0; b < 3; b++) {
      for (let i = 0; i < n; i++) this.#at[i] = z[i] + this.#stages[b][i]
      this.#flow.linearize(t + NODES[b] * h, this.#at, jacobian, slopes)
      for (let i = 0; i < n; i++) {
        const to = (3 * i + b) * m
        for (let d = 0; d < m; d++) own[to + d] = slopes[d * n + i]
        for (let j = 0; j < n; j++) {
          const slope = jacobian[i * n + j]
          if (slope === 0) continue
          for (let a = 0; a < 3; a++) matrix[(3 * i + a) * size + 3 * j + b] = -h * STAGES[a][b] * slope
          for (let d = 0, from = n + j; d < m; d++, from += n) own[to + d] += slope * z[from]
        }
      }
    }
    for (let row = 0; row < size; row++) matrix[row * size + row] += 1
    const factors = factorize(matrix, size)
    if (factors === undefined) throw new IntegrationStop(t, 'the equations of the sensitivities are singular')
    for (let i = 0; i < n; i++) {
      const from = 3 * i * m
      for (let a = 0; a < 3; a++) {
        const p = STAGES[a][0] * h
        const q = STAGES[a][1] * h
        const r = STAGES[a][2] * h
        for (let at = from; at < from + m; at++)
          right[at + a * m] = p * own[at] + q * own[at + m] + r * own[at + 2 * m]
      }
    }
    solve(factors, right, m)
    for (let i = 0; i < n; i++) {
      const from = (3 * i + 2) * m
      for (let d = 0; d < m; d++) z[n * (1 + d) + i] += right[from + d]
    }
  }
}

/** Writes the combination of three vectors to `out`. */
function combine(out: Float64Array, factors: readonly number[], vectors: readonly Float64Array[]): void {
  const a = factors[0]
  const b = factors[1]
  const c = factors[2]
  const x = vectors[0]
  const y = vectors[1]
  const z = vectors[2]
  for (let i = 0; i < out.length; i++) out[i] = a * x[i] + b * y[i] + c * z[i]
}

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
