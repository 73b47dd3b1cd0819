/** Replacements for any argument: one value of each class that has broken, or might break, a reader. */

/** The maximum length of an array. The holes of a sparse array need no memory. */
const LONGEST = 2 ** 32 - 1

const cycle: unknown[] = ['w']
cycle.push(cycle)

/** Nests a value many times. */
const nest = (depth: number, core: unknown, around: (inner: unknown) => unknown): unknown => {
  let node = core
  for (let k = 0; k < depth; k++) node = around(node)
  return node
}

class Lying extends Float32Array {
  override get length() {
    return 1
  }
  override slice(): never {
    throw new EvalError('mine')
  }
  override *[Symbol.iterator](): Generator<never> {
    yield EvalError('mine') as never
  }
}

const detached = Float32Array.of(1)
structuredClone(null, { transfer: [detached.buffer] })

/** An object with valid names plus many unknown names, which only a list of known names can detect. */
const strange = { batches: 2, steps: 2, maxRank: 1, match: 'w', average: 'swa', lr: 1, value: 1, start: 1 }

const letters = 'n'.repeat(1e5)
const long = 1n << 10_000_000n
const bytes = new Uint8Array(2 ** 20)
const longText = new String('x'.repeat(2 ** 20))
const deep = nest(100_000, 'w', (inner) => [inner])
const wide = nest(60, [], (inner) => [inner, inner])
const schedules = nest(100_000, 1, (value) => ({ schedule: 'warmup', value, steps: 1, from: null }))
const rules = nest(100_000, null, (rule) => ({ name: 'delayedStart', updates: 1, rule }))

const numbers = [NaN, Infinity, -Infinity, -1, -0, 0, 5e-324, 0.5, 1, 1.5, 2 ** 32, 2 ** 53, 1e300]
const texts = ['', 'x', '1', 'constructor', '__proto__']

/** Values by title. Small values are created again for each use. */
const values: Readonly<Record<string, () => unknown>> = {
  ...Object.fromEntries(
    [undefined, null, true, false, ...numbers].map((x) => [Object.is(x, -0) ? '-0' : `${x}`, () => x]),
  ),
  ...Object.fromEntries(texts.map((text) => [`the text '${text}'`, () => text])),
  'many letters': () => letters,
  'a bigint': () => 1n,
  'a long bigint': () => long,
  'a symbol': () => Symbol('x'),
  'a function': () => () => 1,
  'a Number': () => new Number(3),
  'a String': () => longText,
  'an empty record': () => ({}),
  'a record without a prototype': () => Object.create(null),
  'a record of a stranger': () => ({ stranger: 1 }),
  'an inherited record': () => Object.create(strange),
  'a record with __proto__': () => JSON.parse(`{ "__proto__": ${JSON.stringify(strange)} }`),
  'a map': () => new Map([['batches', 2]]),
  'a date': () => new Date(0),
  'a promise': () => Promise.resolve(1),
  'an empty list': () => [],
  'a list of null': () => [null],
  'a list of NaN': () => [NaN],
  'a list of one number': () => [1],
  'a list with a hole': () => Array(1),
  'a list of zeros': () => Array(300).fill(0),
  'a list of holes': () => Array(LONGEST),
  'lists of holes': () => [Array(LONGEST), Array(LONGEST), Array(LONGEST)],
  'a proxy of a list': () => new Proxy([1], {}),
  'a cycle': () => cycle,
  'lists, 100,000 deep': () => deep,
  'lists, 2 ** 60 times the same': () => wide,
  'schedules, 100,000 deep': () => schedules,
  'rules, 100,000 deep': () => rules,
  'a Float32Array of another length': () => new Float32Array(7),
  'a Float64Array of NaN': () => Float64Array.of(NaN),
  integers: () => Int32Array.of(1),
  'many bytes': () => bytes,
  'a detached array': () => detached,
  'an array that lies': () => new Lying(7),
  'an ArrayBuffer': () => new ArrayBuffer(8),
}

/** Modifications of the valid value. */
const changed: Readonly<Record<string, (good: unknown) => unknown>> = {
  'its text': (good) => (typeof good === 'number' ? `${good}` : 'w'),
  'a list of it': (good) => [good],
  'the other dtype': (good) => (good instanceof Float32Array ? Float64Array.from(good) : new Float64Array(6)),
  'it, and holes': (good) => {
    const list = Array.isArray(good) ? [...good] : [good]
    list.length = LONGEST
    return list
  },
  'holes with its names': (good) => Object.assign(Array(LONGEST), good),
}

/** Hostile replacements of `good`, by title. */
export function* hostile(good: unknown): Generator<readonly [title: string, value: unknown]> {
  for (const [title, make] of Object.entries(values)) yield [title, make()]
  for (const [title, change] of Object.entries(changed)) yield [title, change(good)]
}
