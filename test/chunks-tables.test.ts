/**
 * Chunks of tables in other formats: NDJSON, and columns of safetensors files. The fits have the same bytes as the fits
 * of the CSV file.
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AntigradError } from 'antigrad'
import { DataError, merge, type Plan, planFits, readPlan, runChunk, runChunks } from 'antigrad/chunks'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeHeader, type TensorInfo } from '../dist/files/format/header.js'
import { home } from './children.js'
import { random } from './helpers.js'

let folder: string
const at = (name: string) => join(folder, name)
const run = (...args: string[]) =>
  spawnSync(process.execPath, [join(home, 'dist/command-line/cli.js'), ...args], {
    encoding: 'utf8',
    cwd: folder,
  })

const next = random(5)
const GROUPS = 24
const rows = Array.from({ length: GROUPS }, (_, k) =>
  Array.from({ length: 8 }, (_, i) => ({
    well: 100 + 7 * k,
    t: i,
    y: (2 + (k % 5)) * 0.7 ** i + 0.3 + 0.02 * next(),
  })),
).flat()

/** A safetensors file of columns. */
function safetensors(
  columns: Record<string, { dtype: string; values: ArrayBufferView & { length: number } }>,
) {
  let end = 0
  const tensors = new Map<string, TensorInfo>()
  const parts: Uint8Array[] = []
  for (const [name, { dtype, values }] of Object.entries(columns)) {
    const begin = end
    end += values.byteLength
    tensors.set(name, { dtype, shape: [values.length], begin, end })
    parts.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  }
  return Buffer.concat([encodeHeader({ metadata: new Map(), tensors }), ...parts])
}
const columns = () => ({
  // An unused column of single bytes with another length, so that later columns start at odd offsets.
  note: { dtype: 'U8', values: Uint8Array.of(1, 2, 3) },
  y: { dtype: 'F64', values: Float64Array.from(rows, ({ y }) => y) },
  well: { dtype: 'I64', values: BigInt64Array.from(rows, ({ well }) => BigInt(well)) },
  t: { dtype: 'U8', values: Uint8Array.from(rows, ({ t }) => t) },
})

const asked = { model: 'a*exp(-b*t) + c', x: { t: 't' }, start: { a: 1, b: 1, c: 0 } }
const FIT = ['--model', asked.model, '--x', 't', '--group', 'well', '--start', 'a=1,b=1,c=0']
const planned = async (file: string, chunkSize = 5) =>
  (await planFits(at(file), asked, { group: 'well', chunkSize })).plan

async function merged(plan: unknown, store: string): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of merge(plan, { store })) parts.push(part)
  return Buffer.concat(parts).toString()
}

let direct: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'antigrad-tables-'))
  writeFileSync(at('wells.csv'), `well,t,y\n${rows.map(({ well, t, y }) => `${well},${t},${y}\n`).join('')}`)
  // Rows with keys in any order, additional keys, blank lines, and both kinds of line ends.
  const lines = rows.map(({ well, t, y }, k) =>
    JSON.stringify(k % 3 === 0 ? { y, é: ['€'], t, well: `${well}` } : { well, t, y }),
  )
  writeFileSync(
    at('wells.ndjson'),
    `\ufeff\n${lines.map((line, k) => `${line}${k % 5 ? '\n' : '\r\n\n'}`).join('')}`,
  )
  writeFileSync(at('wells.safetensors'), safetensors(columns()))
  direct = run('fit', 'wells.csv', ...FIT, '--json').stdout
})
afterAll(() => rmSync(folder, { recursive: true }))

describe.each(['ndjson', 'safetensors'])('the table file wells.%s', (kind) => {
  const file = `wells.${kind}`

  test('gives the same result bytes as the CSV file', async () => {
    expect(direct.split('\n')).toHaveLength(GROUPS + 1)
    expect(run('fit', file, ...FIT, '--json')).toMatchObject({ status: 0, stdout: direct, stderr: '' })
    const told = run('fit', file, ...FIT, '--plan', `${kind}.json`, '--chunk-size', '5')
    expect(told.stdout).toMatch(/^5 chunks of 24 groups, [\d,]+ bytes of data\n$/)
    const plan = readFileSync(at(`${kind}.json`), 'utf8')
    expect(readPlan(plan)).toEqual({ ...(await planned(file)), data: { ...readPlan(plan).data } })
    expect(run('run', `${kind}.json`, '--store', `store-${kind}`).stdout).toBe('5 of 5 chunks are done\n')
    expect(await merged(plan, at(`store-${kind}`))).toBe(direct)
    expect((await planFits(at(file), asked, { group: 'well', chunkSeconds: 1e-9 })).plan.chunks).toHaveLength(
      GROUPS,
    )
  })

  test('is read from a URL by byte ranges', async () => {
    const bytes = readFileSync(at(file))
    const ranges: string[] = []
    const server = createServer(({ headers: { range = '' } }, response) => {
      const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? []
      if (from === undefined) return response.end(bytes)
      ranges.push(range)
      response.statusCode = 206
      response.setHeader('content-range', `bytes ${from}-${to}/${bytes.length}`)
      response.end(bytes.subarray(Number(from), Number(to) + 1))
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${file}?key=secret`
    try {
      const plan = await planned(file)
      expect((await planFits(address, asked, { group: 'well', chunkSize: 5 })).plan.chunks).toEqual(
        plan.chunks,
      )
      await runChunks(plan, { store: at(`far-${kind}`), data: address })
      expect(await merged(plan, at(`far-${kind}`))).toBe(direct)
      expect(ranges.length).toBeGreaterThan(5)
    } finally {
      server.close()
    }
  })

  test('is refused if the file has changed since the plan was made', async () => {
    const plan = await planned(file)
    const bytes = readFileSync(at(file))
    bytes[bytes.length - 2] ^= 1
    writeFileSync(at(`changed.${kind}`), bytes)
    const options = { store: at(`changed-${kind}`), data: at(`changed.${kind}`) }
    expect(await runChunk(plan, 0, options)).toMatchObject({ outcome: 'stored' })
    await expect(runChunk(plan, 4, options)).rejects.toThrow(DataError)
    writeFileSync(at(`changed.${kind}`), bytes.subarray(1))
    await expect(runChunk(plan, 0, options)).rejects.toThrow(
      /expected \d+ bytes, the size stated in the plan, got \d+/,
    )
  })

  test('is described by a plan file whose fields are all validated', async () => {
    const plan = JSON.parse(JSON.stringify(await planned(file))) as Plan & {
      specification: { table: { columns: { from: number; dtype: string; name: string }[] } }
    }
    const { specification, data, chunks } = plan
    const withTable = (more: object) => ({
      ...plan,
      specification: { ...specification, table: { ...specification.table, ...more } },
    })
    const { columns = [{ name: 't', dtype: 'F64', from: 0 }] } = specification.table
    const others: unknown[] = [
      ...[
        [],
        [null],
        columns.slice(1),
        [...columns, columns[0]],
        columns.toReversed(),
        { length: 3 },
        'x',
      ].map((columns) => withTable({ columns, format: undefined })),
      ...[
        { from: -1 },
        { from: 1e300 },
        { from: 0.5 },
        { dtype: 'F8_E4M3' },
        { dtype: '__proto__' },
        { more: 1 },
      ].map((more) => withTable({ columns: columns.map((one) => ({ ...one, ...more })), format: undefined })),
      withTable({ columns: undefined, format: undefined }),
      withTable({ format: { delimiter: ',', decimal: '.', isGrouped: false, comment: '#', isJson: 1 } }),
      ...[0, -1, 1e9, 2 ** 53, '1', null].map((rows) => ({ ...plan, data: { ...data, rows } })),
      ...[1e9, 2 ** 53 - 1].map((end) => ({
        ...plan,
        chunks: [...chunks.slice(0, -1), { ...chunks.at(-1), end }],
      })),
    ]
    readPlan(plan)
    for (const other of others) expect(() => readPlan(other), JSON.stringify(other)).toThrow(AntigradError)
  })
})

describe('an NDJSON table', () => {
  test.each([
    ['{"well":1,"t":0}\n', /--y: expected one of the names in rows.ndjson: "well", "t", got "y"/],
    ['{"well":1,"t":0,"y":1}\n{"well":1,"t":\n', /line 2: expected an object in JSON, got /],
    ['{"well":1,"t":0,"y":1}\n[1,2,3]\n', /line 2: expected an object in JSON, got \[1,2,3\]/],
    ['{"well":1,"t":0,"y":1}\n7\n', /line 2: expected an object/],
    ['{"well":1,"t":0,"y":1}\n{"well":1,"t":0}\n', /line 2: y is empty; --drop-invalid drops such rows/],
    ['{"well":1,"t":0,"y":null}\n', /line 1: y is empty/],
    ['{"well":1,"t":0,"y":1e999}\n', /line 1: y is too large/],
    ['{"well":1,"t":0,"y":"NaN"}\n', /line 1: y is "?NaN"?, not a number/],
    ['{"well":1,"t":0,"y":true}\n', /line 1: y is "?true"?, not a number/],
    ['{"well":1,"t":0,"y":[1]}\n', /line 1: y is an object or an array/],
    ['{"well":12345678901234567890,"t":0,"y":1}\n', /line 1: well has more digits than a number can hold/],
    ['{"well":"","t":0,"y":1}\n', /line 1: well is empty/],
    ['{"__proto__":{"y":1},"well":1,"t":0}\n', /--y: expected one of the names in rows.ndjson/],
    [`{"well":1,"t":0,"y":1,"z":"${'x'.repeat(2 ** 25 + 2 ** 18)}"}\n`, /expected a row of at most 32 MiB/],
  ])('is refused if a row is invalid, case %#', (text, message) => {
    writeFileSync(at('rows.ndjson'), text)
    const { status, stdout, stderr } = run('fit', 'rows.ndjson', ...FIT, '--json')
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(message)
    expect(stderr.length).toBeLessThan(2000)
  })

  test('can be fitted without incomplete rows, even if a chunk starts with an incomplete row', async () => {
    const lines = rows.map(({ well, t, y }) => JSON.stringify(t === 0 ? { well, t: null } : { well, t, y }))
    writeFileSync(at('holes.ndjson'), `${JSON.stringify(rows[0])}\n${lines.join('\n')}`)
    const fit = run('fit', 'holes.ndjson', ...FIT, '--drop-invalid', '--json')
    const { plan } = await planFits(at('holes.ndjson'), asked, {
      group: 'well',
      chunkSize: 1,
      dropInvalid: true,
    })
    await runChunks(plan, { store: at('holes') })
    expect(await merged(plan, at('holes'))).toBe(fit.stdout)
    expect(fit.stdout.split('\n')).toHaveLength(GROUPS + 1)
  })
})

describe('columns of binary tables', () => {
  const refused = (bytes: Uint8Array, ...more: string[]) => {
    writeFileSync(at('some.safetensors'), bytes)
    const { status, stdout, stderr } = run('fit', 'some.safetensors', ...FIT, '--json', ...more)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    return stderr
  }
  const F64 = (values: number[]) => ({ dtype: 'F64', values: Float64Array.from(values) })

  test('are reported if missing, invalid or of different lengths', () => {
    const all = columns()
    const { y: _, ...others } = all
    expect(refused(safetensors(others))).toMatch(
      /--y: expected one of the tensors in some.safetensors: "note", "well", "t", got "y"/,
    )
    expect(refused(safetensors({ ...all, y: F64([1]) }))).toMatch(
      /expected \d+ values, as many as in the first column/,
    )
    expect(refused(safetensors({ ...all, well: F64(rows.map(({ well }) => well)) }))).toMatch(
      /--group: expected one of .*I64.*, got "well of F64"/,
    )
    expect(refused(safetensors({ ...all, y: F64(rows.map((_, k) => (k === 3 ? NaN : 1))) }))).toMatch(
      /row 4: y is NaN; --drop-invalid drops such rows/,
    )
    expect(refused(safetensors({ ...all, y: F64(rows.map((_, k) => (k === 3 ? Infinity : 1))) }))).toMatch(
      /row 4: y is too large/,
    )
    const none = { y: F64([]), t: F64([]), well: { dtype: 'I64', values: new BigInt64Array(0) } }
    expect(refused(safetensors(none))).toMatch(/some.safetensors: expected at least one row, got none/)
    const whole = safetensors(all)
    for (const length of [0, 7, 8, 30, whole.length - 1]) {
      expect(refused(whole.subarray(0, length))).toMatch(/some.safetensors: (file|header): expected /)
    }
    expect(refused(Buffer.from('well,t,y\n1,2,3\n'))).toMatch(/some.safetensors: header: expected /)
  })

  test('can contain 64-bit integer labels that differ only in the last digit', async () => {
    const big = 2n ** 60n
    const values = BigInt64Array.from(rows, ({ well }) => big + BigInt(well))
    writeFileSync(at('big.safetensors'), safetensors({ ...columns(), well: { dtype: 'I64', values } }))
    const plan = await planned('big.safetensors', 1)
    expect(plan.chunks).toHaveLength(GROUPS)
    await runChunks(plan, { store: at('big') })
    expect(JSON.parse((await merged(plan, at('big'))).split('\n')[0]).group).toBe(`${big + 100n}`)
  })
})
