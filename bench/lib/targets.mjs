// Performance targets of the engines, relative to the best alternatives on the same machine.
import { adagrad, adam, expression, minimize, Optimizer, rosenbrock } from '../../dist/index.js'
import { compileTimes } from './compiling.mjs'
import { difference, measure, ratio, summary } from './measure.mjs'
import { noise } from './noise.mjs'
import { addPrograms } from './programs.mjs'
import {
  byRow,
  byRowByHand,
  factorization,
  handwritten,
  ours,
  parametersOf,
  pass,
  plainLoop,
  rules,
  unit,
  verify,
  wasmByHand,
} from './subjects.mjs'
import { all, isSlow, stagesOf, subjectOf } from './yardstick.mjs'

/** Sizes that fit into caches. 10⁷ parameters exceed all caches. */
const inCache = [1_000, 10_000, 100_000, 1_000_000]
const large = 10_000_000

/**
 * Measures rows { what, n, figure, unit, target, met, detail }. A target is met if the better end of the figure's
 * interval meets it. `detail` contains the nanoseconds per parameter of both sides.
 */
export function measureTargets({ limits, reason, threads, timing, quick, progress }) {
  const rows = []
  const skipped = []
  const byHand = limits && limits.width() >= 256
  const add = (what, n, figure, unitOf, target, detail = '') => {
    const met = target === null ? null : figure.low <= target
    rows.push({ what, n, figure, unit: unitOf, target, met, detail })
    const { median, low, high } = figure
    progress(`${what}, ${n}: ${median.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)}) ${detail}`)
  }
  const each = (samples, n) => (summary(samples).median / n).toFixed(3)
  const against = (what, n, mine, other, target) => {
    const samples = measure([mine, other], timing)
    const [a, b] = [samples(mine), samples(other)]
    const parameters = parametersOf(n)
    const detail = `${each(a, parameters)} and ${each(b, parameters)} ns a parameter`
    add(what, n, ratio(a, b), '×', target, detail)
  }
  const native = (name, dtype, lengths) => ours(rules[name], dtype, lengths, { engine: 'native', threads })
  const wasm = (name, lengths) => ours(rules[name], 'float32', lengths, { engine: 'wasm' })
  const largest = quick ? 1_000_000 : large

  // This comes first, as in a program with few rules. After every rule has run on every engine, the compiler optimizes
  // less and the facade takes 1.5 times as long.
  addSmall(add, timing)
  addMinimize(add, timing)
  const compiling = 'compiling 20,000 operations and the gradient, in a new process'
  add(compiling, 4, summary(compileTimes(timing.rounds)), 'ms', 150)
  addPrograms(add, timing)

  for (const name of ['adam', 'momentum']) {
    for (const n of inCache) {
      if (!byHand) {
        skipped.push(`native ${name} to C by hand: ${reason ?? 'it is for AVX2 and AVX-512'}`)
        break
      }
      // Once with calls from JavaScript, as ours, and once with all calls in C: the difference is the cost of Node's
      // calls.
      const c = verify(handwritten(limits, name, 'float32', n), name, 'float32', n, { engine: 'native' })
      const atFirst = n > 1_000 ? 1.05 : name === 'adam' ? 1.1 : 1.25
      against(`native ${name} to C by hand`, n, native(name, 'float32', [n]), c, atFirst)
      against(
        `native ${name} to C by hand, looping in C`,
        n,
        native(name, 'float32', [n]),
        c.inC,
        n < 10_000 ? null : 1.05,
      )
    }
    if (limits) {
      const mine = native(name, 'float32', [largest])
      against(`native ${name} to the pass (rate ≥ 90 %)`, largest, mine, pass(limits, mine), 1 / 0.9)
      if (byHand) {
        for (const huge of [false, true]) {
          const c = handwritten(limits, name, 'float32', largest, { huge })
          against(`native ${name} to ${c.name} by hand`, largest, mine, c, null)
        }
      }
    } else skipped.push(`native ${name} to the pass: ${reason}`)
    for (const n of new Set([...inCache, largest])) {
      const hand = verify(wasmByHand(name, n), name, 'float32', n, { engine: 'wasm' })
      const target = name === 'adam' || n > 10_000 ? 1.05 : n > 1_000 ? 1.08 : 1.15
      against(`WebAssembly ${name} to WebAssembly by hand`, n, wasm(name, [n]), hand, target)
    }
    for (const n of [1_000, 100_000]) {
      const typescript = ours(rules[name], 'float32', [n], { engine: 'typescript' })
      const plain = verify(plainLoop(name, n), name, 'float32', n, { engine: 'typescript' })
      against(`TypeScript ${name} to the plain loop`, n, typescript, plain, 1)
    }
  }

  const thousand = new Array(1000).fill(1000)
  for (const engine of ['native', 'wasm']) {
    const make = (lengths) => ours(adam(), 'float32', lengths, { engine, threads })
    const one = make([1_000_000])
    const many = make(thousand)
    against(`${engine}: 1000 tensors of 1000 in place, to one of 10⁶`, 1_000_000, many, one, 1.05)
    const gradients = thousand.map((n, i) => noise(new Float32Array(n), i))
    const given = { name: 'step(gradients)', call: () => many.optimizer.step(gradients) }
    const target = engine === 'native' ? 1.25 : null
    against(`${engine}: the same by step(gradients), to one of 10⁶ in place`, 1_000_000, given, one, target)
    const whole = noise(new Float32Array(1_000_000), 1)
    const oneGiven = { name: 'step(gradient)', call: () => one.optimizer.step(whole) }
    against(`${engine}: the same, to one of 10⁶ by step(gradient)`, 1_000_000, given, oneGiven, null)
  }

  for (const engine of ['native', 'wasm']) {
    for (const dtype of ['float32', 'float64']) {
      for (const count of [256, 1_024, 4_096]) {
        const plain = byRow(adam(), count, { engine, dtype })
        const clip = { norm: 1 }
        for (const [what, options] of Object.entries({
          'with repeats': { repeats: true },
          'with a norm': { clip },
          'with both': { repeats: true, clip },
        })) {
          const mine = byRow(adam(), count, { engine, dtype, ...options })
          const row = `${engine}: ${count} rows of ${dtype} ${what}, to distinct rows without a norm`
          against(row, count * 32, mine, plain, 2)
        }
      }
    }
    const [mine, whole] = [true, false].map((isByRow) => factorization(isByRow, { engine }))
    against(`${engine}: matrix factorization by row, to whole gradients`, 10_000 * 32, mine, whole, 1)
  }

  for (const [name, rule] of Object.entries({ adam: adam(), adagrad: adagrad() })) {
    if (!byHand) {
      skipped.push(`${name} by row to C over those rows: as above`)
      continue
    }
    for (const engine of ['native', 'wasm']) {
      for (const count of [16, 50, 5_000]) {
        const mine = byRow(rule, count, { engine })
        const what = `${engine}: ${name}, ${count} of 20,000 rows of 32, to C over those rows`
        against(what, count * 32, mine, byRowByHand(limits, name, byRow(rule, count, { engine })), 1.3)
      }
    }
  }

  if (byHand) {
    rows.push(...everyRule({ limits, threads, timing, quick, progress }))
  } else skipped.push('every rule against its pass and its divisions: as above')
  return { rows, skipped }
}

/** Nanoseconds of steps with few parameters, for each way to pass gradients. */
function addSmall(add, timing) {
  const steps = (what, n, call, target) => {
    const subject = { name: what, call }
    add(what, n, summary(measure([subject], timing)(subject)), 'ns', target)
  }
  for (const dtype of ['float32', 'float64']) {
    const two = ours(adam(), dtype, [2], {})
    steps(`two parameters of ${dtype} in place, ${two.name}`, 2, two.call, 35)
  }
  steps('ten parameters in place', 10, ours(adam(), 'float32', [10], {}).call, 45)
  for (const [n, target] of [
    [2, 70],
    [10, 80],
  ]) {
    const { optimizer } = ours(adam(), 'float32', [n], {})
    const gradient = noise(new Float32Array(n), 1)
    steps(`${n} parameters by step(gradient)`, n, () => optimizer.step(gradient), target)
  }
  const names = Array.from({ length: 10 }, (_, k) => `tensor${k}`)
  const record = (seed) =>
    Object.fromEntries(names.map((name, k) => [name, noise(new Float32Array(10), seed + k)]))
  const tensors = new Optimizer(record(1), adam())
  const gradients = record(100)
  steps('ten tensors of ten by step(gradients)', 100, () => tensors.step(gradients), 250)
  const clipped = ours(adam(), 'float32', [2], { clip: { norm: 1 } })
  steps('two parameters in place, clipped by norm', 2, clipped.call, 80)
  const { optimizer } = ours(adam(), 'float32', [2], {})
  let t = 0
  const setAndStep = () => {
    optimizer.set({ lr: 1e-3 + 1e-9 * (t++ % 1000) })
    optimizer.step()
  }
  steps('set({ lr }) and a step of two parameters', 2, setAndStep, 400)
}

/** Nanoseconds of an iteration of `minimize` in two dimensions, without the gradient. */
function addMinimize(add, timing) {
  const iterations = 10_000
  const objective = rosenbrock()
  const x = Float64Array.of(-1.5, 2)
  const options = { tolerance: 0, maxIterations: iterations }
  const gradient = new Float64Array(2)
  const whole = { name: 'minimize', call: () => minimize(objective, x, adam(), options) }
  const alone = {
    name: 'gradient',
    call: () => {
      for (let i = 0; i < iterations; i++) objective.gradient(x, gradient)
    },
  }
  const samples = measure([whole, alone], timing)
  const over = difference(samples(whole), samples(alone))
  const scaled = Object.fromEntries(Object.entries(over).map(([key, value]) => [key, value / iterations]))
  const gradientTakes = (summary(samples(alone)).median / iterations).toFixed(1)
  const figure = { ...scaled, pairs: over.pairs }
  add(
    'minimize in two dimensions, an iteration over its gradient',
    2,
    figure,
    'ns',
    75,
    `gradient ${gradientTakes} ns`,
  )
  const text = expression('(1 - x)^2 + 100*(y - x^2)^2')
  const ofText = { name: 'minimize of a text', call: () => minimize(text, x, adam(), options) }
  const perIteration = measure([ofText], timing)(ofText).map((sample) => sample / iterations)
  add('minimize of the text of Rosenbrock, an iteration', 2, summary(perIteration), 'ns', 150)
}

/** Number of elements whose update takes negligible time compared with the call. */
const FEW = 16

/** Compares every rule, or the rules in `names`, with its yardstick. */
export function everyRule({ limits, threads, timing, quick, progress, names = Object.keys(all) }) {
  const rows = []
  for (const dtype of ['float32', 'float64']) {
    const { division, root, numbers } = unit(limits, dtype)
    for (const name of names) {
      for (const n of quick ? [10_000] : [10_000, 1_000_000, large]) {
        if (isSlow(all[name], n)) continue
        const options = { engine: 'native', threads }
        const mine = subjectOf(all[name], dtype, n, options)
        // The time of a step with few elements, which consists of the facade and the calls into the addon.
        const few = subjectOf(all[name], dtype, FEW, options)
        const stages = stagesOf(limits, all[name], mine)
        const passes = stages.map(({ pass }) => pass)
        const renewals = mine.renewal ? [mine.renewal] : []
        const samples = measure([mine, few, ...renewals, ...passes, division.inC, root.inC], timing)
        const unitTakes = ({ divisions, roots }, i) =>
          ((divisions * samples(division.inC)[i] + roots * samples(root.inC)[i]) * n) / numbers
        const bound = samples(mine).map((_, i) =>
          stages.reduce((sum, stage) => sum + Math.max(unitTakes(stage, i), samples(stage.pass)[i]), 0),
        )
        const nanoseconds = (list) => (summary(list).median / n).toFixed(3)
        const parts = stages.map((stage) => {
          const { divisions, roots, counts, pass } = stage
          const units = samples(pass).map((_, i) => unitTakes(stage, i))
          return `pass ${nanoseconds(samples(pass))} (${counts}), ${divisions} ÷ ${roots} √ ${nanoseconds(units)}`
        })
        const facade = `facade ${nanoseconds(samples(few))}`
        const anew = renewals.map((renewal) => `, gradients anew ${nanoseconds(samples(renewal))}`).join('')
        const detail = `${nanoseconds(samples(mine))} ns a parameter, ${facade}${anew}; ${parts.join('; ')}`
        const besides = [few, ...renewals]
        const engine = samples(mine).map((sample, i) =>
          besides.reduce((rest, beside) => rest - samples(beside)[i], sample),
        )
        const figure = ratio(engine, bound)
        const what = `${name}, ${dtype}, less the facade, to the larger bound`
        rows.push({ what, n, figure, unit: '×', target: null, met: null, detail })
        progress(`${name}, ${dtype}, ${n}: ${figure.median.toFixed(3)}; ${detail}`)
      }
    }
  }
  return rows
}
