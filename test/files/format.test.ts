/**
 * Files by Python's safetensors: valid, malformed and unusual ones. `data/safetensors/contents.json` lists their
 * contents.
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { adam, Optimizer } from 'antigrad'
import { FileError, openFile, toBlob, writeFile } from 'antigrad/files'
import { describe, expect, test } from 'vitest'
import { fromFloat16, toBfloat16, toFloat16 } from '../../dist/files/format/float16.js'
import { crc32 } from '../../dist/files/sources/crc32.js'
import { home } from '../children.js'
import { fileOf as bytesIn } from './nested-file.js'

const folder = new URL('../data/safetensors/', import.meta.url)
const bytesOf = (file: string) => readFileSync(new URL(file, folder))

interface Contents {
  readonly files: readonly {
    readonly file: string
    readonly metadata: Readonly<Record<string, string>> | null
    readonly tensors: Readonly<
      Record<string, { dtype: string; shape: number[]; values: unknown[]; bytes: string; offsets: number[] }>
    >
    readonly order: readonly string[]
  }[]
  readonly malformed: readonly { readonly file: string; readonly why: string }[]
  readonly odd: readonly { readonly file: string; readonly values: Readonly<Record<string, number[]>> }[]
}
const { files, malformed, odd }: Contents = JSON.parse(`${bytesOf('contents.json')}`)

/** Numbers as in contents.json, including values that JSON cannot represent. */
const shown = (value: number | bigint, dtype: string): unknown =>
  dtype === 'BOOL'
    ? value === 1
    : typeof value === 'bigint'
      ? `${value}`
      : Object.is(value, -0)
        ? '-0'
        : Number.isFinite(value)
          ? value
          : `${value}`.replace('Infinity', 'inf').replace('NaN', 'nan')

/** Opens a file from a path, and in the way of a web page. */
const ways = [
  ['a path', (file: string) => openFile(new URL(file, folder))],
  ['a Blob', (file: string) => openFile(new Blob([bytesOf(file)]))],
] as const

describe.each(ways)('a safetensors file from %s', (_, open) => {
  test.each(files)('is read correctly: $file', async ({ file, metadata, tensors, order }) => {
    const opened = await open(file)
    expect(Object.fromEntries(opened.metadata)).toEqual(metadata ?? {})
    expect([...opened.tensors.keys()].sort()).toEqual([...order].sort())
    for (const [name, { dtype, shape, values, bytes, offsets }] of Object.entries(tensors)) {
      expect(opened.tensors.get(name)).toEqual({ dtype, shape, begin: offsets[0], end: offsets[1] })
      const found = await opened.read(name)
      expect(Array.from(found as Iterable<number>, (value) => shown(value, dtype))).toEqual(values)
      expect(Buffer.from(await opened.bytes(name)).toString('hex')).toBe(bytes)
    }
    await opened.close()
  })

  test.each(malformed)('is refused if the file is malformed: $file, $why', async ({ file }) => {
    const error = await open(file).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(FileError)
    expect(error.message).toMatch(/^(file|header).*: expected .*, got /)
  })

  test.each(odd)('is read even if the file is unusual: $file', async ({ file, values }) => {
    const opened = await open(file)
    for (const [name, expected] of Object.entries(values))
      expect([...((await opened.read(name)) as Float32Array)]).toEqual(expected)
    await opened.close()
  })
})

/** A file with a header and a number of data bytes. */
const fileOf = (header: string, bytes = 0) => new Blob([bytesIn(header, bytes) as BlobPart])
const one = (info: string) => `{"a":${info}}`

test.each([
  [
    'a duplicate name, once escaped',
    '{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
    0,
  ],
  ['a duplicate field', one('{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}'), 1],
  ['duplicate metadata', '{"__metadata__":{"a":"\\\\\\""},"__metadata__":{"a":"b"}}', 0],
  ['a duplicate metadata string', '{"__metadata__":{"a":"b","a":"b"}}', 0],
  ['an unknown field', one('{"dtype":"U8","shape":[1],"data_offsets":[0,1],"more":1}'), 1],
  ['a missing field', one('{"dtype":"U8","shape":[1]}'), 1],
  ['an array as a tensor', one('[1]'), 0],
  ['null', one('null'), 0],
  ['a negative dimension', one('{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}'), 1],
  ['a fractional dimension', one('{"dtype":"U8","shape":[0.5],"data_offsets":[0,1]}'), 1],
  [
    'a product that is too large',
    one('{"dtype":"U8","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,0]}'),
    0,
  ],
  ['infinite dimensions', one('{"dtype":"U8","shape":[1e308,1e308,0],"data_offsets":[0,0]}'), 0],
  ['three offsets', one('{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}'), 1],
  ['reversed offsets', one('{"dtype":"U8","shape":[1],"data_offsets":[1,0]}'), 1],
  ['a fractional count of bytes', one('{"dtype":"F4","shape":[3],"data_offsets":[0,1]}'), 1],
  [
    'a dtype named like a property of Object.prototype',
    one('{"dtype":"constructor","shape":[1],"data_offsets":[0,1]}'),
    1,
  ],
  ['a leading space', ' {}', 0],
  ['a byte order mark', '\ufeff{}', 0],
  ['trailing text', '{}x', 0],
  ['no content', '', 0],
  ['nested arrays', one(`{"dtype":"U8","shape":${'['.repeat(50_000)}`), 0],
  ['an unterminated string', '{"a', 0],
])('the function openFile rejects a file header with %s', async (_, header, bytes) => {
  await expect(openFile(fileOf(header, bytes))).rejects.toThrow(FileError)
})

test.each([
  ['nested in each other', (count: number) => '['.repeat(count)],
  ['next to each other', (count: number) => `${'[],'.repeat(count / 2)}[]]`],
])(
  'the function openFile rejects a header with 49 million brackets %s, and needs little memory',
  (_, brackets) => {
    const path = join(mkdtempSync(join(tmpdir(), 'antigrad-brackets-')), 'file')
    writeFileSync(path, bytesIn(`{"a":[${brackets(49e6)}}`))
    const script = `const { openFile } = require('antigrad/files')
    openFile(${JSON.stringify(path)}).catch((error) => console.log(error.name, process.resourceUsage().maxRSS >> 10))`
    const flags = ['--max-old-space-size=300', '-e', script]
    const { stdout, stderr } = spawnSync(process.execPath, flags, { cwd: home, encoding: 'utf8' })
    rmSync(dirname(path), { recursive: true })
    expect(stderr).toBe('')
    const [name, mib] = stdout.trim().split(' ')
    expect(name).toBe('FileError')
    // The memory contains the bytes, the decoded text, and Node's own data.
    expect(Number(mib)).toBeLessThan(500)
  },
)

test.each([
  ['no tensors', '{}', 0, []],
  [
    'a tensor named like a property of Object.prototype',
    '{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
    1,
    ['__proto__'],
  ],
  [
    'names with quotes and colons',
    '{"\\"a\\":\\\\":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}',
    1,
    ['"a":\\'],
  ],
  ['four-bit numbers', one('{"dtype":"F4","shape":[2],"data_offsets":[0,1]}'), 1, ['a']],
])('the function openFile accepts a file header with %s', async (_, header, bytes, names) => {
  const file = await openFile(fileOf(header, bytes))
  expect([...file.tensors.keys()]).toEqual(names)
})

test("the function openFile returns a tensor as bytes if no typed array matches the tensor's dtype", async () => {
  const file = await openFile(fileOf(one('{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}'), 2))
  await expect(file.read('a')).rejects.toThrow('tensor a: expected a dtype that has a typed array')
  expect((await file.bytes('a')).byteLength).toBe(2)
  await expect(file.read('b')).rejects.toThrow('tensor: expected one of a, got "b"')
})

describe('half-precision formats', () => {
  /** All float16 values by the definition of the format. */
  const all = Array.from({ length: 0x7c01 }, (_, bits) =>
    bits < 0x400
      ? bits / 2 ** 24
      : bits === 0x7c00
        ? 65536
        : (1024 + (bits & 1023)) * 2 ** ((bits >> 10) - 25),
  )

  test('preserve every float16 value, and round other numbers to the nearest float16 value, ties to even', () => {
    const below = (x: number, y: number) => x + (y - x) * (0.5 - 2 ** -40)
    for (let i = 0; i < 0x7c00; i++) {
      const [x, y] = [all[i], all[i + 1]]
      const middle = (x + y) / 2
      const above = x + (y - x) * (0.5 + 2 ** -40)
      const even = i % 2 === 0 ? i : i + 1
      expect([...toFloat16(Float64Array.of(x, below(x, y), middle, above, -above))]).toEqual([
        i,
        i,
        even,
        i + 1,
        (i + 1) | 0x8000,
      ])
    }
    expect([...fromFloat16(Uint16Array.from(all.keys()).subarray(0, 0x7c00))]).toEqual(all.slice(0, -1))
  })

  test('preserve every bfloat16 value, and round other numbers to the nearest bfloat16 value, ties to even', () => {
    const float = (bits: number) => new Float32Array(Uint32Array.of(bits << 16).buffer)[0]
    for (let i = 0; i < 0x7f80; i += 7) {
      const [x, y] = [float(i), i === 0x7f7f ? 2 ** 128 : float(i + 1)]
      const middle = (x + y) / 2
      const [below, above] = [0.5 - 2 ** -40, 0.5 + 2 ** -40].map((part) => x + (y - x) * part)
      const even = i % 2 === 0 ? i : i + 1
      expect([...toBfloat16(Float64Array.of(x, below, middle, above, -above))]).toEqual([
        i,
        i,
        even,
        i + 1,
        (i + 1) | 0x8000,
      ])
    }
  })

  test('preserve infinities, NaN and −0', () => {
    const odd = [Infinity, -Infinity, -0, 1e300, NaN]
    for (const Typed of [Float32Array, Float64Array]) {
      const values = Typed.from(odd)
      expect([...toFloat16(values)]).toEqual([0x7c00, 0xfc00, 0x8000, 0x7c00, 0x7e00])
      expect([...toBfloat16(values)].slice(0, 4)).toEqual([0x7f80, 0xff80, 0x8000, 0x7f80])
      expect(toBfloat16(values)[4] & 0x7fff).toBeGreaterThan(0x7f80)
    }
  })
})

test("the checksum of a file equals the file's CRC-32, even if the checksum is computed in pieces", () => {
  const bytes = new TextEncoder().encode('123456789')
  expect(crc32(bytes)).toBe(0xcbf43926)
  for (let at = 0; at <= bytes.length; at++)
    expect(crc32(bytes.subarray(at), crc32(bytes.subarray(0, at)))).toBe(0xcbf43926)
  expect(crc32(new Uint8Array(0))).toBe(0)
})

test.each(['float16', 'bfloat16', 'float32', 'float64'] as const)(
  'the function writeFile writes parameters as %s',
  async (dtype) => {
    const w = Float64Array.of(1 / 3, -2, 65519, 1e-7, 0.1, 7)
    const optimizer = new Optimizer({ layer: { w }, b: Float64Array.of(5) }, adam(), {
      shapes: { layer: { w: [2, 3] } },
    })
    const file = await openFile(await toBlob(optimizer, { content: 'params', dtype, metadata: { by: 'us' } }))
    const [name, size] = {
      float16: ['F16', 2],
      bfloat16: ['BF16', 2],
      float32: ['F32', 4],
      float64: ['F64', 8],
    }[dtype] as [string, number]
    expect(Object.fromEntries(file.tensors)).toEqual({
      'layer.w': { dtype: name, shape: [2, 3], begin: 0, end: 6 * size },
      b: { dtype: name, shape: [1], begin: 6 * size, end: 7 * size },
    })
    expect(file.metadata.get('format')).toBe('pt')
    expect(file.metadata.get('by')).toBe('us')
    const expected = {
      float64: [...w],
      float32: [...Float32Array.from(w)],
      float16: [0.333251953125, -2, 65504, 1.1920928955078125e-7, 0.0999755859375, 7],
      bfloat16: [0.333984375, -2, 65536, 1.0011717677116394e-7, 0.10009765625, 7],
    }[dtype]
    expect([...((await file.read('layer.w')) as Float32Array)]).toEqual(expected)
  },
)

test('the function writeFile refuses an invalid Unicode name before anything is written', async () => {
  const optimizer = new Optimizer({ '\ud800': Float32Array.of(1) }, adam())
  const path = join(tmpdir(), `antigrad-never-${process.pid}`, 'run.safetensors')
  await expect(writeFile(path, optimizer)).rejects.toThrow(FileError)
  const named = new Optimizer({ '\\ud800': Float32Array.of(1), '🙂': Float32Array.of(1) }, adam())
  const file = await openFile(await toBlob(named, { content: 'params' }))
  expect([...file.tensors.keys()]).toEqual(['\\ud800', '🙂'])
})
