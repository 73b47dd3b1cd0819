/** Processes that run programs, each as long as it lives. */

import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { inspect } from 'node:util'
import { build } from 'esbuild'
import type { Answer } from './child.js'
import type { Arrival } from './engine-agreement.js'
import type { Program } from './program.js'

/**
 * Milliseconds of the processor for a program, where they can be had, and for which it may use none of it; by the clock
 * one of seconds takes as many minutes as others want.
 */
const LONGEST = 300_000
/** Programs that one gets, so that what it keeps stays small. */
const MOST = 500

/** A program as text that is an expression of JavaScript, and that `regressions.ts` takes. */
export const sourceOf = (program: unknown) =>
  inspect(program, {
    ...{ depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity, breakLength: 110 },
  })

/** Where programs run one after the other; what dies of one is there again for the next. */
export abstract class Host {
  readonly name: string
  protected readonly longest: number
  #given = 0

  constructor(name: string, longest: number) {
    this.name = name
    this.longest = longest
  }

  /** @param isAlone whether it is the first program, and the last one */
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

  /** Milliseconds that have gone by for it. */
  protected spent(): number {
    return Date.now()
  }

  /** Starts it, unless it is there; that is no part of a program's time. */
  protected abstract begin(): Promise<void>
  protected abstract answer(source: string): Promise<Answer>
  protected abstract close(): Promise<void>
}

/** A runtime, given by its command, in which `child.ts` runs on top of `dist`. */
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

  /** Of the processor, all threads'; by the clock where the system does not tell. */
  protected override spent(): number {
    if (process.platform !== 'linux') return super.spent()
    try {
      const stat = readFileSync(`/proc/${this.#child?.pid}/stat`, 'utf8')
      // Behind the name, which is in brackets; hundredths of a second.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return (Number(fields[11]) + Number(fields[12])) * 10
    } catch {
      // It has ended, of which its answer tells.
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
    // What it has died of is told of by its answer.
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

/** A child's program as one file on top of `dist`; `name` is its folder here. */
export async function bundle(home: string, name: string): Promise<string> {
  const outfile = join(home, `target/${name}/child.mjs`)
  await build({
    entryPoints: [join(home, `test/${name}/child.ts`)],
    ...{ outfile, bundle: true, format: 'esm', platform: 'node', target: 'es2022', logLevel: 'warning' },
    alias: {
      'antigrad/files': join(home, 'dist/files/index.js'),
      'antigrad/fit': join(home, 'dist/fits/index.js'),
      antigrad: join(home, 'dist/index.js'),
    },
    external: [join(home, 'dist/*')],
    // What `library.ts` imports for its effect stays in.
    treeShaking: false,
  })
  return outfile
}
