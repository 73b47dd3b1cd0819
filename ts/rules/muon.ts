import { kernel, twice } from '../arena/kernel.js'
import { BLOCK, MuonMomentumKernel, NewtonSchulzKernel, ScaledKernel } from '../arena/manifest.js'
import { type MatrixLoopOf, matrixKernel } from '../arena/matrices.js'
import type { FloatArray, Matrix } from '../core/numbers.js'
import { sumColumn } from '../core/sums.js'
import { toBoundedArray } from '../core/untrusted-input.js'
import { choice, fraction, integerBetween, type Option, option } from '../options/kinds.js'
import { scheduled } from '../schedules/option.js'
import { adamw } from './adamw.js'
import { define, maskedByEps } from './define.js'
import { Scaled } from './norms.js'
import { addDelay, isMatrix, resolve } from './resolve.js'
import { preset, type RuleOf, rule } from './rule.js'

/** The coefficients a, b and c of X ← a·X + (b·P + c·P·P)·X, one triple per iteration. */
type Triples = readonly (readonly [a: number, b: number, c: number])[]

/**
 * Maximum number of triples in a row of coefficients. All further iterations use the last triple.
 */
const TRIPLES = 8

const named = {
  original: [[3.4445, -4.775, 2.0315]],
  quintic: [
    [4.0848, -6.8946, 2.927],
    [3.9505, -6.3029, 2.6377],
    [3.7418, -5.5913, 2.3037],
    [2.8769, -3.1427, 1.2046],
    [2.8366, -3.0525, 1.2012],
  ],
  polarExpress: [
    [8.237312490495555, -23.157747414558198, 16.680568411445915],
    [4.082441999064835, -2.893047735332586, 0.5252849256975648],
    [3.9263479922546582, -2.8547468034765298, 0.5318022422894988],
    [3.2982187133085143, -2.424541981026706, 0.48632008358844075],
    [2.2970369434552573, -1.63662558125903, 0.4002628455953627],
    [1.8763805351440397, -1.2347896577722228, 0.35891887501668385],
    [1.8564423485617974, -1.2132449880935525, 0.3568003487825883],
    [1.8749994008682747, -1.2499988017229169, 0.3749994008546422],
  ],
} as const satisfies Readonly<Record<string, Triples>>

const MuonMomentumLoop = twice<typeof MuonMomentumKernel>(
  (f) =>
    (_theta, g, { b }, { oneMinusMu, nesterov }, from, to, _, direction) => {
      for (let i = from; i < to; i++) {
        b[i] = f(b[i] + f(oneMinusMu * f(g[i] - b[i])))
        direction[i] = f(b[i] - f(nesterov * f(b[i] - g[i])))
      }
    },
)

const number = new Float32Array(1)
const bits = new Uint32Array(number.buffer)

/** Rounds a float64 number to float32, and then to the nearest bfloat16, ties to even. */
function toBfloat16(x: number): number {
  number[0] = x
  bits[0] = (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) & 0xffff0000
  return Number.isNaN(x) ? x : number[0]
}

/** Workspace: P, b·P + c·P·P, and the next X. */
const squares = ([rows, columns]: Matrix) => {
  const least = Math.min(rows, columns)
  return { p: least * least, q: least * least, other: rows * columns }
}

/**
 * X = u/max(√Σu², ε), transposed if u has more rows than columns. Each iteration computes P = X·Xᵀ, Q = c·(P·P) + b·P,
 * X' = Q·X + a·X, each sum with k ascending. After the last iteration, u = X.
 */
const NewtonSchulzLoop = twice(
  (f): MatrixLoopOf<typeof NewtonSchulzKernel, typeof squares> =>
    ({ g, shape: [rows, columns] }, row, { p, q, other }) => {
      const count = g.length
      const [least, most] = rows < columns ? [rows, columns] : [columns, rows]
      const isWide = rows <= columns
      const isRounded = row.bfloat16 !== 0
      const round = (x: number) => (isRounded ? toBfloat16(x) : x)

      /** Computes C ← α·A·B + β·D, or C ← A·B without D. Each element of C is one sum, with k ascending. */
      const multiply = (
        a: FloatArray,
        b: FloatArray,
        [bStep, bColumn]: readonly [number, number],
        c: FloatArray,
        d: FloatArray | null,
        [alpha, beta]: readonly [number, number],
        [columns, depth]: readonly [number, number],
      ) => {
        for (let i = 0; i < least; i++) {
          for (let j = 0; j < columns; j++) {
            let sum = 0
            for (let k = 0; k < depth; k++) {
              sum = f(sum + f(a[i * depth + k] * b[k * bStep + j * bColumn]))
            }
            const at = i * columns + j
            c[at] = round(d === null ? sum : f(f(beta * d[at]) + f(alpha * sum)))
          }
        }
      }

      let sum = 0
      for (let i = 0; i < count; i++) g[i] = round(g[i])
      for (let at = 0; at < count; at += BLOCK) sum += sumColumn('gradients', g.subarray(at, at + BLOCK))
      const norm = Math.sqrt(sum)
      // A NaN in the norm propagates. A divisor of 0 yields zeros.
      const larger = row.eps > norm ? row.eps : norm
      const divisor = larger === 0 ? Infinity : round(f(larger))
      let [x, next] = isWide ? [g, other] : [other, g]
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < columns; j++) {
          x[isWide ? i * columns + j : j * rows + i] = round(f(g[i * columns + j] / divisor))
        }
      }
      for (let step = 0; step < row.steps; step++) {
        const triple = step < TRIPLES ? step : TRIPLES - 1
        const [a, b, c] = ['a', 'b', 'c'].map((name) => f(row[`${name}${triple}` as 'a0']))
        multiply(x, x, [1, most], p, null, [1, 0], [least, most])
        multiply(p, p, [least, 1], q, p, [c, b], [least, least])
        multiply(q, x, [most, 1], next, x, [1, a], [most, least])
        ;[x, next] = [next, x]
      }
      if (x !== g && isWide) g.set(x)
      if (isWide) return
      if (x === g) other.set(g)
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < columns; j++) g[i * columns + j] = other[j * rows + i]
    },
)

type Coefficients = keyof typeof named | Triples

function coefficients(): Option<Coefficients> {
  const expected = `${Object.keys(named)
    .map((name) => `'${name}'`)
    .join(' or ')} or an array of 1 to ${TRIPLES} triples of finite numbers`
  const read = (_: string, value: unknown): Triples | undefined => {
    const triples = toBoundedArray(value, TRIPLES)?.map((triple) => toBoundedArray(triple, 3) ?? [])
    const isRight = triples?.every((triple) => triple.length === 3 && triple.every(Number.isFinite))
    if (!isRight || triples === undefined || triples.length < 1) return undefined
    return Object.freeze(triples.map((triple) => Object.freeze(triple))) as unknown as Triples
  }
  const accepts = (x: unknown) => typeof x === 'string' && Object.hasOwn(named, x)
  return option<Coefficients, Coefficients>(expected, 'original', accepts, read)
}

/** An option whose value is the rule for tensors that are not matrices. */
function otherRule(value: object): Option<object> {
  const read = (what: string, given: unknown): object | undefined => {
    const resolved = resolve(given, what)
    return resolved.definition.fallback === undefined ? addDelay(resolved) : undefined
  }
  return option('a rule such as adamw(), which supports all shapes', value, () => false, read)
}

/**
 * nesterov = 1−μ, or 0 without `nesterov`. The coefficients a, b and c depend on the iteration. d = 1 − η·λ, rate =
 * η·s, where `scale` determines s.
 */
export const definition = define('muon', {
  options: {
    lr: 1e-3,
    /** decay rate μ in [0, 1) of the momentum; may be scheduled */
    momentum: scheduled(fraction, 0.95),
    /** Nesterov's momentum: the direction is μ·b + (1−μ)·g instead of b */
    nesterov: true,
    /** decoupled: η·λ·θ is subtracted from the parameters */
    weightDecay: 0.1,
    /** number of Newton-Schulz iterations, from 1 to 100 */
    nsSteps: integerBetween(1, 100, 5),
    /**
     * a, b and c of X ← a·X + (b·P + c·P·P)·X: `'original'` (Jordan), `'quintic'` (Dion's five triples),
     * `'polarExpress'` (Amsel et al., 2025), or an array of up to eight triples, one per iteration; all further
     * iterations use the last triple
     */
    coefficients: coefficients(),
    /**
     * scale s of the orthogonal matrix with A rows and B columns: `'original'` is √max(1, A/B), `'matchRmsAdamW'` is
     * 0.2·√max(A, B), and `'spectralUnclamped'` is √(A/B)
     */
    scale: choice('original', 'matchRmsAdamW', 'spectralUnclamped'),
    /**
     * lower bound of the norm by which the matrix is divided; if the divisor is exactly 0, the quotient is 0
     */
    eps: 1e-7,
    /**
     * precision of X: `'parameters'`, the default, is the precision of the parameters; `'bfloat16'` is slower and
     * rounds like PyTorch
     */
    precision: choice('parameters', 'bfloat16'),
    /** rule for tensors that are not matrices: tensors without a shape, or with fewer than two dimensions */
    fallback: otherRule(adamw()),
    maximize: false,
  },
  kernels: [
    kernel(MuonMomentumKernel, MuonMomentumLoop),
    matrixKernel(NewtonSchulzKernel, NewtonSchulzLoop, squares),
    Scaled,
  ],
  stages: () => [MuonMomentumKernel, NewtonSchulzKernel, ScaledKernel],
  coefficients({ momentum, nesterov, nsSteps, coefficients, eps, precision }, row) {
    const places = MuonMomentumKernel.row
    row[places.oneMinusMu] = 1 - momentum
    row[places.nesterov] = nesterov ? 1 - momentum : 0
    row[places.steps] = nsSteps
    row[places.eps] = eps
    row[places.bfloat16] = precision === 'bfloat16' ? 1 : 0
    const triples: Triples = typeof coefficients === 'string' ? named[coefficients] : coefficients
    for (let k = 0; k < TRIPLES; k++) {
      row.set(triples[Math.min(k, triples.length - 1)], places.a0 + 3 * k)
    }
  },
  between({ lr, scale }, _, { rate }, i, _stage, length, rows) {
    const columns = length / rows
    const ratio = rows / columns
    const factor =
      scale === 'original'
        ? Math.sqrt(ratio > 1 ? ratio : 1)
        : scale === 'matchRmsAdamW'
          ? 0.2 * Math.sqrt(rows > columns ? rows : columns)
          : Math.sqrt(ratio)
    // An empty matrix has no ratio.
    rate[i] = length === 0 ? 0 : lr * factor
  },
  decay: ({ lr, weightDecay }) => 1 - lr * weightDecay,
  flushes: maskedByEps,
  fallback: ({ fallback }, shape) => (isMatrix(shape) ? undefined : fallback),
  fixed: ['fallback'],
  wantsShapes: true,
})

/** Muon's description; see {@link muon}. */
export interface Muon extends RuleOf<typeof definition> {}

/**
 * Muon (Jordan, 2024) makes the momentum b ← μ·b + (1−μ)·g of each matrix orthogonal by the Newton-Schulz iteration X ←
 * a·X + (b·P + c·P·P)·X with P = X·Xᵀ. The step is θ ← (1 − η·λ)·θ − η·s·X.
 *
 * A tensor whose shape in `shapes` has at least two dimensions is a matrix. The rows of the matrix are the first
 * dimension, and the columns are the product of all other dimensions. Tensors that are not matrices use the rule
 * `fallback`. `set(match, …)` changes the options of the fallback, and `report()` names the fallback. If `shapes`
 * contains no tensor of the rule, as in `minimize`, a TensorError is thrown. Embeddings and the last layer usually get
 * another rule: `groups: [{ match: ['embed', 'head'], rule: adamw() }]`.
 *
 * The defaults are PyTorch's defaults, except for `precision`. `muon.torch` also uses PyTorch's precision.
 * `muon.kellerJordan`, `muon.timm` and `muon.keras` use the defaults of Jordan's code, of timm and of Keras.
 *
 * State: b.
 * @throws OptionError if an option is unknown or out of its range
 */
export const muon = Object.assign(rule<Muon>(definition), {
  torch: preset<Muon>(definition, { precision: 'bfloat16' }),
  kellerJordan: preset<Muon>(definition, { lr: 0.02, weightDecay: 0, precision: 'bfloat16' }),
  timm: preset<Muon>(definition, {
    lr: 0.02,
    weightDecay: 0,
    nesterov: false,
    precision: 'bfloat16',
    coefficients: 'quintic',
    scale: 'matchRmsAdamW',
  }),
  keras: preset<Muon>(definition, { weightDecay: 0.004, scale: 'matchRmsAdamW' }),
})
