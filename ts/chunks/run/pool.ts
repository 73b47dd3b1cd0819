/** A process pool for all cores of the machine. Each process of the pool computes one chunk at a time. */

import { type ChildProcess, fork } from 'node:child_process'
import { AntigradError } from '../../core/errors.js'
import { orAbort } from '../../core/event-loop.js'
import { StoreError } from '../plan/errors.js'
import type { StoreOutcome } from '../stores/store.js'
import type { WorkerOptions } from './run.js'

/**
 * Maximum number of attempts per chunk. A chunk counts as failed after this number of errors or killed workers.
 */
export const MAX_TRIES = 3

/** The error of a single failed chunk; other chunks may succeed. */
export class ChunkError extends AntigradError {
  override name = 'ChunkError'
}

/**
 * The first message to a worker process, which contains the plan and the options. All further messages to the process
 * are chunk indices.
 */
export interface WorkerInit {
  readonly plan: string
  readonly options: WorkerOptions
}

/**
 * The reply of a worker process that is ready for a chunk. The reply contains the outcome or the error of the previous
 * message.
 */
export interface ChunkReply {
  readonly outcome?: StoreOutcome
  readonly failed?: string
  /** Whether the error concerns the result store. If the store fails, no chunk can be stored. */
  readonly isStore?: boolean
}

/** A worker process in the pool. */
class WorkerProcess {
  isDead = false
  /**
   * A promise that resolves when the process is ready. @throws (rejects with) AntigradError if the process does not
   * start
   */
  readonly begun: Promise<unknown>
  readonly #process: ChildProcess
  /** The request to which the process has not replied yet. */
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
      throw new AntigradError(`a worker cannot start: ${message}`)
    })
    // Prevents an unhandled rejection. `run` reports the error.
    this.begun.catch(() => {})
  }

  /** @throws (rejects with) ChunkError, StoreError */
  run(index: number): Promise<StoreOutcome> {
    return this.#request(index) as Promise<StoreOutcome>
  }

  /** Kills the process. Only the current chunk of the process is lost. */
  end(): void {
    this.#process.kill('SIGKILL')
  }

  #request(what: WorkerInit | number): Promise<StoreOutcome | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      // The process may have ended since the last request.
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
  /** Whether the pool has ended. Errors after the end of the pool are not caused by chunks. */
  isEnded = false

  /**
   * @param file URL of the script that the processes run (`worker-process.js`)
   * @param size maximum number of processes, which start on demand
   */
  constructor(file: URL, beginning: WorkerInit, size: number) {
    this.size = size
    this.#file = file
    this.#init = beginning
    this.#processes = new Array(size).fill(undefined)
    this.#idle = [...this.#processes.keys()]
  }

  /** Starts all processes in the background. */
  start(): void {
    for (const place of this.#idle) this.#processes[place] = new WorkerProcess(this.#file, this.#init)
  }

  /**
   * Computes and stores a chunk in an idle process. A process that has died is replaced.
   *
   * @throws (rejects with) ChunkError if the chunk fails; StoreError if the store fails; AntigradError if no process
   * starts
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
  /** The process pool. The job ends the pool when all chunks are finished. */
  readonly pool: ProcessPool
  readonly indices: readonly number[]
  readonly signal: AbortSignal
  onStored(index: number, kept: StoreOutcome): void
  /** Callback, called when a chunk has failed three times. */
  onFailed(index: number, message: string): Promise<void>
}

/**
 * Computes all chunks, with at most three attempts per chunk.
 *
 * @throws (rejects with) StoreError if the store fails; AntigradError if no process starts; the reason of the signal
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
