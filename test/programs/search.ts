/** Draws programs, gives each to a process, and shrinks the first that fails. */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { build } from 'esbuild'
import fc from 'fast-check'
import { random } from '../bits.js'
import type { Answer } from './child.js'
import { type Program, program } from './program.js'

/** Milliseconds for a program: one of seconds takes minutes beside others, where it runs at the lowest priority. */
const LONGEST = 300_000
/** Programs that a process gets, so that what it keeps stays small. */
const MOST = 500
/** Programs that are drawn from one seed. */
const BATCH = 50

/** The child's program, on top of `dist`. */
async function bundle(home: string): Promise<string> {
  const outfile = join(home, 'target/programs/child.mjs')
  await build({
    entryPoints: [join(home, 'test/programs/child.ts')],
    ...{ outfile, bundle: true, format: 'esm', platform: 'node', target: 'es2022', logLevel: 'warning' },
    alias: { antigrad: join(home, 'dist/index.js') },
    external: [join(home, 'dist/*')],
  })
  return outfile
}

/** Runs programs in processes: one after the other, each as long as it lives. */
export class Runner {
  readonly reached = new Set<string>()
  programs = 0
  readonly #file: Promise<string>
  #child: ChildProcess | undefined
  #said = ''
  #given = 0

  /** @param home the folder of the package */
  constructor(home: string) {
    this.#file = bundle(home)
  }

  /** What is wrong with a program; null where nothing is. */
  async run(program: Program): Promise<string | null> {
    // It changes its process for good.
    const isLate = program.kind === 'model' && program.isLate
    if (isLate || this.#given >= MOST) this.end()
    const child = await this.#alive()
    this.programs++
    this.#given++
    const answer = await new Promise<Answer>((resolve) => {
      const settle = (message: string | null, reached: readonly string[] = []) => {
        clearTimeout(timer)
        child.removeAllListeners()
        resolve({ message, reached })
      }
      const timer = setTimeout(() => settle(`no answer within ${LONGEST / 1000} s`), LONGEST)
      child.once('message', ({ message, reached }: Answer) => settle(message, reached))
      child.once('exit', (status, signal) =>
        settle(`the process ended with ${signal ?? status}: ${this.#said.slice(-2000)}`),
      )
      child.send(program)
    })
    for (const what of answer.reached) this.reached.add(what)
    if (isLate || answer.message !== null) this.end()
    return answer.message
  }

  async #alive(): Promise<ChildProcess> {
    if (this.#child !== undefined) return this.#child
    const { ANTIGRAD_ENGINE: _, ANTIGRAD_THREADS: __, ...env } = process.env
    const child = fork(await this.#file, {
      ...{ env, execArgv: [], serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] },
    })
    this.#said = ''
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      this.#said += text
    })
    await once(child, 'message')
    this.#child = child
    this.#given = 0
    return child
  }

  end(): void {
    this.#child?.removeAllListeners()
    this.#child?.kill('SIGKILL')
    this.#child = undefined
  }
}

export interface Failure {
  readonly seed: number
  readonly path: string
  /** The smallest program that fails, as text that `found.ts` takes. */
  readonly program: string
  readonly message: string
  /** Milliseconds until the first failure, and how many programs it took. */
  readonly after: number
  readonly programs: number
}

export interface Search {
  readonly seed: number
  /** The way to one program, as a failure says it. */
  readonly path?: string
  /** How many programs, and for how many milliseconds, at most. */
  readonly programs?: number
  readonly time?: number
  /** For how many milliseconds a failure is made smaller. */
  readonly shrinking?: number
  readonly onProgress?: (programs: number, seed: number) => void
}

/** The first failure among programs of this seed and of those that follow from it, shrunk; null where there is none. */
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
        program: inspect(counterexample?.[0], {
          depth: Infinity,
          maxArrayLength: Infinity,
          breakLength: 110,
        }),
        message: (errorInstance as Error).message,
      }
    }
    onProgress?.(runner.programs, seed)
    if (path !== undefined || runner.programs >= programs || Date.now() - start > time) return null
  }
}
