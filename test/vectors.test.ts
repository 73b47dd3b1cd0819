/**
 * Disassembly of the addon and of the module verifies the vectorization. At each instruction set, each kernel's loop
 * must consist of exactly the packed instructions that the kernel's equation needs.
 */

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import * as manifest from '../dist/arena/manifest.js'
import { firstWhere } from '../dist/fits/models/linear-least-squares.js'
import { wasmModule as catalogue } from '../dist/webassembly/catalogue.js'
import { wasmModule as core } from '../dist/webassembly/core.js'
import { decodeModule } from '../dist/webassembly/module.js'
import '../dist/engines/typescript/all-tensors.js'
import '../dist/rules/index.js'
import { getLoop } from '../dist/arena/kernel.js'
import '../dist/gradients/unitwise.js'
import '../dist/rules/adam-per-row.js'
import { home } from './children.js'

const operations = ['add', 'sub', 'mul', 'div', 'sqrt'] as const
type Operation = (typeof operations)[number]
type Counts = Record<Operation, number>

/** Counts operations by a function from an operation to the pattern of the instruction. */
function count(code: string, pattern: (operation: Operation) => RegExp): Counts {
  return Object.fromEntries(
    operations.map((name) => [name, code.match(pattern(name))?.length ?? 0]),
  ) as Counts
}

const sum = (counts: Counts): number => Object.values(counts).reduce((a, b) => a + b)

const none: Counts = { add: 0, sub: 0, mul: 0, div: 0, sqrt: 0 }

/** Operators in JavaScript. Signs and `++` are not followed by a space. */
const written = { add: / \+\s/g, sub: / -\s/g, mul: / \*\s/g, div: / \/\s/g, sqrt: /Math\.sqrt\(/g }

/** Kernels that compute nothing, and pass on the prepared gradient. */
const copying = ['Prepared', 'BothNorms', 'GradientNorm']

const kernels = Object.values(manifest).flatMap((entry) =>
  typeof entry === 'object' && 'number' in entry && !copying.includes(entry.name) ? [entry] : [],
)
/** Kernels that are a pass over all elements. */
const kernelNames = kernels.filter((kernel) => !('isMatrix' in kernel)).map(({ name }) => name)
/** Some kernels for which decay may be the only change of the gradients. */
const decaying = [
  'GradientDescent',
  'SgdMomentum',
  'SgdNesterov',
  'Adagrad',
  'Adam',
  'RAdam',
  'RmsProp',
  'NAdam',
]
const coreNames = kernels.filter((kernel) => !('module' in kernel)).map(({ name }) => name)

/**
 * The operations of each equation per element, counted in the TypeScript loop. Both branches of a choice count, because
 * a vector computes both branches.
 */
const equations = new Map(
  kernels.map(({ name, number }): [string, Counts] => {
    const text = getLoop(number, 'float64').toString()
    const body = text.replace(/\/\/.*$|\/\*[\s\S]*?\*\//gm, '').replace(/for \(.*?;.*?;.*?\)/, '')
    return [name, count(body, (operation) => written[operation])]
  }),
)

test.each([...equations])('the kernel %s has an equation in the TypeScript source', (_, equation) => {
  expect(sum(equation)).toBeGreaterThan(0)
})

/**
 * Each vector of an unrolled loop and of the remainder of the loop is one evaluation of the equation. All packed counts
 * must be the same multiple of the counts of the equation and of the additional operations.
 */
function expectEvaluations(packed: Counts, kernel: string, beside = none): void {
  const own = equations.get(kernel) as Counts
  const equation = Object.fromEntries(operations.map((name) => [name, own[name] + beside[name]])) as Counts
  const evaluations = sum(packed) / sum(equation)
  expect(evaluations).toBeGreaterThanOrEqual(1)
  const wanted = operations.map((name) => [name, equation[name] * evaluations])
  expect(packed).toEqual(Object.fromEntries(wanted))
}

const dtypes = { float32: 's', float64: 'd' }

const objdump = (...args: string[]) =>
  spawnSync('objdump', args, { encoding: 'utf8', maxBuffer: 1 << 28, cwd: join(home, 'native') })

const addon = readdirSync(join(home, 'native')).find((file) => /x64.*\.node$/.test(file))
const reason =
  process.arch !== 'x64' || process.platform !== 'linux' || addon === undefined
    ? 'only the addon for Linux on x86-64 is taken apart'
    : objdump('--version').status !== 0
      ? 'objdump (binutils) is not here'
      : null

test('the CI workflow disassembles the addon', () => {
  if (process.env.CI) expect(reason).toBeNull()
})

describe.skipIf(reason !== null)(`the addon${reason === null ? '' : ` (skipped: ${reason})`}`, () => {
  const code = new Map<string, string>()

  beforeAll(() => {
    const file = addon as string
    const lines = objdump('-d', '--no-show-raw-insn', file).stdout.split('\n')
    const instructions = lines.flatMap((line) => {
      const end = line.indexOf(':\t')
      return end < 0 ? [] : [{ address: Number.parseInt(line.slice(0, end), 16), text: line.slice(end + 2) }]
    })
    const addresses = Float64Array.from(instructions, ({ address }) => address)
    /** The number of instructions before an address. */
    const before = (address: number) => firstWhere(addresses, (at) => at >= address)
    // The function uses the symbol table, because functions with the same code share an address.
    for (const [, from, size, name] of objdump('-t', '-C', file).stdout.matchAll(
      /^([0-9a-f]+) .*\.text\t([0-9a-f]+) +(antigrad_kernels::dispatch::.+|antigrad_native::bound::call::<.+)$/gm,
    )) {
      const first = Number.parseInt(from, 16)
      const own = instructions.slice(before(first), before(first + Number.parseInt(size, 16)))
      code.set(shortened(name), own.map(({ text }) => `${text}\n`).join(''))
    }
  })

  test('repeats a planned step without access to thread-local storage', () => {
    // The lookup takes 10 ns, which is a fifth of a small step.
    const calls = [...code].filter(([name]) => name.includes('bound::call<Steps>'))
    expect(calls).toHaveLength(1)
    expect(calls[0][1]).toMatch(/napi_get_cb_info/)
    expect(calls[0][1]).not.toMatch(/tls_get_addr|%fs:/)
  })

  const sets = {
    sse2: { letter: '', register: '%xmm', vectors: { float32: 'F32x4', float64: 'F64x2' } },
    avx2: { letter: 'v', register: '%ymm', vectors: { float32: 'F32x8', float64: 'F64x4' } },
    avx512: { letter: 'v', register: '%zmm', vectors: { float32: 'F32x16', float64: 'F64x8' } },
  }

  for (const [set, { letter, register, vectors }] of Object.entries(sets)) {
    for (const [dtype, suffix] of Object.entries(dtypes)) {
      const packedIn = (text: string, type = suffix) =>
        count(text, (name) => new RegExp(`^${letter}${name}p${type}\\b.*${register}`, 'gm'))
      const anyIn = (text: string) => count(text, (name) => new RegExp(`^v?${name}[ps][sd]\\b`, 'gm'))
      const vector = vectors[dtype as keyof typeof vectors]
      const find = (name: string) => {
        const text = code.get(name)
        if (text === undefined) throw new Error(`no function ${name} among:\n${[...code.keys()].join('\n')}`)
        expect(text).not.toMatch(/^vfn?m/m)
        return text
      }

      test.each(kernelNames)(`vectorizes %s with ${set} in ${dtype}`, (kernel) => {
        const text = find(`${set}::run<${vector}, ${kernel}, false>`)
        const packed = packedIn(text)
        expectEvaluations(packed, kernel)
        expect(anyIn(text), 'of other widths, or scalar').toEqual(packed)
        expect(text, 'what is called gets vectors through memory').not.toMatch(/^call/m)
      })

      test.each(decaying)(`vectorizes %s with ${set} in ${dtype}, with λ·θ added to gradients`, (kernel) => {
        const text = find(`${set}::run<${vector}, ${kernel}, true>`)
        expectEvaluations(packedIn(text), kernel, { ...none, add: 1, mul: 1 })
        expect(text).not.toMatch(/^call/m)
      })

      test(`vectorizes the operations of custom rules with ${set} in ${dtype}, except for rare functions`, () => {
        // A closure that is passed to the standard library is not compiled for the instruction set, and calls a
        // function for each instruction.
        const named = (start: string) =>
          [...code].filter(([name]) => name.startsWith(`${set}::${start}<${vector},`))
        const [alone, both] = ['operate', 'both'].map(named)
        expect(alone.length).toBeGreaterThan(40)
        expect(both.length).toBeGreaterThan(8)
        const own = [...alone, ...both]
        const calls = own.flatMap(([name, text]) =>
          (text.match(/^call.*/gm) ?? []).map((call) => `${name}: ${call}`),
        )
        // Only large arguments of sines, cosines and tangents take the cold branch, whose polynomials are not unrolled.
        const isCold =
          /operate<\w+, (?:Sin|Cos|Tan)>.*(?:lanes_of_any_size|try_map|next_back|expect_failed|panic)/
        const isRare = (call: string) => /memcpy@/.test(call) || isCold.test(call)
        expect(calls.filter((call) => !isRare(call))).toEqual([])
      })

      test(`vectorizes the preparation of gradients with ${set} in ${dtype}`, () => {
        const text = find(`${set}::prepare<${vector}>`)
        const packed = packedIn(text)
        expect(packed).toMatchObject({ mul: expect.any(Number), div: 0, sqrt: 0 })
        expect(packed.mul).toBeGreaterThanOrEqual(2)
        expect(anyIn(text)).toEqual(packed)
      })

      test(`vectorizes products of matrices with ${set} in ${dtype}`, () => {
        // A tile has six rows of sums. Each row has as many vectors as the registers can hold. The end of a tile may
        // have any width.
        const packed = packedIn(
          find(`${set}::piece<${vector}, Product<${dtype === 'float32' ? 'f32' : 'f64'}>>`),
        )
        expect(packed.mul).toBeGreaterThanOrEqual(set === 'avx512' ? 24 : 12)
        expect(packed.add).toBeGreaterThanOrEqual(set === 'avx512' ? 24 : 12)
      })

      test(`vectorizes sums of squares with ${set} in ${dtype}`, () => {
        // Sums use float64 for both dtypes. The last additions of the tree may be scalar.
        const packed = packedIn(find(`${set}::squares<${vector}>`), 'd')
        expect(packed.mul).toBeGreaterThanOrEqual(1)
        expect(packed.add).toBeGreaterThanOrEqual(packed.mul)
      })
    }
  }
})

describe.each(Object.entries({ core, catalogue }))('the WebAssembly module %s', (name, source) => {
  const file = join(home, `wasm/pkg/${name}/named.wasm`)
  const isCore = name === 'core'
  const code = new Map<string, string>()

  beforeAll(() => {
    // The setup writes the same code a second time, with names.
    const named = readFileSync(file)
    const shipped = Buffer.from(decodeModule(source))
    expect(codeOf(named).equals(codeOf(shipped)), 'named.wasm has the code of the module').toBe(true)
    const wasmDis = join(home, 'node_modules/.bin/wasm-dis')
    expect(existsSync(wasmDis)).toBe(true)
    const { stdout } = spawnSync(wasmDis, [file, '--enable-simd'], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    })
    for (const text of stdout.split(/^ \(func /m).slice(1)) {
      const name = /^\$"(.+?)" *(?:\(;|\(|\n|$)/.exec(text)?.[1]
      if (name !== undefined) code.set(shortened(name), text)
    }
  })

  for (const [dtype, scalar, shape, vector] of [
    ['float32', 'f32', 'f32x4', 'F32x4'],
    ['float64', 'f64', 'f64x2', 'F64x2'],
  ] as const) {
    const find = (name: string) => {
      const text = code.get(name)
      if (text === undefined) throw new Error(`no function ${name} among:\n${[...code.keys()].join('\n')}`)
      expect(text).not.toMatch(/relaxed/)
      return text
    }
    const scalarIn = (text: string) => count(text, (name) => new RegExp(`\\(f(32|64)\\.${name}\\b`, 'g'))
    const packedIn = (text: string) => count(text, (name) => new RegExp(`\\(${shape}\\.${name}\\b`, 'g'))

    test.each(isCore ? coreNames : kernelNames)(`vectorizes %s in ${dtype}`, (kernel) => {
      const text = find(`simd128::run<${vector}, ${kernel}, false>`)
      expectEvaluations(packedIn(text), kernel)
      expect(scalarIn(text)).toEqual(none)
    })

    if (isCore) {
      test(`contains, in ${dtype}, none of the kernels that belong to the catalogue module`, () => {
        const ran = [...code.keys()].filter((key) => key.startsWith(`simd128::run<${vector}`))
        expect(ran.length).toBe(coreNames.length)
        expect([...code.keys()].filter((key) => /matrices|piece/i.test(key))).toEqual([])
      })
    } else {
      test(`vectorizes products of matrices in ${dtype}`, () => {
        // Binaryen moves a piece of code into the only function that calls the code.
        const texts = [...code].filter(([name]) => name.includes(`Product<${scalar}>`))
        const text = texts.map(([, text]) => text).join()
        expect(text).not.toMatch(/relaxed/)
        const packed = packedIn(text)
        expect(packed.mul).toBeGreaterThanOrEqual(8)
        expect(packed.add).toBeGreaterThanOrEqual(8)
      })
    }

    test(`vectorizes the preparation of gradients in ${dtype}`, () => {
      const text = find(`simd128::prepare<${vector}>`)
      expect(packedIn(text).mul).toBeGreaterThanOrEqual(2)
      expect(scalarIn(text)).toEqual(none)
    })

    test(`vectorizes sums of squares in ${dtype}`, () => {
      const text = find(`simd128::squares<${vector}>`)
      expect(text.match(/\(f64x2\.mul\b/g)?.length ?? 0).toBeGreaterThanOrEqual(1)
    })
  }
})

/** Shortens `antigrad_kernels::dispatch::avx2::run<…::F32x8, …::Adam>` to `avx2::run<F32x8, Adam>`. */
function shortened(name: string): string {
  return name
    .replace(/\[[0-9a-f]+\]/g, '')
    .replace(/^antigrad_kernels::dispatch::/, '')
    .replace('::<', '<')
    .replace(/(?:\w+::)+(\w+)(?=[,>]|<f\d\d>>)/g, '$1')
}

/** The bytes of the code section. */
function codeOf(module: Buffer): Buffer {
  let at = 8
  while (at < module.length) {
    const id = module[at++]
    let size = 0
    for (let shift = 0; ; shift += 7) {
      const byte = module[at++]
      size |= (byte & 127) << shift
      if (byte < 128) break
    }
    if (id === 10) return module.subarray(at, at + size)
    at += size
  }
  throw new Error('the module has no code')
}
