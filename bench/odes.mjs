// node bench/odes.mjs [python]: times of differential equations: the epidemic from the model to the result, one
// simulation with sensitivities, and many patients. All times are CPU time on one thread, after a warm-up.
//
// The argument is a Python with numpy and scipy. It adds loops of SciPy's least_squares over solve_ivp for some of the
// patients, and SciPy's LSODA with variational equations. With casadi, it also adds CVODES with forward sensitivities.
import { deepEqual, equal } from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { fitManySync, fit as fitOne, fitReasons, ode, simulate } from 'antigrad/fit'

const [python] = process.argv.slice(2)
const COUNT = 1000
/** Patients per round that SciPy fits, and rounds. */
const SAMPLE = 10
const ROUNDS = 3

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

const tolerances = { rtol: 1e-6, atol: 1e-9 }
const two = ode({
  states: { central: 'dose/v', tissue: 0 },
  rates: { central: '-(k10 + k12)*central + k21*tissue', tissue: 'k12*central - k21*tissue' },
  observe: 'central',
  ...tolerances,
})
const values = { dose: 100, v: 10, k10: 0.2, k12: 0.5, k21: 0.3 }
const t = [0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24]
const patients = Array.from({ length: COUNT }, (_, k) => {
  const own = { ...values, v: 8 + (k % 7), k10: 0.15 + 0.01 * (k % 11) }
  const { observed } = simulate(two, own, t, { sensitivities: false })
  return Array.from(observed.y, (x, row) => x * (1 + 0.02 * Math.sin(row + k)))
})
const fitPatients = (sets, threads) =>
  fitManySync(
    two,
    { t: sets.map(() => t), y: sets },
    {
      start: { ...values, dose: { start: 100, fixed: true } },
      weights: sets.map((set) => set.map((x) => 1 / (x * x))),
      threads,
    },
  )

function askPython(sets) {
  const script = fileURLToPath(new URL('./peers/ode-times.py', import.meta.url))
  const input = JSON.stringify({ t, start: Object.values(values), ...tolerances, sets })
  const env = { ...process.env, OMP_NUM_THREADS: '1' }
  return JSON.parse(execFileSync(python, [script], { input, env, maxBuffer: 1e9 }))
}

/** The largest relative difference of two lists. */
const differenceOf = (a, b) => Math.max(...a.map((x, k) => Math.abs(x / b[k] - 1)))
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]

function compareSimulations() {
  const run = () => simulate(two, values, t)
  const rows = []
  for (let round = 0; round < ROUNDS; round++)
    rows.push({ own: measure(run, 100), peers: python ? askPython([]) : {} })
  const least = Math.min(...rows.map(({ own }) => own))
  say('two compartments, 5 sensitivities, rtol 1e-6', least)
  const { states, sensitivities } = run()
  const last = [states, ...Object.values(sensitivities)].flatMap((one) =>
    Object.values(one).map((x) => x.at(-1)),
  )
  for (const [name, peer] of Object.entries(rows[0].peers)) {
    if (peer === null) continue
    const [, there] = peer
    equal(differenceOf(there, last.slice(-there.length)) < 1e-3, true, name)
    const ratio = median(rows.map(({ own, peers }) => (1000 * peers[name][0]) / own))
    say(`  ${name}, ${ratio.toFixed(1)} times`, Math.min(...rows.map(({ peers }) => 1000 * peers[name][0])))
  }
}

function comparePatients() {
  const found = fitPatients(patients, 1)
  equal(found.engine, 'native', `the engine is ${found.engine}: ${found.engineReasons}`)
  const converged = found.reason.filter((code) => fitReasons[code] === 'converged').length
  const rows = []
  for (let round = 0; round < ROUNDS; round++) {
    const own = measure(() => fitPatients(patients, 1), 1, 2) / COUNT
    const from = round * SAMPLE
    rows.push({ own, from, peers: python ? askPython(patients.slice(from, from + SAMPLE)) : [] })
  }
  const least = Math.min(...rows.map(({ own }) => own))
  say(`fitMany of two compartments, per patient (${converged} of ${COUNT} converged)`, least)
  const names = ['v', 'k10', 'k12', 'k21']
  for (const [k, name] of ['RK45', 'LSODA'].entries()) {
    if (!python) return
    const off = rows.flatMap(({ from, peers }) =>
      peers[k].values.map((there, run) =>
        differenceOf(
          there,
          names.map((p) => found.at(from + run).values[p]),
        ),
      ),
    )
    equal(Math.max(...off) < 1e-4, true, `the estimates of ${name} differ by ${Math.max(...off)}`)
    const ratio = median(rows.map(({ own, peers }) => (1000 * peers[k].seconds) / own))
    say(
      `  least_squares over solve_ivp, ${name}, ${ratio.toFixed(0)} times`,
      Math.min(...rows.map(({ peers }) => 1000 * peers[k].seconds)),
    )
  }
  deepEqual(fitPatients(patients, 2).values, found.values)
}

compareSimulations()
comparePatients()
