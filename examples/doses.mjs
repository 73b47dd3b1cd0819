// A two-compartment drug model with several doses is fitted to concentrations in plasma. The model integrates its
// differential equations from dose to dose and from sample to sample. (The data are synthetic.)
import { fit } from 'antigrad/fit'
import { rungeKutta } from './runge-kutta.mjs'

/** Doses: time in hours, amount in milligrams. */
const doses = [
  { at: 0, amount: 100 },
  { at: 12, amount: 50 },
  { at: 24, amount: 50 },
]
const hour = [0.5, 1, 2, 4, 8, 11.5, 12.5, 14, 18, 23.5, 24.5, 26, 30, 36, 48]
const plasma = [7.52, 5.98, 4.26, 2.92, 2.16, 1.68, 5.49, 3.86, 2.37, 1.79, 5.37, 4.05, 2.44, 1.74, 1.03]

const model = {
  curve(p, out, { hour }) {
    // The state consists of the amounts in plasma (central) and in tissue.
    const slopes = (_, [central, tissue]) => {
      const across = p.kIn * central - p.kOut * tissue
      return [-p.k * central - across, across]
    }
    let [now, state] = [0, [0, 0]]
    const go = (to) => {
      if (to > now) state = rungeKutta(slopes, now, to, state, Math.ceil((to - now) / 0.1))
      now = to
    }
    let next = 0
    for (const [row, at] of hour.entries()) {
      for (; next < doses.length && doses[next].at <= at; next++) {
        go(doses[next].at)
        state = [state[0] + doses[next].amount, state[1]]
      }
      go(at)
      out[row] = state[0] / p.volume
    }
  },
}

const positive = (start) => ({ start, positive: true })

const found = fit(
  model,
  { hour, y: plasma },
  {
    start: { volume: positive(20), k: positive(0.1), kIn: positive(0.3), kOut: positive(0.3) },
    weights: '1/f^2',
    derive: { clearance: 'k*volume' },
  },
)

const intervals = found.intervals()
for (const [name, value] of Object.entries(found.values)) {
  const ends = intervals[name].map((end) => end.toPrecision(3)).join(' to ')
  console.log(`${name.padEnd(10)} ${value.toPrecision(3)}  95%: ${ends}`)
}
console.log(`${found.reason}, after ${found.evaluations} evaluations`)
