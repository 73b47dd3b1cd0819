/** Schedules as the command line and the page have them: JSON, or as a program would write them. */

import { hintFor } from '#hints'
import { OptionError } from '../core/errors.js'
import * as functions from './index.js'
import { evaluateSchedule, FINITE, findConstantStart, readSchedule, type Scheduled } from './schedule.js'

const makers = functions as unknown as Readonly<Record<string, (...given: unknown[]) => unknown>>
const words: Readonly<Record<string, unknown>> = { true: true, false: false, null: null }

/** Updates to be drawn of schedules that never stay. */
const DEFAULT_UPDATES = 1000
/** How much of it shows that the others stay. */
const CONSTANT_MARGIN = 1.05

/** Up to which update there is something to be seen. */
export function countUpdates(all: readonly Scheduled[]): number {
  const last = Math.max(...all.map(findConstantStart))
  return last === Infinity ? DEFAULT_UPDATES : Math.max(10, Math.ceil(CONSTANT_MARGIN * last))
}

/** How deep lists, objects and calls may be in each other. */
const MAX_DEPTH = 50

/**
 * The schedule in a text such as `warmup(cosine(0.1, { steps: 90 }), { steps: 10 })` or
 * `{ "schedule": "cosine", "value": 0.1, "steps": 90 }`.
 *
 * @param what what it is for, in messages
 * @throws OptionError where there is none, or a schedule refuses what it is given
 */
export function parseSchedule(text: string, what: string): Scheduled {
  const tokens = [...text.matchAll(/\s*([\w.$]+(?:(?<=\d[eE])[-+]\d+)?|'[^']*'|"[^"]*"|\S|$)/g)]
  let next = 0
  const peek = () => tokens[next][1]
  const take = () => (next < tokens.length - 1 ? tokens[next++][1] : peek())

  function fail(expected: string, hint = ''): never {
    const { index } = tokens[next]
    throw new OptionError(what, `${expected} at character ${index + 1}`, peek() || 'the end', hint)
  }

  function expect(token: string): void {
    if (peek() !== token) fail(`“${token}”`)
    take()
  }

  /** What is between brackets, with commas in between; one at the end does no harm. */
  function list<T>(end: string, item: () => T): T[] {
    const items: T[] = []
    while (peek() !== end) {
      items.push(item())
      if (peek() !== end) expect(',')
    }
    take()
    return items
  }

  function value(depth: number): unknown {
    if (depth === MAX_DEPTH) fail(`no more than ${MAX_DEPTH} levels`)
    const inner = () => value(depth + 1)
    const entry = (): [string, unknown] => {
      const key = /^['"]|^\w/.test(peek()) ? take().replace(/^['"]|['"]$/g, '') : fail('a name')
      expect(':')
      return [key, inner()]
    }
    const token = peek()
    if (/^['"]./.test(token)) return take().slice(1, -1)
    if (/^[-\d.]/.test(token)) return number()
    if (Object.hasOwn(words, token)) return words[take()]
    if (token === '[') return take() && list(']', inner)
    if (token === '{') return take() && Object.fromEntries(list('}', entry))
    if (!Object.hasOwn(makers, token)) {
      const names = Object.keys(makers)
      const hint = hintFor(token, () => names)
      return fail(`a number or one of ${names.join(', ')}`, hint)
    }
    take()
    expect('(')
    return makers[token](...list(')', inner))
  }

  function number(): number {
    const sign = peek() === '-' ? -1 : 1
    const at = next
    if (sign === -1) take()
    const digits = take()
    const x = Number(digits.replace(/(?<=\d)_(?=\d)/g, ''))
    if (digits !== '' && Number.isFinite(x)) return sign * x
    next = at
    return fail('a number')
  }

  const schedule = readSchedule(what, value(0), FINITE)
  if (peek() !== '') fail('the end')
  evaluateSchedule(schedule, 0)
  return schedule
}
