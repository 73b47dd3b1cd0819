/** Processes that run programs. Each process runs a limited number of programs. */

import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { inspect } from 'node:util'
import { build } from 'esbuild'
import { moduleAliases } from '../../scripts/lib/entries.mjs'
import type { Answer } from './child.js'
import type { Arrival } from './engine-agreement.js'
import type { Program } from './program.js'

/**
 * The time limit of a program in milliseconds of CPU time, or of wall-clock time without CPU use. On a busy machine, a
 * program of seconds may take minutes of wall-clock time.
 */
const LONGEST = 300_000
/** The number of programs per process, which limits its memory. */
const MOST = 500

/** A program as a JavaScript expression that `regressions.ts` accepts. */
export const sourceOf = (program: unknown) =>
  inspect(program, {
    ...{ depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity, breakLength: 110 },
  })

/** Runs programs one after the other. If a process died, a new process runs the next program. */
export abstract class Host {
  readonly name: string
  protected readonly longest: number
  #given = 0

  constructor(name: string, longest: number) {
    this.name = name
    this.longest = longest
  }

  /**
   * @param isAlone whether the program is the first and the last one of its process
   */
  async ask(program: Program | Arrival, isAlone: boolean): Promise<Answer> {
    if (isAlone || this.#given >= MOST) await this.end()
    this.#given = isAlone ? MOST : this.#given + 1
    const answer = await this.begin()
      .then(() => this.#inTime(program))
      .catch(String)
    if (typeof answer !== 'string' && answer.message === null) return answer
    await this.end()
    if (typeof answer !== 'string') return answer
    return { message: answer, reached: [], trail: [], comparisons: 0, saved: null }
  }

  async #inTime(program: Program | Arrival): Promise<Answer | string> {
    const { longest } = this
    const before = this.spent()
    let [last, idle] = [before, Date.now()]
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<string>((resolve) => {
      timer = setInterval(() => {
        const now = this.spent()
        if (now - before > longest) resolve(`no answer within ${longest / 1000} s`)
        if (now > last) [last, idle] = [now, Date.now()]
        else if (Date.now() - idle > longest) resolve(`nothing is done for ${longest / 1000} s`)
      }, longest / 30)
    })
    return Promise.race([this.answer(sourceOf(program)), late]).finally(() => clearInterval(timer))
  }

  async end(): Promise<void> {
    this.#given = 0
    await this.close()
  }

  /** Milliseconds that the program has used so far. */
  protected spent(): number {
    return Date.now()
  }

  /** Starts the host unless the host is running. The start is not part of the time of a program. */
  protected abstract begin(): Promise<void>
  protected abstract answer(source: string): Promise<Answer>
  protected abstract close(): Promise<void>
}

/** A runtime, given by its command, that runs `child.ts` on top of `dist`. */
export class ProcessHost extends Host {
  readonly #file: Promise<string>
  readonly #command: readonly string[]
  #child: ChildProcess | undefined
  #said = ''
  #lines: AsyncIterator<string> | undefined

  constructor(
    name: string,
    home: string,
    command: readonly string[],
    file = bundle(home, 'programs'),
    longest = LONGEST,
  ) {
    super(name, longest)
    this.#file = file
    this.#command = command
  }

  /** CPU time of all threads, or wall-clock time if the system does not report CPU time. */
  protected override spent(): number {
    if (process.platform !== 'linux') return super.spent()
    try {
      const stat = readFileSync(`/proc/${this.#child?.pid}/stat`, 'utf8')
      // The fields after the name in parentheses. The unit is a hundredth of a second.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return (Number(fields[11]) + Number(fields[12])) * 10
    } catch {
      // The process has ended, and the answer reports the end.
      return 0
    }
  }

  protected async answer(source: string): Promise<Answer> {
    this.#child?.stdin?.write(`${JSON.stringify(source)}\n`)
    return JSON.parse(await this.#line())
  }

  protected async begin(): Promise<void> {
    if (this.#child !== undefined) return
    const [program, ...args] = this.#command
    const { ANTIGRAD_ENGINE: _, ANTIGRAD_THREADS: __, ...env } = process.env
    const child = spawn(program, [...args, await this.#file], { env, stdio: 'pipe' })
    this.#child = child
    this.#said = ''
    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#said += text
    })
    // The answer reports why the process died.
    child.stdin.on('error', () => {})
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    await this.#line()
  }

  async #line(): Promise<string> {
    const line = await this.#lines?.next()
    if (line && !line.done) return line.value
    const { exitCode, signalCode } = this.#child as ChildProcess
    throw new Error(`the process ended with ${signalCode ?? exitCode}: ${this.#said.slice(-6000)}`)
  }

  protected async close(): Promise<void> {
    this.#child?.kill('SIGKILL')
    this.#child = undefined
  }
}

/** Bundles the child program on top of `dist` into one file. `name` is the folder in which the file is written. */
export async function bundle(home: string, name: string): Promise<string> {
  const outfile = join(home, `target/${name}/child.mjs`)
  await build({
    entryPoints: [join(home, `test/${name}/child.ts`)],
    ...{ outfile, bundle: true, format: 'esm', platform: 'node', target: 'es2022', logLevel: 'warning' },
    alias: moduleAliases(home),
    external: [join(home, 'dist/*')],
    // Keeps modules that `library.ts` imports for their side effects.
    treeShaking: false,
  })
  return outfile
}
