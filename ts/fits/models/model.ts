/** What a model is, beside its expression. */

import type { FitParameter } from '../parameters.js'

/** A model whose parameters can be guessed: see `models`. */
export interface FitModel {
  /** An expression of its parameters and its column. */
  readonly text: string
  /** The name of its column. */
  readonly x: string
  /** What its parameters may be. */
  readonly parameters: Readonly<Record<string, FitParameter>>
  /** Where they start, by name, for some data, in any order of rows; what is no number is not among them. */
  readonly guess?: (x: ArrayLike<number>, y: ArrayLike<number>) => Readonly<Record<string, number>>
}

/** Options of every model. */
export interface ModelOptions {
  /** The name of its column; x. */
  readonly x?: string
}

export function isModel(model: unknown): model is FitModel {
  return typeof model === 'object' && model !== null && 'text' in model && typeof model.text === 'string'
}
