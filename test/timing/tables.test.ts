/** Readers of tables take time proportional to the size of the table, whatever the format. */

import { Readable } from 'node:stream'
import { test } from 'vitest'
import { readCsv } from '../../dist/tables/read-csv.js'
import { readMatrix } from '../../dist/tables/read-matrix.js'
import { expectProportional } from './growth.js'

const request = {
  ...{ name: 'table.csv', group: undefined, delimiter: undefined, decimal: undefined, comment: undefined },
  columns: [
    { option: '--x', column: 't' },
    { option: '--y', column: 'y' },
  ],
  ...{ dropsInvalid: true, onProgress() {} },
}

/** The table arrives in parts, like a file. */
const inParts = (text: string) => {
  const bytes = Buffer.from(text)
  const size = 1 << 16
  return Readable.from(
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, k) =>
      bytes.subarray(k * size, (k + 1) * size),
    ),
  )
}
const csv = (text: string) => readCsv(inParts(text), request)
const matrix = (text: string) => readMatrix(inParts(text), 'cov.csv', {})
/** The reader also returns the byte offset of each row, as for plans. */
const places = (text: string) => readCsv(inParts(text), { ...request, onRow() {} })

/** The table is one part in memory of at least 1 MB. */
const asOne = (text: string) => Readable.from([Buffer.from(text)])
const atOnce = (text: string) => readCsv(asOne(text), request)
const placesAtOnce = (text: string) => readCsv(asOne(text), { ...request, onRow() {} })

const header = 't,y\n'
const N = 20_000

test.each<[string, (text: string) => Promise<unknown>, (n: number) => string]>([
  ['a quoted matrix', matrix, (n) => '"1","2","3"\n'.repeat(n)],
  ['a matrix of one row', matrix, (n) => `${'1 '.repeat(3 * n)}\n`],
  ['a quoted matrix of one row', matrix, (n) => '"1",'.repeat(n)],
  ['a matrix of one column', matrix, (n) => '1\r'.repeat(4 * n)],
  ['a quoted table', csv, (n) => `${header}${'"1","2"\n'.repeat(n)}`],
  ['a table with spaces before its cells', csv, (n) => `${header}${'"1", \t   "2"\n'.repeat(n)}`],
  ['a table of one long row', csv, (n) => `${header}${'"1",'.repeat(n)}`],
  ['a table with an unclosed quote', csv, (n) => `${header}"${'1,2\n'.repeat(40 * n)}`],
  ['a table of blank lines and comments', csv, (n) => `${header}${'\n# "\r\n'.repeat(4 * n)}1,2`],
  ['objects', csv, (n) => '{"t":1,"y":2}\n'.repeat(n)],
  ['rows with their offsets', places, (n) => `${header}${'é1,"2"\n1,2\n'.repeat(n)}`],
  ['rows in one chunk', atOnce, (n) => `${header}${'1,2\n'.repeat(10 * n)}`],
  ['quoted rows in one chunk', atOnce, (n) => `${header}${'"1","2"\r\n'.repeat(5 * n)}`],
  ['objects in one chunk', atOnce, (n) => '{"t":1,"y":2}\n'.repeat(5 * n)],
  ['rows with their offsets in one chunk', placesAtOnce, (n) => `${header}${'é1,"2"\n1,2\n'.repeat(3 * n)}`],
  ['one long row in one chunk', atOnce, (n) => `${header}1,${'"2"x '.repeat(10 * n)}`],
])('the time to read %s is proportional to the length of the input', (_, read, textOf) =>
  expectProportional(N, (n) => {
    const text = textOf(n)
    return () => read(text).catch(() => {})
  }),
)
