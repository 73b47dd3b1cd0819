/** Loss functions: the cost of a row as a function of its residual. */

import { Builder } from '../../expressions/differentiate.js'
import type { Graph } from '../../expressions/graph.js'
import { defineLines, INFINITY } from '../../expressions/lines.js'

/** Graph nodes for the cost of one row. The derivative of the cost with respect to the model value is twice `slope`. */
export interface LossTerms {
  readonly cost: number
  readonly slope: number
  /** Weight that an iteration uses as half the second derivative of the cost (iteratively reweighted least squares). */
  readonly weight: number
  /** Half the second derivative of the cost, at least 0, for the standard errors. */
  readonly curvature: number
  /** Residual f − y, multiplied by the unit of the residuals. The residual equals `slope / weight`. */
  readonly residual: number
}

/**
 * Graph nodes of a row: its residual, model value, response, weight, and the loss scale in the unit of the residual.
 */
export interface LossRow {
  readonly residual: number
  readonly model: number
  readonly y: number
  readonly weight: number
  readonly scale: number
}

type MakeTerms = (b: Builder, row: LossRow) => Omit<LossTerms, 'residual'>

/**
 * Lower limit of ρ′ + 2·z·ρ″ for robust losses ρ(z). With a limit of 0, the curvature of χ² in a parameter could
 * vanish.
 */
const MIN_RESIDUAL = Number.EPSILON

/**
 * Robust loss c²·ρ(z) with z = w·(f − y)²/c². The source text of the loss defines `value` ρ, `first` ρ′, and `second`
 * ρ′ + 2·z·ρ″.
 */
function robustLoss(text: string): MakeTerms {
  const rho = defineLines(text)
  return (b, { residual, weight, scale }) => {
    const weighted = b.multiply(weight, residual)
    const square = b.multiply(scale, scale)
    const { value, first, second } = rho(b, { z: b.divide(b.multiply(weighted, residual), square) })
    return {
      cost: b.multiply(square, value),
      slope: b.multiply(weighted, first),
      weight: b.multiply(weight, first),
      curvature: b.multiply(weight, b.operation('max', second, b.constant(MIN_RESIDUAL))),
    }
  }
}

const deviance = defineLines(
  `
  ratio = y/model
  logs = 0 < y ? y*log(ratio) : 0
  cost = 0 < model ? weight*(2*(model - y + logs)) : INFINITY
  slope = weight*(1 - ratio)
  curvature = weight/model
`,
  { INFINITY },
)

/**
 * Losses by name. The robust losses are defined as in `scipy.optimize.least_squares`. The exact second derivatives of
 * robust losses (Triggs et al., 2000) are used only for the standard errors. Iterations do not use exact second
 * derivatives, because the derivatives can be negative for large residuals.
 */
export const losses = {
  /** Squared loss: w·(f − y)². */
  squared: (b, { residual, weight }) => {
    const weighted = b.multiply(weight, residual)
    return { cost: b.multiply(weighted, residual), slope: weighted, weight, curvature: weight }
  },
  /** Huber loss: ρ(z) = z if z ≤ 1, else 2·√z − 1. */
  huber: robustLoss(`
    value = z <= 1 ? z : 2*sqrt(z) - 1
    first = z <= 1 ? 1 : 1/sqrt(z)
    second = z <= 1
  `),
  /** Soft L1 loss: ρ(z) = 2·(√(1 + z) − 1). */
  softL1: robustLoss(`
    root = sqrt(1 + z)
    value = 2*(root - 1)
    first = 1/root
    second = first/(1 + z)
  `),
  /** Cauchy loss: ρ(z) = log(1 + z). */
  cauchy: robustLoss(`
    value = log(1 + z)
    first = 1/(1 + z)
    second = (1 - z)*first/(1 + z)
  `),
  /** Deviance of counts y, 2·w·(f − y + y·log(y/f)). The deviance is infinite if f ≤ 0. */
  poisson: (b, { model, y, weight }) => {
    const { cost, slope, curvature } = deviance(b, { model, y, weight })
    return { cost, slope, weight: curvature, curvature }
  },
} as const satisfies Record<string, MakeTerms>

/** Name of a loss. See {@link losses}. */
export type Loss = keyof typeof losses

/** Whether a loss limits the influence of outliers. A robust loss is not a likelihood, and may have several minima. */
export const isRobust = (loss: Loss): boolean => loss !== 'squared' && loss !== 'poisson'

/** Graph, nodes and column names from which the cost of a row is built. */
export interface LossInputs {
  readonly graph: Graph
  readonly model: number
  /** Name of the response column. `weight` is the name of the weight column, or null without weights. */
  readonly y: string
  readonly weight: string | null
  readonly loss: Loss
  readonly scale: number
}

/**
 * Cost of a row of a problem, as nodes of its graph.
 *
 * @param unit factor of the residuals, whose square is a factor of the cost; omitted for losses that are not sums of
 * squares
 */
export function lossTerms(
  { graph, model, y: name, weight: by, loss, scale }: LossInputs,
  unit?: number,
): LossTerms {
  const b = new Builder(graph)
  const inUnit = (node: number) => (unit === undefined ? node : b.multiply(unit, node))
  const [y, weight] = [graph.name(name), by === null ? b.one : graph.name(by)]
  const residual = inUnit(b.subtract(model, y))
  const row = { residual, model, y, weight, scale: inUnit(b.constant(scale)) }
  return { ...losses[loss](b, row), residual }
}
