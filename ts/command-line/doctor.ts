/**
 * The facts for a bug report: available engines, reasons for missing engines, and whether results are bit-identical.
 */

import { readFileSync } from 'node:fs'
import { arch, cpus, platform, release } from 'node:os'
import { allocate } from '../arena/memory.js'
import { getMessage } from '../core/errors.js'
import type { Dtype } from '../core/numbers.js'
import type { EngineName } from '../engines/engine.js'
import { environmentVariable } from '../engines/environment.js'
import { engines } from '../engines/index.js'
import { requestedEngine, requestedThreads } from '../engines/select-engine.js'
import type { OptimizerOptions } from '../model/options.js'
import { Optimizer } from '../optimizer.js'
import { enter } from './race.js'

/** A rule whose result on an engine differs from the TypeScript engine. */
export interface EngineDifference {
  readonly rule: string
  readonly dtype: Dtype
  readonly engine: string
}

export interface Diagnosis {
  /** Versions of Node, Deno or Bun, and of the JavaScript engine. */
  readonly runtime: string
  readonly platform: string
  readonly processor: string
  readonly memory: string
  readonly environment: string
  /** Invalid environment variables. With each of these variables, the `Optimizer` constructor throws an error. */
  readonly problems: readonly string[]
  /** Number of rules in the self-test. */
  readonly rules: number
  /** Engines that the self-test compares with the TypeScript engine. */
  readonly compared: readonly string[]
  readonly differences: readonly EngineDifference[]
}

export function diagnose(): Diagnosis {
  const { versions } = process
  const runtime = ['deno', 'bun', 'node', 'v8', 'webkit'].filter((name) => versions[name] !== undefined)
  const set = ['ANTIGRAD_ENGINE', 'ANTIGRAD_THREADS', 'ANTIGRAD_ADDON'].filter(environmentVariable)
  const processors = readPermitted(cpus)
  const { memory, reason } = allocate(1, 1)
  return {
    runtime: runtime.map((name) => `${name} ${versions[name]}`).join(', '),
    platform: `${platform()}-${arch()}, ${readPermitted(release) ?? 'unknown release'}`,
    processor: processors
      ? `${processors[0]?.model.trim() ?? 'unknown'}, ${processors.length} logical`
      : 'unknown',
    memory: memory === null ? `ArrayBuffer: ${reason}` : `WebAssembly.Memory, huge pages ${hugePages()}`,
    environment: set.map((name) => `${name}=${environmentVariable(name)}`).join(', ') || 'nothing set',
    problems: [requestedEngine, requestedThreads].flatMap(findProblem),
    ...selfTest(),
  }
}

/** A fact about the machine; undefined if it may not be read, as in Deno without --allow-sys. */
function readPermitted<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** Describes for which memory the system provides transparent huge pages. */
function hugePages(): string {
  try {
    const modes = readFileSync('/sys/kernel/mm/transparent_hugepage/enabled', 'utf8')
    const [, mode] = /\[(\w+)\]/.exec(modes) ?? []
    const [asked, notLoaded] = ['for arenas of 4 MiB and more', 'unused (the addon is not available)']
    if (mode === 'madvise') return engines().native.available ? asked : notLoaded
    return mode === 'always' ? 'for all memory' : 'disabled by the system'
  } catch {
    return 'unknown'
  }
}

/** The error message for an environment variable that no option overrides. */
function findProblem(read: (option: undefined) => unknown): string[] {
  try {
    read(undefined)
    return []
  } catch (thrown) {
    return [getMessage(thrown)]
  }
}

/** The length is a multiple of several vectors of each width, plus a remainder. */
const LENGTH = 77
const STEPS = 5

/** Runs every rule of the race for a few steps on every engine and instruction set. */
function selfTest() {
  const report = engines()
  // An invalid ANTIGRAD_THREADS must not stop the self-test.
  const common = findProblem(requestedThreads).length > 0 ? { threads: 1 } : {}
  const others: OptimizerOptions[] = report.native.instructionSets.map((instructionSet) => ({
    engine: 'native',
    instructionSet,
  }))
  if (report.wasm.available) others.push({ engine: 'wasm' })
  const nameOf = ({ engine, instructionSet }: OptimizerOptions) =>
    [engine, instructionSet].filter(Boolean).join(' ')
  const rules = enter()
  const differences: EngineDifference[] = []
  for (const { name, rule, clip } of rules) {
    for (const dtype of ['float32', 'float64'] as const) {
      const run = (options: OptimizerOptions) => {
        const values = Array.from({ length: LENGTH }, (_, i) => ((i * 37) % 101) / 50 - 1)
        const start = dtype === 'float32' ? Float32Array.from(values) : Float64Array.from(values)
        const optimizer = new Optimizer<typeof start, typeof rule>(start, rule, {
          ...common,
          ...options,
          clip,
        })
        for (let step = 0; step < STEPS; step++) {
          optimizer.grads.set(optimizer.gradientPoint().map((x, i) => x * x + i / 64 - step / 3))
          optimizer.step()
        }
        return optimizer.params
      }
      const expected = run({ engine: 'typescript' satisfies EngineName })
      for (const options of others) {
        const params = run(options)
        if (!expected.every((x, i) => Object.is(x, params[i])))
          differences.push({ rule: name, dtype, engine: nameOf(options) })
      }
    }
  }
  return { rules: rules.length, compared: others.map(nameOf), differences }
}
