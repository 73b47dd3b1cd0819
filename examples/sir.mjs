// Influenza in an English boarding school (British Medical Journal, 4 March 1978): the boys confined to bed.
import { fit, ode, profile } from 'antigrad/fit'

const day = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
const y = [3, 8, 26, 76, 225, 298, 258, 233, 189, 128, 68, 29, 14, 4]
const states = { S: '763 - first', I: 'first' }
const rates = { S: '-beta*S*I/763', I: 'beta*S*I/763 - gamma*I' }
const model = ode({ states, rates, time: 'day', observe: 'I' })
const start = { beta: 2, gamma: 1, first: 1 }
const found = fit(model, { day, y }, { start, derive: { reproduction: 'beta/gamma', daysIll: '1/gamma' } })
for (const [name, { low, high }] of Object.entries(profile(found)))
  console.log(
    `${name} ${found.values[name].toPrecision(4)}  95%: ${low.toPrecision(4)} to ${high.toPrecision(4)}`,
  )
console.log(`${found.reason}, after ${found.evaluations} evaluations`)
