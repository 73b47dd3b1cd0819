/** Generates programs, passes each to a process, and shrinks the first failure. */

import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { random } from '../bits.js'
import type { Answer } from './child.js'
import type { Arrival } from './engine-agreement.js'
import { type Host, ProcessHost, sourceOf } from './hosts.js'
import { difference } from './outcome.js'
import { type Program, program } from './program.js'

/** The number of programs per seed. */
const BATCH = 50

/** Runs programs in the current process and alternately in one of the other hosts, and expects equal outcomes. */
export class Runner {
  readonly reached = new Set<string>()
  programs = 0
  /** The number of outcomes that were compared, between engines and between hosts. */
  comparisons = 0
  /** The other host that failed. */
  failedIn: Host | null = null
  readonly #here: Host
  readonly #others: readonly Host[]

  /**
   * @param home the folder of the package
   */
  constructor(home: string, others: readonly Host[] = [], node: readonly string[] = [process.execPath]) {
    this.#here = new ProcessHost('Node', home, node)
    this.#others = others
  }

  /** The error of a program, or null if it passes. */
  async run(program: Program): Promise<string | null> {
    const { length } = this.#others
    // A shrunk program must also fail in the host of the original program.
    const other = this.failedIn ?? (length > 0 ? this.#others[this.programs % length] : null)
    this.programs++
    const [here, there] = [await this.#ask(this.#here, program), other && (await this.#ask(other, program))]
    for (const what of here.reached) this.reached.add(what)
    if (here.message !== null || other === null || there === null) return here.message
    const wrong = this.#compare(here, there) ?? (await this.#hop(here.saved, program, other))
    if (wrong === null) return null
    this.failedIn = other
    return `${other.name}: ${wrong}`
  }

  async #ask(host: Host, program: Program | Arrival): Promise<Answer> {
    // The program changes the process permanently.
    const answer = await host.ask(program, program.kind === 'model' && program.isLate)
    this.comparisons += answer.comparisons
    return answer
  }

  #compare(here: Answer, there: Answer): string | null {
    if (there.message !== null) return there.message
    this.comparisons += here.trail.length + 1
    if (isDeepStrictEqual([here.trail, here.saved], [there.trail, there.saved])) return null
    const at = here.trail.findIndex((found, k) => !isDeepStrictEqual(found, there.trail[k]))
    if (at < 0) return `other text of the saved run:\n${there.saved}\ninstead of\n${here.saved}`
    const [place, seen] = here.trail[at]
    return `${place}: ${difference(seen, there.trail[at]?.[1] ?? 'nothing')}`
  }

  /** Continues a run that the current process saved in another host, and expects the same result. */
  async #hop(saved: string | null, program: Program, other: Host): Promise<string | null> {
    if (saved === null) return null
    const arrival: Arrival = { kind: 'arrival', saved, places: program.places }
    const here = await this.#ask(this.#here, arrival)
    return here.message ?? this.#compare(here, await this.#ask(other, arrival))
  }

  async end(): Promise<void> {
    for (const host of [this.#here, ...this.#others]) await host.end()
  }
}

export interface Failure {
  readonly seed: number
  readonly path: string
  /** The host that failed, unless the current process failed. */
  readonly host: string | null
  /** The smallest program that fails, as a string that `regressions.ts` accepts. */
  readonly program: string
  readonly message: string
  /** The time in milliseconds and the number of programs until the first failure. */
  readonly after: number
  readonly programs: number
}

export interface Search {
  readonly seed: number
  /** The path to a single program, in the form that a failure reports. */
  readonly path?: string
  /** Limits on the number of programs and on the time in milliseconds. */
  readonly programs?: number
  readonly time?: number
  /** The time limit for shrinking a failure, in milliseconds. */
  readonly shrinking?: number
  readonly onProgress?: (seed: number) => void
}

/** The first failure among programs of the given seed and later seeds, shrunk, or null if all programs pass. */
export async function search(runner: Runner, given: Search): Promise<Failure | null> {
  const { programs = Infinity, time = Infinity, shrinking = 60_000, path, onProgress } = given
  const start = Date.now()
  let failed: number | undefined
  let tried = 0
  const isOver = () =>
    failed === undefined ? Date.now() - start > time : Date.now() - start - failed > shrinking
  const property = fc.asyncProperty(program, async (drawn) => {
    if (isOver()) return
    const message = await runner.run(drawn)
    if (message === null) return
    if (failed === undefined) tried = runner.programs
    failed ??= Date.now() - start
    throw new Error(message)
  })
  const next = random(given.seed)
  for (let seed = given.seed; ; seed = Math.floor(next() * 2 ** 31)) {
    const {
      counterexample,
      counterexamplePath,
      errorInstance,
      failed: hasFailed,
    } = await fc.check(property, {
      ...{ seed, numRuns: Math.min(BATCH, programs - runner.programs) },
      ...(path !== undefined && { path, endOnFailure: true }),
    })
    if (hasFailed) {
      return {
        ...{ seed, path: counterexamplePath ?? '', after: failed ?? NaN, programs: tried },
        host: runner.failedIn?.name ?? null,
        program: sourceOf(counterexample?.[0]),
        message: (errorInstance as Error).message,
      }
    }
    onProgress?.(seed)
    if (path !== undefined || runner.programs >= programs || Date.now() - start > time) return null
  }
}
