// A long integration as a graph: Lorenz' equations by the classical Runge-Kutta method, without loops.

export const parameters = ['sigma', 'rho', 'beta', 'x']
export const point = [10, 28, 8 / 3, 1]
const STEP = 1 / 256

/** Arithmetic on numbers, in the order of the graph. */
export const arithmetic = {
  constant: (x) => x,
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
}

/** Integrates the equations, and returns the sum of the final state. A step has 68 operations. */
export function lorenz(b, [sigma, rho, beta, x], steps) {
  const [half, whole, sixth, two] = [STEP / 2, STEP, STEP / 6, 2].map((value) => b.constant(value))
  const slopes = ([x, y, z]) => [
    b.multiply(sigma, b.subtract(y, x)),
    b.subtract(b.multiply(x, b.subtract(rho, z)), y),
    b.subtract(b.multiply(x, y), b.multiply(beta, z)),
  ]
  let state = [x, b.constant(1), b.constant(1)]
  for (let k = 0; k < steps; k++) {
    const move = (step, along) => state.map((value, i) => b.add(value, b.multiply(step, along[i])))
    const first = slopes(state)
    const second = slopes(move(half, first))
    const third = slopes(move(half, second))
    const fourth = slopes(move(whole, third))
    state = state.map((value, i) => {
      const middle = b.multiply(two, b.add(second[i], third[i]))
      return b.add(value, b.multiply(sixth, b.add(b.add(first[i], fourth[i]), middle)))
    })
  }
  return state.reduce((sum, value) => b.add(sum, value))
}
