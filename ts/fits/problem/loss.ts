/** What a row of data costs, by how far the model is from it. */

import { Builder } from '../../expressions/differentiate.js'
import type { Graph } from '../../expressions/graph.js'
import { defineLines, INFINITY } from '../../expressions/lines.js'

/** Nodes of a row. The cost's derivative by the model is twice the slope. */
export interface LossTerms {
  readonly cost: number
  readonly slope: number
  /** What steps take for half the second derivative: a weight (iteratively reweighted least squares). */
  readonly weight: number
  /** What errors take for it; not below 0. */
  readonly curvature: number
  /** The slope by the weight: how far the model is from what was measured, in the unit. */
  readonly residual: number
}

/** A row: the model there, what was measured, their difference and the one at which a loss bends in a unit, and its weight. */
export interface LossRow {
  readonly residual: number
  readonly model: number
  readonly y: number
  readonly weight: number
  readonly scale: number
}

type MakeTerms = (b: Builder, row: LossRow) => Omit<LossTerms, 'residual'>

/** Curvatures of robust losses do not fall below it: with 0 nothing would be known of a parameter. */
const MIN_RESIDUAL = Number.EPSILON

/** A loss c²·ρ(z) of z = w·(f − y)²/c²; the lines give ρ, its derivative ρ′, and ρ′ + 2·z·ρ″. */
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
 * By name. The robust ones are those of `scipy.optimize.least_squares`, whose second derivatives (Triggs and others,
 * 2000) errors have. Steps that had them would be lost far from the data, where these are 0 or less.
 */
export const losses = {
  /** w·(f − y)² */
  squared: (b, { residual, weight }) => {
    const weighted = b.multiply(weight, residual)
    return { cost: b.multiply(weighted, residual), slope: weighted, weight, curvature: weight }
  },
  /** z up to 1, then 2·√z − 1 */
  huber: robustLoss(`
    value = z <= 1 ? z : 2*sqrt(z) - 1
    first = z <= 1 ? 1 : 1/sqrt(z)
    second = z <= 1
  `),
  /** 2·(√(1 + z) − 1) */
  softL1: robustLoss(`
    root = sqrt(1 + z)
    value = 2*(root - 1)
    first = 1/root
    second = first/(1 + z)
  `),
  /** log(1 + z) */
  cauchy: robustLoss(`
    value = log(1 + z)
    first = 1/(1 + z)
    second = (1 - z)*first/(1 + z)
  `),
  /** The deviance of counts y, 2·w·(f − y + y·log(y/f)); infinite where the model is not above 0. */
  poisson: (b, { model, y, weight }) => {
    const { cost, slope, curvature } = deviance(b, { model, y, weight })
    return { cost, slope, weight: curvature, curvature }
  },
} as const satisfies Record<string, MakeTerms>

/** See {@link losses}. */
export type Loss = keyof typeof losses

/** What a row's cost is made of: nodes and names in a graph. */
export interface LossInputs {
  readonly graph: Graph
  readonly model: number
  /** The column that the model is to meet, and weights of rows if there are some. */
  readonly y: string
  readonly weight: string | null
  readonly loss: Loss
  readonly scale: number
}

/**
 * What a row of a problem costs, as nodes of its graph.
 *
 * @param unit by what residuals are multiplied, and costs by its square; 1 where costs are no sums of squares
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
