// An epidemic model of ordinary differential equations is fitted to the number of boys confined to bed in an English
// boarding school in January and February 1978 (British Medical Journal, 4 March 1978). The model integrates them.
import { fit, profile } from 'antigrad/fit'
import { rungeKutta } from './runge-kutta.mjs'

const boys = 763
const day = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
const inBed = [3, 8, 26, 76, 225, 298, 258, 233, 189, 128, 68, 29, 14, 4]

/** The SIR model. Its state consists of the susceptible and the infected; all others have recovered. */
const model = {
  curve(p, out, { day }) {
    const slopes = (_, [s, i]) => [(-p.beta * s * i) / boys, (p.beta * s * i) / boys - p.gamma * i]
    let state = [boys - p.first, p.first]
    for (const [row, at] of day.entries()) {
      if (row > 0) state = rungeKutta(slopes, day[row - 1], at, state, 20)
      out[row] = state[1]
    }
  },
}

const found = fit(
  model,
  { day, y: inBed },
  {
    start: {
      beta: { start: 2, positive: true },
      gamma: { start: 1, positive: true },
      first: { start: 1, positive: true },
    },
    derive: { reproduction: 'beta/gamma', daysIll: '1/gamma' },
  },
)

const profiles = profile(found)
for (const [name, value] of Object.entries(found.values)) {
  const { low, high } = profiles[name]
  console.log(
    `${name.padEnd(12)} ${value.toPrecision(4)}  95%: ${low.toPrecision(4)} to ${high.toPrecision(4)}`,
  )
}
console.log(`${found.reason}, after ${found.evaluations} evaluations`)
