// Times of differential equations: the epidemic from the model to the result, one simulation with sensitivities, and
// many patients. All times are CPU time on one thread, after a warm-up.
import { fitManySync, fit as fitOne, fitReasons, ode, simulate } from '../dist/fits/index.js'

const cpu = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** The smallest CPU time of a call in milliseconds. */
function measure(run, calls, rounds = 8) {
  let best = Infinity
  for (let round = 0; round < rounds; round++) {
    const start = cpu()
    for (let call = 0; call < calls; call++) run()
    best = Math.min(best, (cpu() - start) / calls)
  }
  return best
}

const say = (what, ms) => console.log(`${what.padEnd(62)} ${ms.toPrecision(3)} ms`)

const day = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
const y = [3, 8, 26, 76, 225, 298, 258, 233, 189, 128, 68, 29, 14, 4]
const epidemic = () => {
  const states = { S: '763 - first', I: 'first' }
  const rates = { S: '-beta*S*I/763', I: 'beta*S*I/763 - gamma*I' }
  const model = ode({ states, rates, time: 'day', observe: 'I' })
  return fitOne(model, { day, y }, { start: { beta: 2, gamma: 1, first: 1 } })
}
const start = cpu()
epidemic()
say('epidemic from model to result, first call', cpu() - start)
say('epidemic from model to result, warm', measure(epidemic, 10))

const common = {
  states: { central: 'dose/v', tissue: 0 },
  rates: { central: '-(k10 + k12)*central + k21*tissue', tissue: 'k12*central - k21*tissue' },
  observe: 'central',
}
const two = ode({ ...common, rtol: 1e-6, atol: 1e-9 })
const values = { dose: 100, v: 10, k10: 0.2, k12: 0.5, k21: 0.3 }
const t = [0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24]
say(
  'two compartments, 5 sensitivities, rtol 1e-6',
  measure(() => simulate(two, values, t), 100),
)

const count = 200
const patients = Array.from({ length: count }, (_, k) => {
  const own = { ...values, v: 8 + (k % 7), k10: 0.15 + 0.01 * (k % 11) }
  const { observed } = simulate(two, own, t, { sensitivities: false })
  return Array.from(observed.y, (x, row) => x * (1 + 0.02 * Math.sin(row + k)))
})
const many = () =>
  fitManySync(
    two,
    { t: patients.map(() => t), y: patients },
    { start: { ...values, dose: { start: 100, fixed: true } }, weights: '1/f^2' },
  )
const found = many()
const converged = found.reason.filter((code) => fitReasons[code] === 'converged').length
say(
  `fitMany of two compartments, per patient (${converged} of ${count} converged)`,
  measure(many, 1, 3) / count,
)
