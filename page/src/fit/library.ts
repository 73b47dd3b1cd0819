/** The library's models. This module is loaded when a model other than a custom expression is chosen. */

import { type FitModel, models } from 'antigrad/fit'
import type { FitPageState } from './state.js'

/** Names of the columns in a model. */
export interface ModelColumns {
  readonly x?: string
  /** Name of the column that the model needs in addition to x. */
  readonly extra?: string
}

/** The model that the state describes. */
export function makeModel(state: FitPageState, { x = 'x', extra = 'i' }: ModelColumns): FitModel {
  const { count, shape, baseline, degree, kind, logEC50 } = state
  switch (state.model) {
    case 'own':
      throw new Error('A custom model is an expression.')
    case 'peaks':
      return models.peaks({ x, count: count || 2, shape, baseline })
    case 'polynomial':
      return models.polynomial({ x, degree })
    case 'inhibition':
      return models.inhibition({ x, inhibitor: extra, kind })
    case 'fourPL':
      return models.fourPL({ x, logEC50: logEC50 === 'yes' })
    case 'fivePL':
      return models.fivePL({ x, logEC50: logEC50 === 'yes' })
    default:
      return (models[state.model] as (options: { x: string }) => FitModel)({ x })
  }
}
