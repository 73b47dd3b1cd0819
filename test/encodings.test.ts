/** Tables in UTF-8 are accepted. Tables in other encodings are refused with the position of the first invalid byte. */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { merge, planFits, runChunks } from 'antigrad/chunks'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readCsv, type TableRequest } from '../dist/tables/read-csv.js'
import { readMatrix } from '../dist/tables/read-matrix.js'
import { home } from './children.js'

let folder: string
const at = (name: string) => join(folder, name)
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'antigrad-encodings-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const run = (...args: string[]) =>
  spawnSync(process.execPath, [join(home, 'dist/command-line/cli.js'), ...args], {
    encoding: 'utf8',
    cwd: folder,
  })

/** Bytes, divided into parts of the given size. */
const inParts = (bytes: Uint8Array, size: number) =>
  Readable.from(
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, k) =>
      bytes.subarray(k * size, (k + 1) * size),
    ),
  )

const request: TableRequest = {
  name: 'table.csv',
  columns: [
    { option: '--x', column: 't' },
    { option: '--y', column: 'y' },
  ],
  group: { option: '--group', column: 'g' },
  ...{ delimiter: undefined, decimal: undefined, comment: undefined, dropsInvalid: false, onProgress() {} },
}
const messageOf = async (read: Promise<unknown>) =>
  read.then(
    () => 'taken',
    ({ message }: Error) => message,
  )

const rows = ['é1', 'è1', 'ü1'].flatMap((group, k) =>
  [0, 1, 2, 3, 4, 5].map((t) => `${group},${t},${(2 + k) * 0.7 ** t + 0.3 + 0.01 * ((7 * t + k) % 3)}`),
)
const table = `g,t,y\n${rows.join('\n')}\n`
const asked = { model: 'a*exp(-b*t) + c', x: { t: 't' }, start: { a: 1, b: 1, c: 0 } }

describe('a table file in the Latin-1 encoding', () => {
  test('is refused with the position of the error and a conversion command', () => {
    writeFileSync(at('latin1.csv'), Buffer.from(table, 'latin1'))
    const fit = ['fit', 'latin1.csv', '--model', asked.model, '--x', 't', '--group', 'g', '--json']
    for (const more of [[], ['--plan', 'plan.json']]) {
      const { status, stdout, stderr } = run(...fit, ...more)
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
      expect(stderr).toBe(
        'antigrad: latin1.csv: expected text in UTF-8, got the byte 0xE9 at offset 6; iconv -f WINDOWS-1252 -t UTF-8 ' +
          'converts Latin-1\n',
      )
    }
  })

  test('cannot be divided into chunks for a plan', async () => {
    writeFileSync(at('chunks.csv'), Buffer.from(table, 'latin1'))
    const options = { group: 'g', chunkSize: 1, dropInvalid: true }
    expect(await messageOf(planFits(at('chunks.csv'), asked, options))).toMatch(
      /: expected text in UTF-8, got/,
    )
  })

  test.each(['cov.csv', 'rows.ndjson'])('is refused if the file is %s', async (name) => {
    const message = name.endsWith('.csv')
      ? await messageOf(readMatrix(Readable.from([Buffer.from('1,0\n0,1\n# é\n', 'latin1')]), name, {}))
      : await messageOf(
          readCsv(Readable.from([Buffer.from('{"g":"é","t":1,"y":2}\n', 'latin1')]), { ...request, name }),
        )
    const offset = name.endsWith('.csv') ? 10 : 6
    expect(message).toMatch(`${name}: expected text in UTF-8, got the byte 0xE9 at offset ${offset};`)
  })
})

describe('a table in UTF-8', () => {
  test.each<[string, number[], number]>([
    ['a lone continuation', [0x41, 0x80, 0x41], 1],
    ['an overlong form', [0x41, 0xc0, 0x80], 1],
    ['half of a surrogate pair', [0xed, 0xa0, 0x80], 0],
    ['beyond the last character', [0x41, 0x41, 0xf4, 0x90, 0x80, 0x80], 2],
    ['cut off by a letter', [0xe2, 0x82, 0x41], 0],
    ['cut off by the end', [0x41, 0xf0, 0x9f, 0x98], 1],
    ['UTF-16', [0xff, 0xfe, 0x41, 0x00], 0],
  ])(
    'is refused if the table contains %s, wherever the bytes are divided into chunks',
    async (_, bytes, offset) => {
      const all = Buffer.concat([Buffer.from(`g,t,y\né,1,2\n`), Buffer.from(bytes)])
      const place = all.length - bytes.length + offset
      for (let size = 1; size <= all.length; size++) {
        const message = await messageOf(readCsv(inParts(all, size), request))
        expect(message).toMatch(/^table.csv: expected text in UTF-8, got /)
        expect(message).toMatch(new RegExp(` at offset ${place}[;:]`))
      }
    },
  )

  test('is refused if and only if the built-in TextDecoder refuses the same bytes', async () => {
    const unit = fc.constantFrom(0x41, 0x80, 0xa0, 0xbf, 0xc2, 0xe0, 0xe2, 0xed, 0xef, 0xf0, 0xf4, 0xff)
    const check = async (bytes: number[], size: number) => {
      const all = Buffer.concat([Buffer.from('g,t,y\n'), Buffer.from(bytes), Buffer.from(',1,2\n')])
      let isText = true
      try {
        new TextDecoder('utf-8', { fatal: true }).decode(all)
      } catch {
        isText = false
      }
      const message = await messageOf(readCsv(inParts(all, size), request))
      const [, offset] = /got the byte .* at offset (\d+)[;:]/.exec(message) ?? []
      expect(offset !== undefined).toBe(!isText)
      // All bytes before the position are valid, and the sequence at the position is invalid.
      if (offset !== undefined)
        expect(
          Buffer.from(all.subarray(0, Number(offset)).toString()).equals(all.subarray(0, Number(offset))),
        ).toBe(true)
    }
    await fc.assert(
      fc.asyncProperty(fc.array(unit, { maxLength: 8 }), fc.integer({ min: 1, max: 20 }), check),
      {
        numRuns: 500,
      },
    )
  })

  test('is read with all its byte order marks except the first', async () => {
    const bytes = Buffer.from('\ufeffg,t,y\na\ufeffb,1,2\n')
    for (const size of [1, 2, 3, 9, 10, 100]) {
      const { groups, columns } = await readCsv(inParts(bytes, size), request)
      expect([groups, columns[1]]).toEqual([['a\ufeffb'], [Float64Array.of(2)]])
    }
  })
})

describe('chunks of a UTF-8 table', () => {
  test('begin and end at row boundaries, however the file is divided into reads', async () => {
    const character = fc.constantFrom('a', 'é', '€', '😀', '\ufeff', '"x,""y\r\n"', '\u2028', ' ')
    const row = fc.record({
      group: fc.nat(3),
      name: fc.array(character, { maxLength: 3 }),
      isBad: fc.boolean(),
    })
    const check = async (
      list: { group: number; name: string[]; isBad: boolean }[],
      size: number,
      mark: string,
    ) => {
      const texts = list.map(({ group, name, isBad }, k) => {
        const quoted = `"${name.join('').replaceAll('"', '')}"`
        return `G${group},${k},${isBad ? 'none' : k / 2},${quoted}${k % 3 ? '\n' : '\r\n\n'}`
      })
      const all = [`${mark}g,t,y,é\n`, ...texts].map((text) => Buffer.from(text))
      const begins = all.map((_, k) => all.slice(0, k).reduce((sum, { length }) => sum + length, 0))
      const seen: number[] = []
      const onRow = (_: number, begin: number) => void seen.push(begin)
      await readCsv(inParts(Buffer.concat(all), size), { ...request, dropsInvalid: true, onRow })
      // A row before blank lines may end before or after the blank lines.
      const expected = list.flatMap(({ isBad }, k) => (isBad ? [] : [begins[k + 1]]))
      expect(
        seen.map((begin, k) => Buffer.concat(all).subarray(expected[k], begin).toString().trim()),
      ).toEqual(expected.map(() => ''))
    }
    const lists = fc.array(row, { minLength: 1, maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(lists, fc.integer({ min: 1, max: 40 }), fc.constantFrom('', '\ufeff'), check),
      { numRuns: 300 },
    )
  })

  test('give the same fits as the whole table, with dropped rows and labels of any length', async () => {
    const text = rows.map((line, k) => (k % 5 === 2 ? line.replace(/[^,]*$/, 'x €😀') : line)).join('\n')
    writeFileSync(at('names.csv'), `\ufeffg,t,y\n${text}`)
    const { plan } = await planFits(at('names.csv'), asked, { group: 'g', chunkSize: 1, dropInvalid: true })
    await runChunks(plan, { store: at('names') })
    let merged = ''
    for await (const part of merge(plan, { store: at('names') })) merged += Buffer.from(part).toString()
    const fit = run(
      ...[
        'fit',
        'names.csv',
        '--model',
        asked.model,
        '--x',
        't',
        '--group',
        'g',
        '--drop-invalid',
        '--json',
        '--start',
        'a=1,b=1,c=0',
      ],
    )
    expect(merged).toBe(fit.stdout)
    expect(merged.split('\n')).toHaveLength(4)
  })
})
