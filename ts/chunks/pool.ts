/** All cores of this machine: processes, each of which computes a chunk after the other. */

import { type ChildProcess, fork } from 'node:child_process'
import { AntigradError } from '../ground/errors.js'
import { unlessAborted } from '../ground/event-loop.js'
import { StoreError } from './errors.js'
import type { WorkerOptions } from './run.js'
import type { Kept } from './store.js'

/** How often a chunk is tried: what kills its worker, or fails, is set aside then. */
export const TRIES = 3

/** A chunk has failed; others may not. */
export class ChunkError extends AntigradError {
  override name = 'ChunkError'
}

/** What a process is told first: a plan and its means. Then come numbers of chunks, one after the other. */
export interface Beginning {
  readonly plan: string
  readonly options: WorkerOptions
}

/** What it answers: that it waits, and what has become of the last chunk. */
export interface Answer {
  readonly kept?: Kept
  readonly failed?: string
  /** Whether no other chunk can be stored either. */
  readonly isStore?: boolean
}

/** A process, from its start on. */
class Hand {
  isDead = false
  /** @throws (rejects with) AntigradError where it does not begin */
  readonly begun: Promise<unknown>
  readonly #process: ChildProcess
  /** Who waits for an answer. */
  #waiting: { resolve(kept: Kept | undefined): void; reject(reason: Error): void } | undefined

  constructor(file: URL, beginning: Beginning) {
    const stdio = ['ignore', 'ignore', 'inherit', 'ipc'] as const
    this.#process = fork(file, { execArgv: [], stdio: [...stdio] })
    this.#process.on('message', ({ kept, failed, isStore }: Answer) => {
      if (failed === undefined) this.#waiting?.resolve(kept)
      else this.#waiting?.reject(new (isStore ? StoreError : ChunkError)(failed))
    })
    this.#process.on('exit', (code, signal) => this.#end(`its worker ended: ${signal ?? `status ${code}`}`))
    this.#process.on('error', ({ message }) => this.#end(message))
    this.begun = this.#ask(beginning).catch(({ message }) => {
      this.end()
      throw new AntigradError(`a worker does not begin: ${message}`)
    })
    // Whoever has a chunk for it is told.
    this.begun.catch(() => {})
  }

  /** @throws (rejects with) ChunkError, StoreError */
  run(index: number): Promise<Kept> {
    return this.#ask(index) as Promise<Kept>
  }

  /** What it is at is lost, and nothing else. */
  end(): void {
    this.#process.kill('SIGKILL')
  }

  #ask(what: Beginning | number): Promise<Kept | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      // Where it has ended meanwhile, that is told too.
      if (this.isDead) this.#end('its worker has ended')
      else this.#process.send(what, () => {})
    })
  }

  #end(why: string): void {
    this.isDead = true
    this.#waiting?.reject(new ChunkError(why))
  }
}

export class Pool {
  readonly size: number
  readonly #file: URL
  readonly #beginning: Beginning
  readonly #hands: (Hand | undefined)[]
  readonly #idle: number[]
  readonly #waiting: ((place: number) => void)[] = []
  /** Nothing that fails afterwards is a chunk's fault. */
  isEnded = false

  /**
   * @param file what processes run: `hand.js`
   * @param size processes at most; they start when they are wanted
   */
  constructor(file: URL, beginning: Beginning, size: number) {
    this.size = size
    this.#file = file
    this.#beginning = beginning
    this.#hands = new Array(size).fill(undefined)
    this.#idle = [...this.#hands.keys()]
  }

  /** Has all processes begin, beside whatever is done meanwhile. */
  start(): void {
    for (const place of this.#idle) this.#hands[place] = new Hand(this.#file, this.#beginning)
  }

  /**
   * Has a chunk computed and stored by whoever is idle. One that has died is replaced.
   *
   * @throws (rejects with) ChunkError where the chunk fails; StoreError where nothing can be stored; AntigradError where no
   * process begins
   */
  async run(index: number): Promise<Kept> {
    const place = this.#idle.shift() ?? (await new Promise<number>((resolve) => this.#waiting.push(resolve)))
    try {
      if (this.isEnded) throw new AntigradError('the workers have ended')
      const last = this.#hands[place]
      const hand = last === undefined || last.isDead ? new Hand(this.#file, this.#beginning) : last
      this.#hands[place] = hand
      await hand.begun
      return await hand.run(index)
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#idle.push(place)
      else next(place)
    }
  }

  end(): void {
    this.isEnded = true
    for (const hand of this.#hands) hand?.end()
  }
}

export interface Job {
  /** Ended afterwards. */
  readonly pool: Pool
  readonly indices: readonly number[]
  readonly signal: AbortSignal
  onKept(index: number, kept: Kept): void
  /** After three tries. */
  onFailed(index: number, message: string): Promise<void>
}

/**
 * Has all chunks computed, each at most three times.
 *
 * @throws (rejects with) StoreError where nothing can be stored; AntigradError where no process begins; the signal's reason
 */
export async function runPool({ pool, indices, signal, onKept, onFailed }: Job): Promise<void> {
  const queue = [...indices]
  const tries = new Map<number, number>()
  const follow = async () => {
    for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
      try {
        onKept(index, await pool.run(index))
      } catch (thrown) {
        if (!(thrown instanceof ChunkError) || pool.isEnded) throw thrown
        const count = (tries.get(index) ?? 0) + 1
        tries.set(index, count)
        if (count < TRIES) queue.push(index)
        else await onFailed(index, thrown.message)
      }
    }
  }
  try {
    await unlessAborted(Promise.all(Array.from({ length: pool.size }, follow)), signal)
  } finally {
    pool.end()
  }
}
