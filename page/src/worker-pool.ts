/** A pool of workers that compute the pieces of a basin plot. */

import type { Point, View } from 'antigrad'
import type { OutcomeJob, OutcomeReply, OutcomeTask } from './basins-worker.js'
import { computeStart, cut, type OutcomePiece, type OutcomePoints } from './outcomes.js'

/** Callbacks for the results of a basin plot. */
export interface OutcomeListener {
  /** Called in the order of the pieces. */
  found(piece: OutcomePiece, ends: OutcomePoints): void
  done(engine: string): void
  /** @param isOfRule whether the error is an unsupported rule */
  failed(message: string, isOfRule: boolean): void
}

/** Maximum number of workers. The page itself needs a core, and more workers hardly help. */
const MAX_WORKERS = 4

export class WorkerPool {
  readonly #workers: Worker[]
  readonly #pieces = cut()
  /** Number of the current plot. Replies for earlier plots are ignored. */
  #job = 0
  #order: Omit<OutcomeJob, 'piece' | 'x' | 'y'> | null = null
  #view: View = [0, 1, 0, 1]
  #given = 0
  #taken = 0
  readonly #waiting = new Map<number, OutcomePoints>()
  #listener: OutcomeListener | null = null
  /** Why the workers no longer reply; '' if they work. */
  #broken = ''

  constructor() {
    const count = Math.max(1, Math.min(MAX_WORKERS, navigator.hardwareConcurrency - 1))
    this.#workers = Array.from({ length: count }, () => {
      const worker = new Worker(new URL('./basins-worker.ts', import.meta.url), { type: 'module' })
      worker.addEventListener('message', ({ data }) => this.#take(worker, data))
      worker.addEventListener('error', ({ message }) => {
        this.#broken = message || 'a part of the page could not be loaded'
        this.#fail(this.#broken, false)
      })
      return worker
    })
  }

  get size(): number {
    return this.#workers.length
  }

  /** Starts a plot and ends an unfinished one. */
  start(task: OutcomeTask, view: View, listener: OutcomeListener): void {
    this.#order = { ...task, job: ++this.#job }
    this.#view = view
    this.#given = this.#taken = 0
    this.#waiting.clear()
    this.#listener = listener
    if (this.#broken !== '') this.#fail(this.#broken, false)
    else for (const worker of this.#workers) this.#give(worker)
  }

  stop(): void {
    this.#job++
    this.#listener = null
    for (const worker of this.#workers) worker.postMessage(null)
  }

  #give(worker: Worker): void {
    const piece = this.#given
    if (piece >= this.#pieces.length) return
    this.#given++
    const { starts } = this.#pieces[piece]
    const x = new Float64Array(starts.length)
    const y = new Float64Array(starts.length)
    for (const [k, start] of starts.entries()) {
      const at: Point = computeStart(this.#view, start)
      x[k] = at[0]
      y[k] = at[1]
    }
    worker.postMessage({ ...this.#order, piece, x, y }, [x.buffer, y.buffer])
  }

  #take(worker: Worker, answer: OutcomeReply): void {
    if (answer.job !== this.#job || !this.#listener) return
    if ('error' in answer) {
      this.#fail(answer.error, answer.isOfRule)
      return
    }
    this.#give(worker)
    this.#waiting.set(answer.piece, answer.ends)
    for (let ends = this.#waiting.get(this.#taken); ends; ends = this.#waiting.get(this.#taken)) {
      this.#waiting.delete(this.#taken)
      this.#listener.found(this.#pieces[this.#taken++], ends)
    }
    if (this.#taken === this.#pieces.length) this.#listener.done(answer.engine)
  }

  #fail(message: string, isOfRule: boolean): void {
    const listener = this.#listener
    this.stop()
    listener?.failed(message, isOfRule)
  }
}
