// The time in which a program of 20,000 operations is compiled together with its gradient, in new processes.
//
// Run as a script, the module prints the milliseconds of its process.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Builder, differentiate } from '../../dist/expressions/differentiate.js'
import { Graph } from '../../dist/expressions/graph.js'
import { compile } from '../../dist/expressions/program.js'
import { lorenz, parameters } from './lorenz.mjs'

const OPERATIONS = 20_000
const file = fileURLToPath(import.meta.url)

/** @returns milliseconds per process */
export function compileTimes(rounds) {
  return Array.from({ length: rounds }, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' })
    if (status !== 0) throw new Error(stderr)
    return Number(stdout)
  })
}

/** Builds and compiles the program. */
export function compileLong() {
  const graph = new Graph()
  const builder = new Builder(graph)
  const names = parameters.map((name) => builder.name(name))
  const steps = Math.ceil(OPERATIONS / 68)
  const root = lorenz(builder, names, steps)
  const { value, gradient } = differentiate(graph, root, parameters, () => false)
  return { graph, root, steps, program: compile(graph, [value, ...gradient], parameters, []) }
}

if (process.argv[1] === file) {
  const start = performance.now()
  compileLong()
  console.log(performance.now() - start)
}
