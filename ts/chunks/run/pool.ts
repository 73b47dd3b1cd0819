/** All cores of this machine: processes, each of which computes a chunk after the other. */

import { type ChildProcess, fork } from 'node:child_process'
import { AntigradError } from '../../core/errors.js'
import { orAbort } from '../../core/event-loop.js'
import { StoreError } from '../plan/errors.js'
import type { StoreOutcome } from '../stores/store.js'
import type { WorkerOptions } from './run.js'

/** How often a chunk is tried: what kills its worker, or fails, is set aside then. */
export const MAX_TRIES = 3

/** A chunk has failed; others may not. */
export class ChunkError extends AntigradError {
  override name = 'ChunkError'
}

/** What a process is told first: a plan and its means. Then come numbers of chunks, one after the other. */
export interface WorkerInit {
  readonly plan: string
  readonly options: WorkerOptions
}

/** What it answers: that it waits, and what has become of the last chunk. */
export interface ChunkReply {
  readonly outcome?: StoreOutcome
  readonly failed?: string
  /** Whether no other chunk can be stored either. */
  readonly isStore?: boolean
}

/** A process, from its start on. */
class WorkerProcess {
  isDead = false
  /** @throws (rejects with) AntigradError where it does not begin */
  readonly begun: Promise<unknown>
  readonly #process: ChildProcess
  /** Who waits for an answer. */
  #waiting: { resolve(kept: StoreOutcome | undefined): void; reject(reason: Error): void } | undefined

  constructor(file: URL, beginning: WorkerInit) {
    const stdio = ['ignore', 'ignore', 'inherit', 'ipc'] as const
    this.#process = fork(file, { execArgv: [], stdio: [...stdio] })
    this.#process.on('message', ({ outcome, failed, isStore }: ChunkReply) => {
      if (failed === undefined) this.#waiting?.resolve(outcome)
      else this.#waiting?.reject(new (isStore ? StoreError : ChunkError)(failed))
    })
    this.#process.on('exit', (code, signal) => this.#end(`its worker ended: ${signal ?? `status ${code}`}`))
    this.#process.on('error', ({ message }) => this.#end(message))
    this.begun = this.#request(beginning).catch(({ message }) => {
      this.end()
      throw new AntigradError(`a worker does not begin: ${message}`)
    })
    // Whoever has a chunk for it is told.
    this.begun.catch(() => {})
  }

  /** @throws (rejects with) ChunkError, StoreError */
  run(index: number): Promise<StoreOutcome> {
    return this.#request(index) as Promise<StoreOutcome>
  }

  /** What it is at is lost, and nothing else. */
  end(): void {
    this.#process.kill('SIGKILL')
  }

  #request(what: WorkerInit | number): Promise<StoreOutcome | undefined> {
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

export class ProcessPool {
  readonly size: number
  readonly #file: URL
  readonly #init: WorkerInit
  readonly #processes: (WorkerProcess | undefined)[]
  readonly #idle: number[]
  readonly #waiting: ((place: number) => void)[] = []
  /** Nothing that fails afterwards is a chunk's fault. */
  isEnded = false

  /**
   * @param file what processes run: `worker-process.js`
   * @param size processes at most; they start when they are wanted
   */
  constructor(file: URL, beginning: WorkerInit, size: number) {
    this.size = size
    this.#file = file
    this.#init = beginning
    this.#processes = new Array(size).fill(undefined)
    this.#idle = [...this.#processes.keys()]
  }

  /** Has all processes begin, beside whatever is done meanwhile. */
  start(): void {
    for (const place of this.#idle) this.#processes[place] = new WorkerProcess(this.#file, this.#init)
  }

  /**
   * Has a chunk computed and stored by whoever is idle. One that has died is replaced.
   *
   * @throws (rejects with) ChunkError where the chunk fails; StoreError where nothing can be stored; AntigradError where no
   * process begins
   */
  async run(index: number): Promise<StoreOutcome> {
    const place = this.#idle.shift() ?? (await new Promise<number>((resolve) => this.#waiting.push(resolve)))
    try {
      if (this.isEnded) throw new AntigradError('the workers have ended')
      const last = this.#processes[place]
      const hand = last === undefined || last.isDead ? new WorkerProcess(this.#file, this.#init) : last
      this.#processes[place] = hand
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
    for (const hand of this.#processes) hand?.end()
  }
}

export interface PoolJob {
  /** Ended afterwards. */
  readonly pool: ProcessPool
  readonly indices: readonly number[]
  readonly signal: AbortSignal
  onStored(index: number, kept: StoreOutcome): void
  /** After three tries. */
  onFailed(index: number, message: string): Promise<void>
}

/**
 * Has all chunks computed, each at most three times.
 *
 * @throws (rejects with) StoreError where nothing can be stored; AntigradError where no process begins; the signal's reason
 */
export async function runPool({ pool, indices, signal, onStored, onFailed }: PoolJob): Promise<void> {
  const queue = [...indices]
  const tries = new Map<number, number>()
  const follow = async () => {
    for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
      try {
        onStored(index, await pool.run(index))
      } catch (thrown) {
        if (!(thrown instanceof ChunkError) || pool.isEnded) throw thrown
        const count = (tries.get(index) ?? 0) + 1
        tries.set(index, count)
        if (count < MAX_TRIES) queue.push(index)
        else await onFailed(index, thrown.message)
      }
    }
  }
  try {
    await orAbort(Promise.all(Array.from({ length: pool.size }, follow)), signal)
  } finally {
    pool.end()
  }
}
