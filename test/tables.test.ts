/** Text tables: the format of a table, and the values of the cells. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Decimal, type FormatOptions, findFormat, numberReader } from '../dist/tables/format.js'
import { Splitter } from '../dist/tables/split.js'

type Row = readonly [cells: readonly string[], first: number, last: number]

/** The rows of a text that arrives in parts. */
function split(parts: readonly string[], delimiter: string, comment = '#'): Row[] {
  const rows: Row[] = []
  const splitter = new Splitter({ delimiter, comment }, (...row) => rows.push(row))
  for (const part of parts) splitter.write(part)
  splitter.end()
  return rows
}

const numbersOf = (text: string, given: FormatOptions = {}) => {
  const format = findFormat(text, given)
  return split([text], format.delimiter, format.comment).map(([cells]) => cells.map(numberReader(format)))
}

describe('the delimiter of a table', () => {
  test.each([
    ['t,y\n1,2', ','],
    ['t;y\n1,5;2,5', ';'],
    ['t\ty\n1,5\t2', '\t'],
    ['0,1 2,5', ' '],
    ['0,1 2,5\n0,2 234,5', ' '],
    ['0,1 234,5\n0,2 345,5', ' '],
    ['1, 2\n3, 4', ','],
    ['t (s), y\n1, 2\n3, 4', ','],
    ['t, in s;y\n1;2', ';'],
    ['who, t, y\nAda Lovelace, 1, 2', ','],
    ['"a;b;c",t,y\n1,2,3', ','],
    ['t', ','],
    ['', ','],
    ['a;b;c', ';'],
  ])('is detected in %j', (text, delimiter) => {
    expect(findFormat(text, {}).delimiter).toBe(delimiter)
  })

  test('is never mistaken for a decimal comma', () => {
    const number = fc.double({ min: -1e4, max: 1e4, noNaN: true }).map((x) => Math.round(x * 100) / 100)
    const check = (rows: number[][], delimiter: string) => {
      const written = rows.map((row) => row.map((x) => x.toFixed(2).replace('.', ',')).join(delimiter))
      expect(numbersOf(written.join('\n'))).toEqual(rows.map((row) => row.map((x) => Number(x.toFixed(2)))))
    }
    const pairs = fc.array(fc.tuple(number, number), { minLength: 1, maxLength: 9 })
    fc.assert(fc.property(pairs, fc.constantFrom(' ', '   ', ';', '\t'), check))
  })
})

describe('numbers in a table', () => {
  test.each<[string, number]>([
    ['1', 1],
    ['+1.5e-3', 0.0015],
    ['.5', 0.5],
    ['4.', 4],
    ['\u22124.5', -4.5],
    ['1e\u22122', 0.01],
    ['12 %', 0.12],
    ['12,5', 12.5],
    ['-1.234.567,5', -1234567.5],
    ['1,234.5', 1234.5],
    ['1 234,5', 1234.5],
    ['1\u2009234\u2009567.5', 1234567.5],
    ['1\u202f234', 1234],
    ['1.234', 1.234],
    ['1,234', 1.234],
    ['0x10', NaN],
    ['1 2', NaN],
    ['1,2,3', NaN],
    ['1.2.3', NaN],
    ['12,34.5', NaN],
    ['1 234.567 890', NaN],
    ['Infinity', NaN],
    ['', NaN],
    ['%', NaN],
    [',', NaN],
    ['e5', NaN],
  ])('are read from %j', (cell, x) => {
    expect(numbersOf(`t;y\n1;${cell}`)[1]?.[1] ?? NaN).toBe(x)
  })

  test.each<[string, Decimal | undefined, number[]]>([
    ['a table with a decimal comma may contain thousands separators', undefined, [0.5, 1234]],
    ['the option decides', '.', [NaN, 1.234]],
  ])('are read with the decimal separator of the table or of the option: %s', (_, decimal, expected) => {
    expect(numbersOf('t;y\n0,5;1.234', { decimal })[1]).toEqual(expected)
  })

  test('are invalid if the table contains both ambiguous commas and decimal points', () => {
    expect(numbersOf('t;y\n1,234;1.234')[1]).toEqual([1.234, NaN])
  })
})

describe('rows of a table', () => {
  test('are recorded with the numbers of their first and last lines', () => {
    const text = '# one\r\n"a\r\nb",c\r\n\n1,"2\n\n"\r"x""y",5" pipe,"a"b\n , \n7,8'
    const rows: Row[] = [
      [['a\r\nb', 'c'], 2, 3],
      [['1', '2'], 5, 7],
      [['x"y', '5" pipe', '"a"b'], 8, 8],
      [['7', '8'], 10, 10],
    ]
    expect(split([text], ',')).toEqual(rows)
  })

  test('do not depend on the division of the text into chunks', () => {
    const texts = fc.string({ unit: fc.constantFrom(...'ab,; \t"\r\n#1') })
    const check = (text: string, cuts: number[], delimiter: string) => {
      const places = cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b)
      const parts = [0, ...places].map((from, k) => text.slice(from, places[k]))
      const tried = (parts: readonly string[]) => {
        try {
          return split(parts, delimiter)
        } catch (thrown) {
          return (thrown as Error).message
        }
      }
      expect(tried(parts)).toEqual(tried([text]))
    }
    const cuts = fc.array(fc.nat(99), { maxLength: 4 })
    fc.assert(fc.property(texts, cuts, fc.constantFrom(',', ';', '\t', ' '), check), { numRuns: 3000 })
  })
})
