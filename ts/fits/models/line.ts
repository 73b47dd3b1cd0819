import { define, type FitModel, type ModelOptions, readModelOptions } from './model.js'

/** slope·x + intercept. */
export function line(options: ModelOptions = {}): FitModel {
  return define(
    readModelOptions(options),
    (x) => `slope*${x} + intercept`,
    // Least squares find it from anywhere at once.
    () => ({ slope: 0, intercept: 0 }),
  )
}
