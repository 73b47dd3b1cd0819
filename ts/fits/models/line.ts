import type { FitModel, ModelOptions } from './model.js'

/** slope·x + intercept. */
export function line({ x = 'x' }: ModelOptions = {}): FitModel {
  return {
    text: `slope*${x} + intercept`,
    x,
    parameters: {},
    // Least squares find it from anywhere at once.
    guess: () => ({ slope: 0, intercept: 0 }),
  }
}
