// The time of an instruction: in long programs, in repeated sections, in programs with many slots, and in sums of rows.
import { Builder, differentiate } from '../../dist/expressions/differentiate.js'
import { Graph } from '../../dist/expressions/graph.js'
import { compile } from '../../dist/expressions/program.js'
import { adam, expression, minimize } from '../../dist/index.js'
import { inLanes } from './lanes.mjs'
import { lorenz, parameters, point } from './lorenz.mjs'
import { measure, ratio, summary } from './measure.mjs'

/** Instructions per sample of a single run, so that the start of a call takes a small part of the time. */
const INSTRUCTIONS = 200_000
/** Passes of a repeated section. */
const PASSES = 16

/** An integration with its gradient as a program whose state stays the same. */
function integration(steps) {
  const graph = new Graph()
  const b = new Builder(graph)
  const names = parameters.map((name) => graph.name(name))
  const { value, gradient } = differentiate(graph, lorenz(b, names, steps), parameters, () => false)
  const nothing = [value, ...gradient].map((node) => b.multiply(b.zero, node))
  const zero = nothing.reduce((sum, node) => b.add(sum, node))
  const outputs = [...names.slice(0, 3), b.add(names[3], b.operation('min', zero, b.one)), b.zero]
  return compile(graph, outputs, parameters, [])
}

const count = ({ head, body, tail }) => head.length + body.length + tail.length

/** Adds rows of the nanoseconds per instruction. */
export function addPrograms(add, timing) {
  const nanoseconds = (program, shape, options) => {
    const subject = inLanes(program, point, shape, options)
    for (let k = 0; k < 3; k++) subject.timed()
    return { ...subject, instructions: count(program) }
  }
  const perInstruction = (subject, samples) => samples(subject).map((sample) => sample / subject.instructions)
  for (const [engine, target] of Object.entries({ native: 8, wasm: 12, typescript: null })) {
    for (const steps of [1, 4, 300]) {
      const program = integration(steps)
      const updates = Math.ceil(INSTRUCTIONS / count(program))
      const subject = nanoseconds(program, { runs: 1, updates }, { engine, threads: 1 })
      const samples = measure([subject], timing)
      const what = `${engine}: an instruction of a program of one run`
      add(what, subject.instructions, summary(perInstruction(subject, samples)), 'ns', target)
    }
  }
  const compare = (what, [mine, other], target) => {
    const samples = measure([mine, other], timing)
    const [a, b] = [mine, other].map((subject) => perInstruction(subject, samples))
    const detail = `${summary(a).median.toFixed(3)} and ${summary(b).median.toFixed(3)} ns per run`
    add(what, mine.instructions, ratio(a, b), '×', target, detail)
  }
  for (const engine of ['native', 'wasm']) {
    const options = { engine, threads: 1 }
    const many = { runs: 4096, updates: 4 }
    const short = integration(4)
    const repeated = nanoseconds(repeat(short), many, options)
    const plain = nanoseconds(short, many, options)
    const each = { ...repeated, instructions: PASSES * plain.instructions }
    compare(
      `${engine}: an instruction of a repeated section, to a plain program, in lanes`,
      [each, plain],
      1.1,
    )
    const long = integration(40)
    const what = `${engine}: an instruction of a program of ${long.slots} slots, to ${short.slots} slots, in lanes`
    compare(what, [nanoseconds(long, { runs: 4096, updates: 1 }, options), plain], null)
  }
  addRows(add, timing)
}

/** A program whose first section repeats. The repetition does not change the results. */
function repeat(program) {
  const { head, outputs } = program
  // The slot of the state x, which is not 0.
  return { ...program, loops: [{ start: 0, end: head.length, again: outputs[3], most: PASSES }] }
}

/** An iteration of `minimize` per row, with rows in lanes from 256 rows on. */
function addRows(add, timing) {
  const iterations = 20
  const [few, many] = [255, 4096].map((rows) => {
    const t = Array.from({ length: rows }, (_, k) => k / rows)
    const objective = expression('(y - a*exp(-b*t) - c)^2').with({ t, y: t.map((at) => Math.exp(-at)) })
    const call = () => minimize(objective, [1, 0.5, 0.1], adam(), { maxIterations: iterations, tolerance: 0 })
    return { name: `${rows} rows`, call, rows }
  })
  const samples = measure([many, few], timing)
  const [a, b] = [many, few].map((subject) =>
    samples(subject).map((sample) => sample / iterations / subject.rows),
  )
  const detail = `${summary(a).median.toFixed(1)} and ${summary(b).median.toFixed(1)} ns a row`
  add('minimize, a row of 4,096 in lanes, to a row of 255', many.rows, ratio(a, b), '×', 1.25, detail)
}
