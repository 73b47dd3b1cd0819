/**
 * Each public call with each hostile value at each place. The outcome is a library error that names the place, or a
 * success if the value is valid there. A refused call changes nothing and takes little time and memory.
 */

import { getHeapStatistics } from 'node:v8'
import * as core from 'antigrad'
import { AntigradError, ArgumentError } from 'antigrad'
import * as fits from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { inBits } from '../helpers.js'
import { type Attack, build, isPlain, type Place, placesOf } from './argument-places.js'
import { afterwards, type Call, calls, run, seen, subjects } from './calls.js'
import { hostile } from './malformed-values.js'
import type { Anything } from './subject.js'

const antigrad = { ...core, ...fits }

const title = ({ of, args, says }: Call) => `${of.join(', ')} (${Object.keys(args)}) ${says}`
const subjectOf = ({ subject }: Call, name: string) =>
  name.includes('#') ? (subject ?? subjects[name.split('#')[0]])() : null
const argsOf = ({ args }: Call, attack?: Attack): unknown[] => Object.values(build({ ...args }, attack))

interface Outcome {
  readonly error: unknown
  readonly value: unknown
  readonly seconds: number
  readonly megabytes: number
}

async function outcomeOf(call: () => unknown): Promise<Outcome> {
  const before = allocated()
  const from = process.cpuUsage()
  let [error, value]: unknown[] = [null, null]
  try {
    value = await call()
  } catch (thrown) {
    error = thrown
  }
  const { user, system } = process.cpuUsage(from)
  return { error, value, seconds: (user + system) / 1e6, megabytes: (allocated() - before) / 2 ** 20 }
}

/** Allocated bytes. `process.memoryUsage` would also read the resident size, which takes longer than most calls. */
function allocated(): number {
  const { used_heap_size, external_memory } = getHeapStatistics()
  return used_heap_size + external_memory
}

/** The complaint about an outcome, or null if the outcome is correct. */
function complaint({ error }: Outcome, { name }: Place, mayBeRight: boolean): string | null {
  if (error === null) return mayBeRight ? null : 'was taken'
  if (!(error instanceof AntigradError)) return `threw ${error}`
  const { message } = error
  if (message.length > 2000) return `has a message of ${message.length} letters`
  if (!(error instanceof ArgumentError)) return null
  const { argument, expected, received } = error
  // A suggestion may follow.
  if (!message.startsWith(`${argument}: expected ${expected}, got ${received}`)) return `says ${message}`
  if (mayBeRight || name === null) return null
  // The error may name a part of the place.
  const isNamed = argument === name || [': ', '[', '.'].some((next) => argument.startsWith(name + next))
  return isNamed ? null : `is named ${argument}: ${message}`
}

/**
 * In a call with many places, the values are distributed over the places in sequence: each place gets some values, and
 * each value some places. All combinations take minutes, and belong to `npm run test:all`.
 *
 * @param most the largest number of places that all get every value
 */
const turnsOf = (places: readonly Place[], most: number) =>
  process.env.ANTIGRAD_TEST_LARGE === '1' ? 1 : Math.min(Math.ceil(places.length / most), 25)

/** Valid values may take time in proportion to their size. */
const shortened = (value: unknown) => (value instanceof Uint8Array ? value.subarray(0, 4096) : value)

const isDear = ({ seconds, megabytes }: Outcome) => seconds > 0.1 || megabytes > 32

test.each(calls.map((call) => [title(call), call] as const))('%s', async (_, call) => {
  const wrong: string[] = []
  const messages = new Map<string, string>()
  for (const name of call.of) {
    // All refused calls share a single subject.
    const steadfast = subjectOf(call, name)
    const before = seen(steadfast)
    const places = placesOf(call.args, call.says)
    const turns = turnsOf(places, 15)
    for (const [number, place] of places.entries()) {
      const where = place.path.join('.')
      let spare: Anything
      let turn = number
      for (const [what, value] of hostile(place.good)) {
        if (turn++ % turns !== 0) continue
        const tell = (text: string) => wrong.push(`${name}: ${where}: ${what}: ${text}`)
        const mayBeRight = place.kind(value, what, place.good)
        if (mayBeRight) spare ??= subjectOf(call, name)
        const subject = mayBeRight ? spare : steadfast
        const attempt = () => {
          const given = mayBeRight ? shortened(value) : value
          const args = argsOf(call, [place.path, { value: given, writable: true }])
          return outcomeOf(() => run(name, subject, args))
        }
        let outcome = await attempt()
        // The time of the first call may include compilation.
        if (!mayBeRight && isDear(outcome)) outcome = await attempt()
        const { error, seconds, megabytes } = outcome
        if (!mayBeRight && isDear(outcome)) tell(`took ${seconds} s and ${megabytes} MB`)
        const said = complaint(outcome, place, mayBeRight)
        if (said !== null) tell(said)
        if (mayBeRight && error !== null && seen(subject) !== before) tell('has changed something')
        if (error === null) spare = undefined
        if (mayBeRight || error === null) continue
        const { message } = error as Error
        const other = messages.get(`${where} ${what}`) ?? message
        messages.set(`${where} ${what}`, message)
        if (message !== other) tell(`is refused in other words: ${message}, and ${other}`)
      }
      if (seen(steadfast) !== before) wrong.push(`${name}: ${where}: something has changed`)
    }
    expect(afterwards(steadfast)).toBe(afterwards(subjectOf(call, name)))
  }
  expect(wrong.slice(0, 100)).toEqual([])
})

/** The result and the effects of the original call. */
async function ordinary(call: Call, name: string, args: readonly unknown[]): Promise<string> {
  const subject = subjectOf(call, name)
  const { error, value } = await outcomeOf(() => run(name, subject, args))
  return `${error} ${seen(value)} ${seen(subject)}`
}

/** Whether a call returns a promise: `profile` and `bootstrap` do, except for results of `fit`. */
const givesPromise = (name: string, call: Call) =>
  /Async|Many$|^findMinima$|fitShared$|compareSharing$/.test(name) ||
  (/^(profile|bootstrap)$/.test(name) && (argsOf(call)[0] as object).constructor.name !== 'Fit')
const each = calls.flatMap((call) => call.of.map((name) => [`${name} ${call.says}`, name, call] as const))

describe.each(each)('%s', (_, name, call) => {
  const all = placesOf(call.args, call.says).filter(({ path }) => path.length > 1)
  const inside = all.filter((_, number) => number % turnsOf(all, 60) === 0)
  const getter = (path: readonly string[], get: () => unknown) => argsOf(call, [path, { get }])

  test('reads each property of its arguments once, and propagates exceptions from getters', async () => {
    const expected = await ordinary(call, name, argsOf(call))
    const wrong: unknown[] = []
    const subject = subjectOf(call, name)
    const before = seen(subject)
    for (const { path, good } of inside) {
      let reads = 0
      const fickle = getter(path, () => (reads++ === 0 ? good : Symbol('another')))
      const found = await ordinary(call, name, fickle)
      if (reads > 1 || (reads === 1 && found !== expected))
        wrong.push([path.join('.'), reads, found.slice(0, 200)])
      const mine = new EvalError('mine')
      const { error } = await outcomeOf(() =>
        run(
          name,
          subject,
          getter(path, () => {
            throw mine
          }),
        ),
      )
      if (reads > 0 && error !== mine) wrong.push([path.join('.'), `${error}`])
      if (seen(subject) !== before) wrong.push([path.join('.'), 'has changed something'])
    }
    expect(wrong).toEqual([])
    expect(afterwards(subject)).toBe(afterwards(subjectOf(call, name)))
  })

  test('does not change its arguments, and accepts frozen arguments', async () => {
    const args = argsOf(call)
    const copy = inBits(args)
    const expected = await ordinary(call, name, args)
    // Output arrays of derivatives belong to the caller.
    if (!/#(gradient|hessian)$/.test(name)) {
      expect(inBits(args)).toBe(copy)
      expect(await ordinary(call, name, frozen(args))).toBe(expected)
    }
  })

  test.skipIf(givesPromise(name, call))('ignores properties of Object.prototype', async () => {
    const expected = await ordinary(call, name, argsOf(call))
    const [subject, args] = [subjectOf(call, name), argsOf(call)]
    const polluted = new Set(
      each.flatMap(([, , { args }]) => placesOf(args).flatMap(({ path }) => path.at(-1) ?? [])),
    )
    for (const key of polluted) {
      if (!/^\d*$/.test(key))
        Object.defineProperty(Object.prototype, key, { value: 3, configurable: true, writable: true })
    }
    let [error, value]: unknown[] = [null, null]
    try {
      value = run(name, subject, args)
    } catch (thrown) {
      error = thrown
    } finally {
      for (const key of polluted) delete (Object.prototype as Anything)[key]
    }
    expect(`${error} ${seen(value)} ${seen(subject)}`).toBe(expected)
  })
})

function frozen<T>(value: T): T {
  if (isPlain(value)) Object.values(Object.freeze(value)).forEach(frozen)
  return value
}

test('the table of adversarial function calls contains every public function', () => {
  const named = new Set(calls.flatMap(({ of }) => of))
  const found = new Set<string>()
  const isCallable = (x: unknown) => typeof x === 'function'
  const methods = (prefix: string, of: object) => {
    for (const [key, { value }] of Object.entries(Object.getOwnPropertyDescriptors(of))) {
      if (isCallable(value) && !['constructor', 'prototype'].includes(key)) found.add(prefix + key)
    }
  }
  for (const [name, value] of Object.entries<Anything>(antigrad)) {
    if (value === AntigradError || value.prototype instanceof AntigradError) continue
    if (isCallable(value)) found.add(name)
    if (/^class\b/.test(String(value))) methods(`${name}.`, value)
    // The objectives are also exports.
    else if (name !== 'objectives') methods(`${name}.`, value)
  }
  for (const [name, make] of Object.entries(subjects)) {
    const subject = make()
    let prototype = Object.getPrototypeOf(subject)
    if (prototype === Object.prototype) methods(`${name}#`, subject)
    for (; prototype !== Object.prototype; prototype = Object.getPrototypeOf(prototype))
      methods(`${name}#`, prototype)
  }
  // Internal.
  found.delete('Expression#programs')
  found.delete('Expression#nodes')
  found.delete('BoundExpression#replaceData')
  expect([...named].sort()).toEqual([...found].sort())
})
