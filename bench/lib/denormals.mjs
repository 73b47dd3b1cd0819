// Vanishing gradients: when gradients become 0, moments decay to subnormal numbers, with which some processors compute
// slowly. Without countermeasures they would stay there, because the product with β rounds back to the same value:
// 0.9·m stops at 4 times the smallest number, 0.999·v below 500 times. The library flushes them to 0 at every 256th
// update. Measured are a run with such gradients, and a run whose moments are restored each time, relative to a normal
// run.
import { engines } from '../../dist/index.js'
import { measure, ratio, summary } from './measure.mjs'
import { ours, planesOf, rules } from './subjects.mjs'

const smallest = { float32: 2 ** -149, float64: 2 ** -1074 }
const PERIOD = 256

/** The values at which each state array stops decaying under these rules, in units of the smallest subnormal. */
const stands = {
  adam: [4, 400],
  adamw: [4, 400],
  amsgrad: [4, 400, 400],
  radam: [4, 400],
  rmsprop: [40],
  'rmsprop-momentum': [40, 4],
  adagrad: [40],
  momentum: [4],
  nesterov: [4],
  'sgd-momentum': [4],
  'sgd-nesterov': [4],
}

export function measureDenormals({ threads, timing, progress }) {
  const rows = []
  const n = 10_000
  const { instructionSets } = engines().native
  const sets = instructionSets.filter((set) => set !== 'scalar').reverse()
  const choices = [...sets.map((instructionSet) => ({ engine: 'native', threads, instructionSet }))]
  choices.push({ engine: 'wasm' }, { engine: 'typescript' })
  for (const rule of Object.keys(stands)) {
    for (const dtype of ['float32', 'float64']) {
      for (const options of choices) {
        const begin = (isDead) => {
          const subject = ours(rules[rule], dtype, [n], options)
          const [, ...states] = planesOf(subject)
          if (isDead) states.at(-1).fill(0)
          states.pop()
          const fill = () => {
            states.forEach((state, k) => {
              state.fill(isDead ? stands[rule][k] * smallest[dtype] : 0.01)
            })
          }
          fill()
          return { ...subject, states, fill }
        }
        const [alive, settled, kept] = [false, true, true].map(begin)
        const { optimizer, fill } = kept
        kept.call = () => {
          optimizer.step()
          if (optimizer.updates % PERIOD === 0) fill()
        }
        for (let t = 0; t < PERIOD; t++) settled.call()
        const samples = measure([alive, settled, kept], timing)
        if (kept.states.some((state, k) => state[0] !== stands[rule][k] * smallest[dtype])) {
          throw new Error(`${rule}, ${dtype}: the state has not stood still`)
        }
        if (settled.states.some((state) => state.some((x) => x !== 0))) {
          throw new Error(`${rule}, ${dtype}: the state is not 0`)
        }
        const row = {
          rule,
          dtype,
          engine: options.instructionSet ?? options.engine,
          subnormal: ratio(samples(kept), samples(alive)),
          settled: ratio(samples(settled), samples(alive)),
          perParameter: [alive, kept, settled].map((subject) => summary(samples(subject)).median / n),
        }
        rows.push(row)
        const each = row.perParameter.map((x) => x.toFixed(3)).join(', ')
        const [subnormal, asItIs] = [row.subnormal, row.settled].map(({ median }) => median.toFixed(2))
        progress(`${rule}, ${dtype}, ${row.engine}: ${subnormal} subnormal, ${asItIs} settled; ${each} ns`)
      }
    }
  }
  return { rows, parameters: n }
}
