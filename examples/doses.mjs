// Doses (hours, milligrams) of a drug in two compartments, and concentrations in plasma. (The data are synthetic.)
import { fit, ode } from 'antigrad/fit'

const doses = [0, 12, 24].map((time) => ({ state: 'plasma', time, amount: time === 0 ? 100 : 50 }))
const hour = [0.5, 1, 2, 4, 8, 11.5, 12.5, 14, 18, 23.5, 24.5, 26, 30, 36, 48]
const y = [7.52, 5.98, 4.26, 2.92, 2.16, 1.68, 5.49, 3.86, 2.37, 1.79, 5.37, 4.05, 2.44, 1.74, 1.03]
const rates = { plasma: '-k*plasma - kIn*plasma + kOut*tissue', tissue: 'kIn*plasma - kOut*tissue' }
const states = { plasma: 0, tissue: 0 }
const model = ode({ states, rates, time: 'hour', doses, observe: 'plasma/volume' })
const start = { volume: 20, k: 0.1, kIn: 0.3, kOut: 0.3 }
const found = fit(model, { hour, y }, { start, weights: '1/f^2', derive: { clearance: 'k*volume' } })
for (const [name, [low, high]] of Object.entries(found.intervals()))
  console.log(
    `${name} ${found.values[name].toPrecision(3)}  95%: ${low.toPrecision(3)} to ${high.toPrecision(3)}`,
  )
console.log(`${found.reason}, after ${found.evaluations} evaluations`)
