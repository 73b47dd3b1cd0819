/**
 * The memory passes of the benchmark calibrate the figures of the benchmark. The tests disassemble the passes as local
 * compilers build them, execute the passes, and verify which arrays are read and written.
 */

import { spawnSync } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { compile, loadLimits, versionOf } from '../bench/lib/limits.mjs'

const MOST_READ = 6
const passes = Array.from({ length: MOST_READ }, (_, r) =>
  Array.from({ length: r + 1 }, (_, w): [reads: number, writes: number] => [r + 1, w + 1]),
).flat()

const temporary = mkdtempSync(join(tmpdir(), 'antigrad-passes-'))
afterAll(() => rmSync(temporary, { recursive: true }))

interface Instruction {
  address: number
  text: string
}

/** The instructions of each function, by name. */
function takeApart(file: string): Map<string, Instruction[]> {
  const { stdout } = spawnSync('objdump', ['-d', '--no-show-raw-insn', file], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  return new Map(
    stdout.split('\n\n').flatMap((text): [string, Instruction[]][] => {
      const name = /^[0-9a-f]+ <(.*)>:$/m.exec(text)?.[1]
      const lines = [...text.matchAll(/^ *([0-9a-f]+):\t(.*?)\s*$/gm)]
      const own = lines.map(([, address, text]) => ({ address: Number.parseInt(address, 16), text }))
      return name === undefined ? [] : [[name, own]]
    }),
  )
}

/** The instructions of the loop that ends with the last backward jump. */
function loopOf(code: Instruction[]): string[] {
  const target = ({ text }: Instruction) =>
    Number.parseInt(/^j\w+\s+([0-9a-f]+)/.exec(text)?.[1] ?? 'f'.repeat(12), 16)
  const end = code.findLastIndex((instruction) => target(instruction) <= instruction.address)
  expect(end, 'a jump back').toBeGreaterThan(0)
  const first = code.findIndex(({ address }) => address === target(code[end]))
  return code.slice(first, end).map(({ text }) => text)
}

/**
 * The number of vectors that a loop loads and stores. Memory operands are in brackets, and the destination is the last
 * operand.
 */
function moved(loop: string[], register: string): { loads: number; stores: number } {
  const withMemory = loop.filter((text) => text.includes(register) && text.includes('('))
  const stores = withMemory.filter((text) => text.endsWith(')')).length
  return { loads: withMemory.length - stores, stores }
}

const compilers = ['cc', 'clang'].filter((name) => versionOf(name) !== undefined)
const isTakenApart =
  process.arch === 'x64' &&
  process.platform === 'linux' &&
  spawnSync('objdump', ['--version']).status === 0 &&
  compilers.length > 0

test('the CI workflow disassembles the memory passes from which the speed limits are derived', () => {
  if (process.env.CI) expect(isTakenApart).toBe(true)
})

describe.runIf(isTakenApart)('the disassembled memory passes,', () => {
  describe.each(compilers)('compiled by %s,', (compiler) => {
    const file = join(temporary, `${compiler}.node`)
    const failure = compile(compiler, file)
    const functions = failure === undefined ? takeApart(file) : new Map<string, Instruction[]>()

    test('are available for inspection', () => expect(failure).toBeUndefined())

    describe.each([
      [128, '%xmm'],
      [256, '%ymm'],
      [512, '%zmm'],
    ])('with vectors of %i bits,', (bits, register) => {
      test.each(passes)('consist of loads of %i arrays and stores of %i arrays', (reads, writes) => {
        const { loads, stores } = moved(
          loopOf(functions.get(`pass${bits}_${reads}_${writes}`) ?? []),
          register,
        )
        const unrolled = stores / writes
        expect(unrolled).toBeGreaterThanOrEqual(1)
        expect({ loads, stores }).toEqual({ loads: reads * unrolled, stores: writes * unrolled })
      })
    })
  })
})

describe.runIf(compilers.includes('cc'))('the memory passes, when executed,', () => {
  test.each(passes)('read %i arrays and write %i arrays without changing any value', (reads, writes) => {
    const { limits } = loadLimits()
    // The last cache line contains only a part of a vector, like a padded tensor.
    const memory = new Uint8Array(limits.memory(MOST_READ * 8192, 0))
    randomFillSync(memory)
    const before = Uint8Array.from(memory)
    const streams = Array.from({ length: reads }, (_, k) => new Float32Array(memory.buffer, 8192 * k, 1001))
    limits.run(limits.job(0, writes, new Float32Array(8), ...streams), 3)
    expect(Buffer.from(memory.buffer).equals(before)).toBe(true)
  })
})
