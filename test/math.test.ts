/**
 * antigrad/math: bits of expressions on every engine and at every length, invalid arguments, and recorded random
 * numbers.
 */

import { ArgumentError, EngineError, engines, OptionError } from 'antigrad'
import * as math from 'antigrad/math'
import { afterEach, describe, expect, test } from 'vitest'
import { elementary } from '../dist/functions/index.js'
import { inChild } from './children.js'
import { functionDigests } from './function-digests.js'
import { arrayOf, dtypes, type FloatArray, random } from './helpers.js'

const { chooseEngine, exp, log, pow, RandomGenerator, voigt } = math

type AnyFunction = (...given: readonly unknown[]) => never
const functions = Object.fromEntries(
  Object.entries(math).filter(([name]) => !/^(chooseEngine|RandomGenerator)$/.test(name)),
) as unknown as Record<keyof ReturnType<typeof elementary>, AnyFunction>
const names = Object.keys(functions) as (keyof typeof functions)[]
const countOf = (name: string) => (name === 'voigt' ? 3 : /^(pow|atan2)$/.test(name) ? 2 : 1)

/** Every engine that is available, and every instruction set of the native engine. */
const choices = [
  ...engines().native.instructionSets.map(
    (instructionSet) => ({ engine: 'native', instructionSet }) as const,
  ),
  ...(['wasm', 'typescript'] as const).map((engine) => ({ engine })),
]

afterEach(() => void chooseEngine())

const special = [
  ...[0, -0, 1, -1, 0.5, -0.5, 2, -3, Infinity, -Infinity, NaN, 5e-324, -1e-310, 1e-45, 2.3e-308, 1.2e-38],
  ...[3e38, -3e38, 1.7e308, -1.7e308, 709.75, -745.1, 88.75, -103.9, 1e22, -1647100.5, 5.319372648326541e255],
]
/** The arrays exceed a block of the WebAssembly engine in both dtypes. */
const LENGTH = 4200
const lengths = [0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 127, 2047, 2048, 2049, 4096, LENGTH]

/** Special values in all combinations, then numbers of all magnitudes, and small numbers. */
function argumentsOf(dtype: 'float32' | 'float64', seed: number): FloatArray {
  const next = random(seed)
  return new arrayOf[dtype](LENGTH).map((_, i) => {
    if (i < special.length ** 2) {
      return special[seed === 1 ? i % special.length : Math.floor(i / special.length)]
    }
    return i % 3 === 0 ? (next() - 0.5) * 10 ** (600 * next() - 300) : 20 * next() - 10
  })
}

/** Whether all numbers have the same bits. All NaNs are equal. */
const areSame = (a: FloatArray, b: FloatArray) =>
  a.length === b.length && a.every((x, i) => Object.is(x, b[i]))

/** A copy at an address that is only a multiple of the number's size. */
function unaligned(values: FloatArray): FloatArray {
  const copy = new (values.constructor as Float64ArrayConstructor)(values.length + 1).subarray(1)
  copy.set(values)
  return copy
}

test('the module antigrad/math exports every function that expressions support', () => {
  const inner = ['erfSlope', 'tetragamma', 'faddeevaByX', 'faddeevaByY']
  expect(names.toSorted()).toEqual(
    Object.keys(elementary('float64'))
      .filter((name) => !inner.includes(name))
      .sort(),
  )
})

describe.each(dtypes)('functions of %s arrays', (dtype) => {
  const columns = [1, 2, 3].map((seed) => argumentsOf(dtype, seed))
  const reference = elementary(dtype)

  test.each(names)('compute the same bits as TypeScript on every engine and for every length: %s', (name) => {
    const given = columns.slice(0, countOf(name))
    const expected = new arrayOf[dtype](LENGTH).map((_, i) =>
      reference[name](columns[0][i], columns[1][i], columns[2][i]),
    )
    for (const choice of choices) {
      expect(chooseEngine(choice).engine).toBe(choice.engine)
      const found = lengths.filter((length) => {
        const out = unaligned(new arrayOf[dtype](length))
        const parts = given.map((column) => unaligned(column.slice(0, length)))
        const before = parts.map((part) => part.slice())
        const values = functions[name](...parts)
        const same = functions[name](...parts, out)
        return !(
          same === out &&
          areSame(values, expected.subarray(0, length)) &&
          areSame(out, values) &&
          out.buffer.byteLength === (length + 1) * out.BYTES_PER_ELEMENT &&
          new arrayOf[dtype](out.buffer as ArrayBuffer)[0] === 0 &&
          parts.every((part, k) => areSame(part, before[k]))
        )
      })
      expect(found, JSON.stringify(choice)).toEqual([])
    }
  })

  test('accept numbers in place of arrays, and round the numbers to the dtype', () => {
    const x = columns[0].slice(0, 333)
    const functions = reference
    for (const choice of choices) {
      chooseEngine(choice)
      const third = dtype === 'float32' ? Math.fround(1 / 3) : 1 / 3
      const label = JSON.stringify(choice)
      expect(
        areSame(
          pow(x, 1 / 3),
          x.map((x) => functions.pow(x, third)),
        ),
        label,
      ).toBe(true)
      expect(
        areSame(
          pow(1 / 3, x),
          x.map((x) => functions.pow(third, x)),
        ),
        label,
      ).toBe(true)
      const values = voigt(x, 2, columns[1].slice(0, 333), x)
      const expected = columns[0].slice(0, 333).map((x, i) => functions.voigt(x, 2, columns[1][i]))
      expect(values).toBe(x)
      expect(areSame(x, expected), label).toBe(true)
      x.set(columns[0].subarray(0, 333))
    }
  })

  test('can write the result into an argument or into an array that overlaps an argument', () => {
    const [whole] = columns
    const expected = whole.map((x) => reference.exp(x))
    for (const choice of choices) {
      chooseEngine(choice)
      for (const [from, to] of [
        [0, 0],
        [0, 1],
        [1, 0],
        [0, 700],
        [700, 0],
        [0, 1050],
      ]) {
        const memory = whole.slice()
        const x = memory.subarray(from, from + 1050)
        exp(x, memory.subarray(to, to + 1050))
        const wanted = whole.slice()
        wanted.set(expected.subarray(from, from + 1050), to)
        expect(areSame(memory, wanted), `${JSON.stringify(choice)}, ${from} to ${to}`).toBe(true)
      }
    }
  })

  test('accept arrays in shared memory, and ignore methods that a subclass overrides', () => {
    class Odd extends (arrayOf[dtype] as Float64ArrayConstructor) {
      override set(): never {
        throw new Error('set')
      }
      override subarray(): never {
        throw new Error('subarray')
      }
      override get length() {
        return 3
      }
      static get [Symbol.species](): never {
        throw new Error('species')
      }
    }
    const x = columns[0].slice(0, 40)
    const makeShared = () => new arrayOf[dtype](new SharedArrayBuffer(x.byteLength) as never)
    const shared = makeShared()
    shared.set(x)
    const expected = x.map((x) => reference.sin(x))
    for (const choice of choices) {
      chooseEngine(choice)
      const out = new Odd(40)
      expect(functions.sin(new Odd(x), out)).toBe(out)
      expect(areSame(new arrayOf[dtype](out.buffer), expected)).toBe(true)
      expect(areSame(functions.sin(shared), expected)).toBe(true)
      expect(areSame(functions.sin(shared, makeShared()), expected)).toBe(true)
    }
  })
})

test('the function values and random numbers of every engine have the same bits as in the last version', () => {
  for (const choice of choices) {
    chooseEngine(choice)
    const { arrays, normal } = functionDigests()
    expect({ arrays, normal }, JSON.stringify(choice)).toEqual(DIGESTS)
  }
})

test('functions of single numbers compute the same bits as functions of float64 arrays', () => {
  const columns = [1, 2, 3].map((seed) => argumentsOf('float64', seed))
  const reference = elementary('float64')
  for (const name of names) {
    const found = columns[0].filter((_, i) => {
      const given = columns.slice(0, countOf(name)).map((column) => column[i])
      return !Object.is(functions[name](...given), reference[name](...(given as [number, number, number])))
    })
    expect([...found], name).toEqual([])
  }
  expect([0, 1].map(exp)).toEqual([1, exp(1)])
})

describe('invalid arguments of the module antigrad/math are refused:', () => {
  const x = new Float64Array(3)
  const detached = new Float64Array(2)
  structuredClone(detached, { transfer: [detached.buffer] })
  const cases: readonly (readonly [call: () => unknown, message: string])[] = [
    [() => exp('1' as never), 'x: expected a number, a Float32Array or a Float64Array, got "1"'],
    [
      () => exp([1] as never),
      'x: expected a number, a Float32Array or a Float64Array, got an array of length 1',
    ],
    [
      () => exp(new Int32Array(1) as never),
      'x: expected a number, a Float32Array or a Float64Array, got an Int32Array of length 1',
    ],
    [() => exp(1n as never), 'x: expected a number, a Float32Array or a Float64Array, got 1n'],
    [() => (exp as () => unknown)(), 'x: expected a number, a Float32Array or a Float64Array, got undefined'],
    [() => exp(detached), 'x: expected a number, a Float32Array or a Float64Array, got a detached one'],
    [
      () => (exp as (...given: unknown[]) => unknown)(1, x),
      'out: expected an array only if an argument is an array, got a Float64Array of length 3',
    ],
    [
      () => exp(x, new Float64Array(2)),
      'out: expected a Float64Array of length 3, got a Float64Array of length 2',
    ],
    [
      () => exp(x, new Float32Array(3) as never),
      'out: expected a Float64Array of length 3, got a Float32Array of length 3',
    ],
    [() => exp(x, null as never), 'out: expected a Float64Array of length 3, got null'],
    [
      () => exp(new Float64Array(0), detached),
      'out: expected a Float64Array of length 0, got a detached one',
    ],
    [
      () => pow(x, new Float64Array(4)),
      'y: expected a number or a Float64Array of length 3, got a Float64Array of length 4',
    ],
    [
      () => pow(2, new Float32Array(3), x as never),
      'out: expected a Float32Array of length 3, got a Float64Array of length 3',
    ],
    [
      () => (pow as (x: unknown) => unknown)(x),
      'y: expected a number or a Float64Array of length 3, got undefined',
    ],
    [() => voigt(1, x, '' as never), 'gamma: expected a number or a Float64Array of length 3, got ""'],
    [() => new RandomGenerator(-1), 'seed: expected an integer from 0 to 4294967295, got -1'],
    [() => new RandomGenerator(1, 0.5), 'stream: expected an integer from 0 to 4294967295, got 0.5'],
    [
      () => new RandomGenerator(1).uniform([] as never),
      'out: expected a Float32Array or a Float64Array, got an array of length 0',
    ],
    [
      () => new RandomGenerator(1).normal(null as never),
      'out: expected a Float32Array or a Float64Array, got null',
    ],
    [() => new RandomGenerator(1).integer(0), 'count: expected an integer from 1 to 4294967296, got 0'],
    [
      () => new RandomGenerator(1).integer(2, x as never),
      'out: expected a Uint32Array, got a Float64Array of length 3',
    ],
    [
      () => RandomGenerator.load({} as never),
      'saved: expected the result of save(), got an object with the keys (none)',
    ],
    [() => RandomGenerator.load(null as never), 'saved: expected the result of save(), got null'],
    [
      () => RandomGenerator.load({ generator: 'xoshiro128**', state: [0, 0, 0, 0] }),
      'saved.state: expected four integers from 0 to 4294967295, not all 0, got an array of length 4',
    ],
  ]
  test.each(cases)('%s', (call, message) => {
    let thrown: unknown
    try {
      call()
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(ArgumentError)
    expect((thrown as Error).message).toBe(message)
    expect([...x]).toEqual([0, 0, 0])
  })
})

describe('the function chooseEngine', () => {
  test('returns the name of the engine and the reasons for the choice', () => {
    expect(chooseEngine()).toEqual({
      engine: engines().native.available ? 'native' : 'wasm',
      engineReasons: [
        'native is tried first, then wasm, then typescript; arrays of fewer than 64 numbers use typescript',
      ],
    })
    const { engineReasons } = chooseEngine({ engine: 'wasm' })
    expect(engineReasons).toEqual(['requested by the option engine'])
  })

  test('rejects invalid options', () => {
    expect(() => chooseEngine({ engine: 'gpu' as never })).toThrow(OptionError)
    expect(() => chooseEngine({ engine: 'wasm', instructionSet: 'avx2' })).toThrow(OptionError)
    expect(() => chooseEngine({ engines: 1 } as never)).toThrow(OptionError)
  })

  test('throws an error if the engine cannot run, and keeps the previous engine', () => {
    const body = `
      const { chooseEngine, exp } = await import(import.meta.resolve('antigrad/math'))
      const caught = []
      for (const engine of ['native', 'wasm']) {
        try { chooseEngine({ engine }) } catch (error) { caught.push(error.name, error instanceof antigrad.AntigradError) }
      }
      const { engine } = chooseEngine()
      return { caught, engine, value: exp(Float64Array.of(1))[0] }`
    expect(
      inChild(body, {
        env: { ANTIGRAD_ADDON: '/nowhere' },
        before: 'delete globalThis.WebAssembly',
      } as never),
    ).toEqual({
      caught: ['EngineError', true, 'EngineError', true],
      engine: 'typescript',
      value: exp(1),
    })
    expect(EngineError.name).toBe('EngineError')
  })
})

/** xoshiro128** in the authors' form, with integers of any size, from the seeds as the library expands them. */
function* goldenWords(...seeds: readonly number[]): Generator<number> {
  const word = (x: bigint) => BigInt.asUintN(32, x)
  const mix = (x: bigint) => {
    let h = word(x)
    h = word((h ^ (h >> 16n)) * 0x85ebca6bn)
    h = word((h ^ (h >> 13n)) * 0xc2b2ae35n)
    return h ^ (h >> 16n)
  }
  const s = [0x9e3779b9n, 0x3c6ef372n, 0xdaa66d2bn, 0x78dde6e4n].map((step) =>
    seeds.reduce((state, seed) => mix(state + BigInt(seed) + step), 0n),
  )
  const rotate = (x: bigint, k: bigint) => word((x << k) | (x >> (32n - k)))
  for (;;) {
    yield Number(word(rotate(word(s[1] * 5n), 7n) * 9n))
    const t = word(s[1] << 9n)
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = rotate(s[3], 11n)
  }
}

describe('the class RandomGenerator', () => {
  const seeds = [[0], [1], [4294967295], [7, 3], [7, 3, 1]] as const
  const COUNT = 2500

  test('generates the recorded sequence of random numbers', () => {
    const generator = new RandomGenerator(1)
    expect(Array.from({ length: 4 }, () => generator.integer(2 ** 32))).toEqual(GOLDEN)
    for (const [seed, ...stream] of seeds) {
      const words = goldenWords(seed, ...stream)
      const next = () => words.next().value as number
      const generator = new RandomGenerator(seed, ...stream)
      for (let i = 0; i < 100; i++) {
        expect(generator.integer(2 ** 32)).toBe(next())
        expect(generator.uniform()).toBe(((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53)
      }
    }
  })

  test('generates the same numbers singly and in arrays, in both dtypes and on every engine', () => {
    for (const [seed, ...stream] of seeds) {
      const make = () => new RandomGenerator(seed, ...stream)
      const one = make()
      const uniform = Float64Array.from({ length: COUNT }, () => one.uniform())
      const normal = Float64Array.from({ length: COUNT }, () => one.normal())
      const integers = Uint32Array.from({ length: COUNT }, () => one.integer(6))
      for (const choice of choices) {
        chooseEngine(choice)
        const many = make()
        expect(many.uniform(new Float64Array(COUNT))).toEqual(uniform)
        expect(many.normal(new Float64Array(COUNT))).toEqual(normal)
        expect(many.integer(6, new Uint32Array(COUNT))).toEqual(integers)
        expect(many.save()).toEqual(one.save())
        const narrow = make()
        const down = uniform.map((x) => Math.floor(x * 2 ** 24) / 2 ** 24)
        expect(narrow.uniform(new Float32Array(COUNT))).toEqual(new Float32Array(down))
        expect(narrow.normal(new Float32Array(COUNT))).toEqual(new Float32Array(normal))
      }
    }
  })

  test('generates numbers with the documented distributions', () => {
    const generator = new RandomGenerator(5)
    const meanOf = (x: Float64Array) => x.reduce((sum, x) => sum + x, 0) / x.length
    const [uniform, normal] = [
      generator.uniform(new Float64Array(1e5)),
      generator.normal(new Float64Array(1e5)),
    ]
    expect(uniform.every((x) => x >= 0 && x < 1)).toBe(true)
    expect(Math.abs(meanOf(uniform) - 0.5)).toBeLessThan(0.004)
    expect(Math.abs(meanOf(normal))).toBeLessThan(0.015)
    expect(Math.abs(meanOf(normal.map((x) => x * x)) - 1)).toBeLessThan(0.02)
    const counts = [0, 0, 0]
    for (const x of generator.integer(3, new Uint32Array(3e4))) counts[x]++
    for (const count of counts) expect(Math.abs(count - 1e4)).toBeLessThan(400)
  })

  test('continues from a saved state, even after conversion to JSON and back', () => {
    const generator = new RandomGenerator(9)
    generator.normal(new Float32Array(7))
    const saved = JSON.parse(JSON.stringify(generator.save()))
    const loaded = RandomGenerator.load(saved)
    expect(Array.from({ length: 9 }, () => loaded.normal())).toEqual(
      Array.from({ length: 9 }, () => generator.normal()),
    )
  })
})

/** Digests of bits, which must not change unnoticed. */
const DIGESTS = { arrays: 'ffe764db-891916f7', normal: '3b7bcef1-610cb906' }

/** The first words of seed 1. */
const GOLDEN = [2442144158, 3238099751, 3819917871, 2104621829]

test('logarithms of random numbers are finite', () => {
  const generator = new RandomGenerator(3)
  expect(log(generator.uniform(new Float64Array(1000))).every(Number.isFinite)).toBe(true)
})
