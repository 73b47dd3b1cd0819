/** Schedules in the notations of the command line and the page: JSON, or function calls as in a program. */

import { hintFor } from '#hints'
import { OptionError } from '../core/errors.js'
import * as functions from './index.js'
import { evaluateSchedule, FINITE, findConstantStart, readSchedule, type Scheduled } from './schedule.js'

const makers = functions as unknown as Readonly<Record<string, (...given: unknown[]) => unknown>>
const words: Readonly<Record<string, unknown>> = { true: true, false: false, null: null }

/** Number of updates to plot if a schedule never becomes constant. */
const DEFAULT_UPDATES = 1000
/** Factor by which a plot extends beyond the update at which the schedule becomes constant. */
const CONSTANT_MARGIN = 1.05

/** Number of updates that a plot shows. */
export function countUpdates(all: readonly Scheduled[]): number {
  const last = Math.max(...all.map(findConstantStart))
  return last === Infinity ? DEFAULT_UPDATES : Math.max(10, Math.ceil(CONSTANT_MARGIN * last))
}

/** Maximum nesting depth of arrays, objects and calls. */
const MAX_DEPTH = 50

/**
 * Parses a string such as `warmup(cosine(0.1, { steps: 90 }), { steps: 10 })` or `{ "schedule": "cosine", "value": 0.1,
 * "steps": 90 }`.
 *
 * @param what name of the schedule in messages
 * @throws OptionError if the string is not a schedule, or if a value is out of its range
 */
export function parseSchedule(text: string, what: string): Scheduled {
  const reader = new ScheduleReader(text, what)
  const schedule = readSchedule(what, reader.value(0), FINITE)
  reader.end()
  evaluateSchedule(schedule, 0)
  return schedule
}

class ScheduleReader {
  readonly #what: string
  readonly #tokens: readonly RegExpExecArray[]
  #next = 0

  constructor(text: string, what: string) {
    this.#what = what
    this.#tokens = [...text.matchAll(/\s*([\w.$]+(?:(?<=\d[eE])[-+]\d+)?|'[^']*'|"[^"]*"|\S|$)/g)]
  }

  value(depth: number): unknown {
    if (depth === MAX_DEPTH) this.#fail(`no more than ${MAX_DEPTH} levels`)
    const inner = () => this.value(depth + 1)
    const entry = (): [string, unknown] => {
      const key = /^['"]|^\w/.test(this.#token)
        ? this.#take().replace(/^['"]|['"]$/g, '')
        : this.#fail('a name')
      this.#expect(':')
      return [key, inner()]
    }
    const token = this.#token
    if (/^['"]./.test(token)) return this.#take().slice(1, -1)
    if (/^[-\d.]/.test(token)) return this.#number()
    if (Object.hasOwn(words, token)) return words[this.#take()]
    if (token === '[') return this.#take() && this.#list(']', inner)
    if (token === '{') return this.#take() && Object.fromEntries(this.#list('}', entry))
    if (!Object.hasOwn(makers, token)) {
      const names = Object.keys(makers)
      const hint = hintFor(token, () => names)
      return this.#fail(`a number or one of ${names.join(', ')}`, hint)
    }
    this.#take()
    this.#expect('(')
    return makers[token](...this.#list(')', inner))
  }

  /** Checks that no text follows the schedule. */
  end(): void {
    if (this.#token !== '') this.#fail('the end')
  }

  get #token(): string {
    return this.#tokens[this.#next][1]
  }

  #take(): string {
    return this.#next < this.#tokens.length - 1 ? this.#tokens[this.#next++][1] : this.#token
  }

  #fail(expected: string, hint = ''): never {
    const { index } = this.#tokens[this.#next]
    throw new OptionError(this.#what, `${expected} at character ${index + 1}`, this.#token || 'the end', hint)
  }

  #expect(token: string): void {
    if (this.#token !== token) this.#fail(`“${token}”`)
    this.#take()
  }

  /** Reads items between parentheses or brackets, separated by commas. A trailing comma is allowed. */
  #list<T>(end: string, item: () => T): T[] {
    const items: T[] = []
    while (this.#token !== end) {
      items.push(item())
      if (this.#token !== end) this.#expect(',')
    }
    this.#take()
    return items
  }

  #number(): number {
    const sign = this.#token === '-' ? -1 : 1
    const at = this.#next
    if (sign === -1) this.#take()
    const digits = this.#take()
    const x = Number(digits.replace(/(?<=\d)_(?=\d)/g, ''))
    if (digits !== '' && Number.isFinite(x)) return sign * x
    this.#next = at
    return this.#fail('a number')
  }
}
