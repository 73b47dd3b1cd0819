// Integrates ordinary differential equations by the fourth-order method of Runge (1895) and Kutta (1901).

/**
 * Integrates a state from time `from` to time `to`.
 *
 * @param slopes function of time and state that returns the derivatives of the state
 * @param steps number of steps of equal length, which make a fitted curve a smooth function of its parameters
 */
export function rungeKutta(slopes, from, to, state, steps) {
  const h = (to - from) / steps
  const moved = (by, along) => state.map((x, i) => x + by * along[i])
  for (let k = 0; k < steps; k++) {
    const t = from + k * h
    const a = slopes(t, state)
    const b = slopes(t + h / 2, moved(h / 2, a))
    const c = slopes(t + h / 2, moved(h / 2, b))
    const d = slopes(t + h, moved(h, c))
    state = state.map((x, i) => x + (h / 6) * (a[i] + 2 * b[i] + 2 * c[i] + d[i]))
  }
  return state
}
