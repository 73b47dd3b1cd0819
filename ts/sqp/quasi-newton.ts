/** An approximation of the Hessian of the Lagrangian from changes of its gradient. */

/** The least curvature along a step, as a fraction of the curvature of the approximation (Powell, 1978). */
const MIN_FRACTION = 0.2

/**
 * Updates a positive definite matrix by the damped BFGS formula (Powell, 1978).
 *
 * @param step change s of the variables
 * @param change change y of the gradient of the Lagrangian
 * @param isFirst whether the matrix is a multiple of the identity matrix that the step may scale
 */
export function updateDamped(
  matrix: Float64Array,
  step: Float64Array,
  change: Float64Array,
  isFirst: boolean,
): void {
  const size = step.length
  let squares = 0
  let along = 0
  let own = 0
  for (let i = 0; i < size; i++) {
    squares += step[i] * step[i]
    along += step[i] * change[i]
    own += change[i] * change[i]
  }
  if (!(squares > 0 && own < Infinity)) return
  if (isFirst && along > 0) {
    const scale = own / along
    for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) matrix[i * size + j] = i === j ? scale : 0
  }
  const product = new Float64Array(size)
  let curvature = 0
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) product[i] += matrix[i * size + j] * step[j]
    curvature += step[i] * product[i]
  }
  if (!(curvature > 0)) return
  const isDamped = along < MIN_FRACTION * curvature
  const theta = isDamped ? ((1 - MIN_FRACTION) * curvature) / (curvature - along) : 1
  const mixed = product.map((b, i) => theta * change[i] + (1 - theta) * b)
  let slope = 0
  for (let i = 0; i < size; i++) slope += step[i] * mixed[i]
  if (!(slope > 0)) return
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++)
      matrix[i * size + j] += (mixed[i] * mixed[j]) / slope - (product[i] * product[j]) / curvature
  }
}
