// npm run bench:math [-- --count 1000000 --rounds 21]: functions of antigrad/math next to a loop of Math, in turns. Medians
// and shortest times of arrays on each engine, and of single numbers. `--random` shuffles the arguments, so that processors
// cannot predict the branches of Math.
import { parseArgs } from 'node:util'
import * as entry from '../dist/math/index.js'

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '21' },
    random: { type: 'boolean', default: false },
  },
})
const [count, rounds] = [Number(values.count), Number(values.rounds)]
const math = { ...entry }
const x = Float64Array.from({ length: count }, (_, i) => 0.01 + (5 * ((i * 7919) % count)) / count)
if (values.random) for (let i = 0; i < count; i++) x[i] = 0.01 + 5 * Math.random()
const operandCounts = { pow: 2, atan2: 2 }

/**
 * A loop of its own for each function, because an engine optimizes a loop for the functions that it has called. Engines
 * share what they learn among loops with the same source, so each source has a number.
 */
let loops = 0
const loopOf = (name, f) => {
  const call = operandCounts[name] === 2 ? 'f(x[i], 1.7)' : 'f(x[i])'
  return new Function(
    'f',
    `/* ${loops++} */ return (x, out) => { for (let i = 0; i < x.length; i++) out[i] = ${call} }`,
  )(f)
}

/** Median and shortest nanoseconds per number of two functions, which run in turns. */
function compare(ours, theirs) {
  const times = [[], []]
  for (let round = -2; round < rounds; round++) {
    for (const [k, run] of [ours, theirs].entries()) {
      const start = performance.now()
      run()
      if (round >= 0) times[k].push(((performance.now() - start) / count) * 1e6)
    }
  }
  for (const list of times) list.sort((a, b) => a - b)
  return [rounds >> 1, 0].map((k) => times.map((list) => list[k]))
}

const show = (label, both) => {
  const texts = both.map(
    ([ours, theirs]) => `${ours.toFixed(2)} ns, Math ${theirs.toFixed(2)} ns, ${(theirs / ours).toFixed(2)}`,
  )
  console.log(`${label.padEnd(30)} ${texts.join('; shortest ')}`)
}

for (const Plain of [Float64Array, Float32Array]) {
  const [given, out, other] = [new Plain(x), new Plain(count), new Plain(count)]
  for (const name of ['exp', 'log', 'sin', 'pow']) {
    const loop = loopOf(name, Math[name])
    for (const engine of ['native', 'wasm', 'typescript']) {
      math.chooseEngine({ engine })
      const more = name === 'pow' ? [1.7] : []
      const times = compare(
        () => math[name](given, ...more, out),
        () => loop(given, other),
      )
      show(`${name}, ${Plain.name}, ${engine}`, times)
    }
  }
}
const [out, other] = [new Float64Array(count), new Float64Array(count)]
for (const name of Object.keys(math).filter((name) => name in Math)) {
  const given = /^a(sin|cos)$/.test(name) ? x.map((x) => x / 6) : x
  const [ours, theirs] = [math[name], Math[name]].map((f) => loopOf(name, f))
  show(
    `${name}, single numbers`,
    compare(
      () => ours(given, out),
      () => theirs(given, other),
    ),
  )
}
