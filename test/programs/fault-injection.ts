/** User code that runs during a call. */

import type { Intruder, Intrusion } from './models.js'
import { inWords, Mine } from './outcome.js'

/** The error of any call that user code makes during another call. */
const refusalOf = (call: Intruder) =>
  `BusyError: ${call}: a step of this optimizer is under way; await the promise of stepAsync first`

export class Intrusions {
  /** The reference world does not make refused calls, and thus yields the expected result. */
  readonly #isSteady: boolean
  readonly #call: (intruder: Intruder) => unknown
  #armed: Intrusion | null = null
  #spared = 0
  #log: (string | Promise<string>)[] = []
  #arrays: readonly (ArrayBufferView | null)[] = []

  constructor(isSteady: boolean, call: (intruder: Intruder) => unknown) {
    this.#isSteady = isSteady
    this.#call = call
  }

  /** The hook for user code: a schedule or a match function. */
  readonly onFunction = () => {
    if (this.#armed?.by === 'function') this.strike()
  }

  arm(intrusion: Intrusion | null, arrays: readonly (ArrayBufferView | null)[] = []): void {
    this.#armed = intrusion
    this.#spared = 0
    this.#arrays = arrays
    this.#log = []
  }

  /** Ends the interruption and returns the outcomes. */
  async disarm(): Promise<readonly string[]> {
    this.#armed = null
    return Promise.all(this.#log)
  }

  /** Returns an equal value with a getter or proxy that interrupts the call. */
  read<T>(given: T): T {
    const by = this.#armed?.by
    if (typeof given !== 'object' || given === null || ArrayBuffer.isView(given)) return given
    if (by === 'proxy') {
      return new Proxy(given, {
        get: (target, key) => {
          this.strike()
          return Reflect.get(target, key)
        },
        ownKeys: (target) => {
          this.strike()
          return Reflect.ownKeys(target)
        },
      })
    }
    if (by !== 'getter') return given
    const copy = Array.isArray(given) ? [] : {}
    for (const [key, value] of Object.entries(given)) {
      const get = () => {
        this.strike()
        return value
      }
      Object.defineProperty(copy, key, { get, enumerable: true, configurable: true })
    }
    return copy as T
  }

  /** Interrupts after the call has returned a promise. */
  later(): void {
    if (this.#armed?.by === 'later') this.strike()
  }

  /** Interrupts only once. The second read is undisturbed. */
  strike(): void {
    const armed = this.#armed
    if (armed === null || this.#spared++ < (armed.spared ?? 0)) return
    this.#armed = null
    for (const call of armed.calls) this.#log.push(this.#isSteady ? refusalOf(call) : this.#attempt(call))
    if (armed.end === 'transfers') {
      // Only one array is changed, because the array that the error names would depend on the locations of the tensors.
      const array = this.#arrays.find((one) => one !== null)
      if (array) structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] })
    }
    if (armed.end === 'throws' && armed.by !== 'later') throw new Mine('thrown in the middle')
  }

  #attempt(call: Intruder): string | Promise<string> {
    const done = `${call}: done`
    try {
      const value = this.#call(call)
      return value instanceof Promise ? value.then(() => done, inWords) : done
    } catch (error) {
      return inWords(error)
    }
  }
}
