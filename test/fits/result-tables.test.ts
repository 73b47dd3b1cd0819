/** Results as tables, CSV and text. */

import { expression } from 'antigrad'
import {
  bootstrapSync,
  compare,
  derive,
  fitMany,
  fitManySync,
  fit as fitOne,
  fitShared,
  fitStream,
  type GroupFit,
  inverse,
  models,
  poisson,
  profile,
  report,
  toCsv,
  toTable,
} from 'antigrad/fit'
import { describe, expect, test } from 'vitest'

const t = [0, 1, 2, 3, 4, 5]
const y = [5, 3.1, 2, 1.6, 1.2, 1.1]
const twice = y.map((x) => 2 * x)
const decay = expression('a*exp(-b*t) + c')
const start = { a: 1, b: 1, c: 1 }
const found = fitOne(decay, { t, y }, { start, derive: { half: 'log(2)/b' } })
const joint = () =>
  fitShared(
    decay,
    { t: [...t, ...t], y: [...y, ...twice], well: [...t.map(() => 'p'), ...t.map(() => 'q')] },
    { group: 'well', shared: ['b'], start, derive: { half: 'log(2)/b' } },
  )

/** A reader of RFC 4180, written for this test. */
function readCsv(text: string, delimiter = ','): string[][] {
  const rows: string[][] = [[]]
  const pattern = /"((?:[^"]|"")*)"|([^"\r\n]*)/y
  for (let at = 0; at < text.length; ) {
    pattern.lastIndex = at
    let [cell, quoted, plain] = pattern.exec(text) as RegExpExecArray
    if (quoted === undefined && plain.includes(delimiter))
      cell = plain = plain.slice(0, plain.indexOf(delimiter))
    rows.at(-1)?.push(quoted?.replaceAll('""', '"') ?? plain)
    at += cell.length
    if (text[at] === delimiter) {
      at++
      continue
    }
    expect(text.slice(at, at + 2)).toBe('\r\n')
    at += 2
    if (at < text.length) rows.push([])
  }
  return rows
}

describe('a table of parameters', () => {
  test('has one row per parameter of a fit', () => {
    const table = toTable(found)
    expect(table.parameter).toEqual(['a', 'b', 'c', 'half'])
    expect([...table.value]).toEqual(Object.values(found.values))
    expect([...table.error]).toEqual(Object.values(found.errors))
    const intervals = Object.values(found.intervals(0.9))
    const narrow = toTable(found, { level: 0.9 })
    expect([...narrow.low]).toEqual(intervals.map(([low]) => low))
    expect([...narrow.high]).toEqual(intervals.map(([, high]) => high))
    expect(table.reason).toEqual(Array(4).fill('converged'))
    expect(Object.keys(table)).not.toContain('group')
  })

  test('has one row per fit and parameter of fitMany, with labels', async () => {
    const many = await fitMany(decay, { t, y: [y, twice] }, { start })
    const { group, parameter, value } = toTable(many, { groups: ['A1', 'A2'] })
    expect(group).toEqual(['A1', 'A1', 'A1', 'A2', 'A2', 'A2'])
    expect(parameter).toEqual(['a', 'b', 'c', 'a', 'b', 'c'])
    expect(value[3]).toBe(many.values.a[1])
    expect(toTable(many).group).toEqual([0, 0, 0, 1, 1, 1])
    expect(() => toTable(many, { groups: ['A1'] })).toThrow(
      'groups: expected 2 labels, like the fits, got "1 labels"',
    )
    expect(() => toTable(many, { groups: ['A1', null as never] })).toThrow('groups[1]: expected a label')
  })

  test('names each shared parameter of fitShared once', async () => {
    const shared = await joint()
    const { group, scope, parameter, value } = toTable(shared)
    expect(group).toEqual([null, 'p', 'p', 'p', 'q', 'q', 'q'])
    expect(scope).toEqual(['shared', ...Array(6).fill('group')])
    expect(parameter).toEqual(['b', 'a', 'c', 'half', 'a', 'c', 'half'])
    expect(value[0]).toBe(shared.values.shared.b)
    expect(value[4]).toBe(shared.values.local.a[1])
    expect(toTable(shared.at(1)).group).toEqual(['q', 'q', 'q', 'q'])
  })

  test('has the parameters of subsets by the labels of the subsets', async () => {
    const data = { t: [...t, ...t], y: [...y, ...twice], well: [...t.map(() => 'p'), ...t.map(() => 'q')] }
    const shared = await fitShared(
      decay,
      { ...data, plate: data.well.map((well) => `plate ${well}`) },
      { group: 'well', sharedBy: { b: 'plate' }, start },
    )
    const { group, scope, value } = toTable(shared)
    expect([group?.slice(0, 2), scope?.slice(0, 2)]).toEqual([
      ['plate p', 'plate q'],
      ['subset', 'subset'],
    ])
    expect([...value.slice(0, 2)]).toEqual([...shared.values.sharedBy.b])
  })

  test('converts fits of a stream, arrays of fits and fits with a distribution', async () => {
    const fits: GroupFit[] = []
    const items = [y, twice].map((values, k) => ({ group: `w${k}`, data: { t, y: values } }))
    for await (const one of fitStream(items, { model: decay, start })) fits.push(one)
    expect(toTable(fits[1]).group).toEqual(['w1', 'w1', 'w1'])
    expect(toTable(fits).group).toEqual(['w0', 'w0', 'w0', 'w1', 'w1', 'w1'])
    const counts = fitOne(models.line(), { x: t, y: [1, 3, 4, 6, 9, 11] }, { distribution: poisson() })
    expect([...toTable(counts).error]).toEqual(Object.values(counts.errors))
    expect([...toTable(counts, { contents: 'statistics' }).minus2LogLikelihood]).toEqual([
      counts.minus2LogLikelihood,
    ])
    expect(() => toTable([found, 1 as never])).toThrow('found[1]: expected the result of one fit')
  })
})

describe('a table of rows', () => {
  test('contains the data, the model and the residuals', async () => {
    const table = toTable(found, { contents: 'residuals' })
    expect(Object.keys(table)).toEqual(['row', 't', 'y', 'predicted', 'residual'])
    expect([table.row, table.t, table.y].map((column) => [...(column as Float64Array)])).toEqual([
      [0, 1, 2, 3, 4, 5],
      t,
      y,
    ])
    expect(table.residual).toEqual(found.residuals)
    expect(table.predicted).toEqual(found.predict())
    const { group, row } = toTable(await joint(), { contents: 'residuals' })
    expect(group?.[6]).toBe('q')
    expect(row[6]).toBe(0)
  })

  test('keeps columns of the data whose names the table uses itself', () => {
    const hostile = fitOne(
      expression('a*row + b*residual'),
      { row: t, residual: [1, 0, 1, 0, 1, 0], y },
      { start: { a: 1, b: 1 } },
    )
    const table = toTable(hostile, { contents: 'residuals' })
    expect([...(table['data.row'] as Float64Array)]).toEqual(t)
    expect(table.residual).toEqual(hostile.residuals)
  })

  test('contains points of the curve and its band', () => {
    const table = toTable(found, { contents: 'curve', points: 11 })
    const at = Array.from({ length: 11 }, (_, k) => 0.5 * k)
    expect([...(table.t as Float64Array)]).toEqual(at)
    expect(table.predicted).toEqual(found.predict({ t: at }))
    expect(table.high).toEqual(found.band({ t: at }).high)
    const requested = toTable(found, {
      contents: 'curve',
      at: [{ t: 7 }, { t: 9 }],
      kind: 'prediction',
      level: 0.5,
    })
    expect([...(requested.t as Float64Array)]).toEqual([7, 9])
    expect(requested.low).toEqual(found.band({ t: [7, 9] }, { kind: 'prediction', level: 0.5 }).low)
  })

  test('spaces the points of a wide positive range in log x, and ends at the data', () => {
    const x = [0.01, 0.1, 1, 10, 100]
    const dose = fitOne(models.fourPL(), { x, y: [1, 8, 50, 92, 99] })
    const at = [...(toTable(dose, { contents: 'curve', points: 5 }).x as Float64Array)]
    for (const [k, one] of at.entries()) expect(one / x[k]).toBeCloseTo(1, 12)
    expect([at[0], at[4]]).toEqual([0.01, 100])
  })
})

describe('a table of an analysis', () => {
  test('contains profiles by parameter and group', async () => {
    const profiles = profile(found)
    const table = toTable(profiles)
    expect(table.parameter).toEqual(Object.keys(profiles))
    expect([...table.low]).toEqual(Object.values(profiles).map(({ low }) => low))
    expect(table.lowReason[0]).toBe('found')
    const many = await fitMany(decay, { t, y: [y, twice] }, { start })
    const columns = toTable(await profile(many), { groups: ['p', 'q'] })
    expect(columns.group).toEqual(['p', 'p', 'p', 'q', 'q', 'q'])
    const shared = toTable(await profile(await joint()))
    expect(shared.scope).toEqual(['shared', ...Array(6).fill('group')])
  })

  test('contains comparisons and rankings', async () => {
    const line = fitOne(expression('a*exp(-b*t)'), { t, y }, { start: { a: 1, b: 1 } })
    const pair = compare(found, line)
    expect([...(toTable(pair).pValue as Float64Array)]).toEqual([pair.pValue])
    const ranked = toTable(compare([found, line]))
    expect(ranked.aicc).toHaveLength(2)
    expect([...(ranked.model as Float64Array)].sort()).toEqual([0, 1])
    const two = await Promise.all([
      fitMany(decay, { t, y: [y, twice] }, { start }),
      fitMany(expression('a*exp(-b*t)'), { t, y: [y, twice] }, { start: { a: 1, b: 1 } }),
    ])
    expect(toTable(compare(two[0], two[1])).group).toEqual([0, 1])
    expect(toTable(compare(two), { groups: ['p', 'q'] }).group).toEqual(['p', 'p', 'q', 'q'])
    expect(() => toTable({} as never)).toThrow('found: expected a result of fit')
    expect(() => toTable([] as never)).toThrow('found: expected a result of fit')
  })
})

describe('CSV', () => {
  test('has the same numbers after reading', () => {
    const bits = new BigUint64Array(1000).map((_, k) => BigInt(k) * 0x9e3779b97f4a7c15n)
    const x = new Float64Array(bits.buffer)
    x.set([
      0,
      -0,
      Infinity,
      -Infinity,
      NaN,
      5e-324,
      -1.7976931348623157e308,
      0.1,
      1e21,
      123456789012345680000,
    ])
    const [head, ...rows] = readCsv(
      toCsv(
        Object.fromEntries([
          ['x', x],
          ['__proto__', x],
        ]),
      ),
    )
    expect(head).toEqual(['x', '__proto__'])
    expect(rows.map(([cell]) => Number(cell))).toEqual([...x])
    expect(rows.map(([, cell]) => Number(cell))).toEqual([...x])
  })

  test('quotes cells, and marks formulas as text', async () => {
    const names = ['a,b', 'say "x"', 'two\nlines', '\r', ' blank ', '', 'a;b', 'µ']
    const rows = readCsv(toCsv({ names, k: names.map((_, k) => k) }))
    expect(rows.slice(1).map(([name]) => name)).toEqual(names)
    const formulas = ['=cmd|x', '+SUM(A1)', '-2+3', '@x', ' =1', '-1.5', '+1e5', 'a=1']
    const marked = readCsv(toCsv({ formulas })).map(([cell]) => cell)
    const expected = ["'=cmd|x", "'+SUM(A1)", "'-2+3", "'@x", "' =1", '-1.5', '+1e5', 'a=1']
    expect(marked).toEqual(['formulas', ...expected])
    expect(readCsv(toCsv({ formulas }, { escapeFormulas: false })).flat()).toEqual(['formulas', ...formulas])
    expect(toCsv({ '=x': [null, 1] })).toBe('\'=x\r\n""\r\n1\r\n')
  })

  test('has a delimiter, a line end and an optional header', () => {
    const rows = [{ a: 1, b: 'x;y' }, { a: 2 }]
    expect(toCsv(rows, { delimiter: ';', lineEnd: '\n' })).toBe('a;b\n1;"x;y"\n2;\n')
    expect(toCsv(rows, { header: false })).toBe('1,x;y\r\n2,\r\n')
    expect(() => toCsv(rows, { delimiter: '"' })).toThrow('delimiter: expected one character')
    expect(() => toCsv(rows, { delimiter: '1' })).toThrow('delimiter: expected one character')
  })

  test('names the column and the row of an invalid cell', () => {
    expect(() => toCsv({ a: [1, 2], b: [1] })).toThrow('found: b: expected 2 rows, like a, got "1 rows"')
    expect(() => toCsv({ a: [1, {}] })).toThrow(
      'found: a[1]: expected a number, a string, true, false or null',
    )
    expect(() => toCsv({ a: new Array(4e9) })).toThrow('found: a[0]: expected a number')
    expect(() => toCsv({ a: 1 as never })).toThrow('found: a: expected an array with one cell per row, got 1')
    expect(() => toCsv({})).toThrow('found: expected a table with at least one column')
    expect(() => toCsv(null as never)).toThrow('found: expected a result of fit')
  })

  test('contains the table of a result', () => {
    const [head, ...rows] = readCsv(toCsv(found))
    expect(head).toEqual(['parameter', 'value', 'error', 'low', 'high', 'reason'])
    expect(rows.map(([, value]) => Number(value))).toEqual([...toTable(found).value])
    expect(toCsv(found, { contents: 'residuals' })).toBe(toCsv(toTable(found, { contents: 'residuals' })))
  })
})

describe('a table of estimates', () => {
  const many = fitManySync(decay, { t, y: [y, twice] }, { start })

  test('has the errors, the bias and the intervals of bootstraps', () => {
    const one = bootstrapSync(many, { count: 40 }).at(0)
    const table = toTable(one, { level: 0.9 })
    expect(table.parameter).toEqual(Object.keys(one.errors))
    expect(table.error).toEqual(Float64Array.from(Object.values(one.errors)))
    expect(table.bias[0]).toBe(one.bias.a)
    expect([table.low[1], table.high[1]]).toEqual([...one.intervals(0.9).b])
    expect(table.replicates[0]).toBe(40)
    const all = bootstrapSync(many, { count: 20 })
    const both = toTable(all, { groups: ['p', 'q'] })
    expect(both.group).toEqual(['p', 'p', 'p', 'q', 'q', 'q'])
    expect(both.error[4]).toBe(all.at(1).errors.b)
    expect(() => toTable(all, { groups: ['p'] })).toThrow('groups: expected 2 labels, like the fits')
    expect(toCsv(all)).toBe(toCsv({ ...toTable(all) }))
  })

  test('has the shared and the local parameters of bootstraps', async () => {
    const resampled = bootstrapSync(await joint(), { count: 20, seed: 1 })
    const { errors, bias } = resampled
    const { low, high } = resampled.intervals(0.9)
    const table = toTable(resampled, { level: 0.9, groups: ['p', 'q'] })
    const rows = table.parameter.map((name, row) => [table.group?.[row], table.scope?.[row], name].join())
    expect(rows[0]).toBe(',shared,b')
    expect(rows).toEqual(expect.arrayContaining(['p,group,a', 'p,group,c', 'q,group,a', 'q,group,c']))
    expect(rows).toHaveLength(new Set(rows).size)
    expect([table.error[0], table.bias[0]]).toEqual([errors.shared.b, bias.shared.b])
    expect([table.low[0], table.high[0]]).toEqual([low.shared.b, high.shared.b])
    const row = rows.indexOf('q,group,a')
    expect([table.error[row], table.bias[row]]).toEqual([errors.local.a[1], bias.local.a[1]])
    expect([table.low[row], table.high[row]]).toEqual([low.local.a[1], high.local.a[1]])
    expect(table.replicates[row]).toBe(20)
    expect(toTable(resampled).group?.at(row)).toBe(1)
    expect(toCsv(resampled)).toBe(toCsv({ ...toTable(resampled) }))
    expect(() => toTable(resampled, { groups: ['p'] })).toThrow('groups: expected 2 labels, like the fits')
  })

  test('has a row per subset of the groups for a parameter that subsets share', async () => {
    const labels = ['p', 'q', 'r', 's']
    const repeat = <T>(read: (label: string, k: number) => T) =>
      labels.flatMap((label, k) => t.map(() => read(label, k)))
    const data = {
      t: labels.flatMap(() => t),
      y: labels.flatMap((_, k) => y.map((x, i) => x * (1 + k / 4) + ((i * 7 + k) % 5) / 99)),
      well: repeat((label) => label),
      plate: repeat((_, k) => (k < 2 ? 'first' : 'second')),
    }
    const options = { group: 'well', sharedBy: { b: 'plate' }, start: { a: 1, b: 1, c: 1 } } as const
    const resampled = bootstrapSync(await fitShared(decay, data, options), { count: 20, seed: 1 })
    const { group, scope, parameter, error } = toTable(resampled)
    expect(scope?.slice(0, 2)).toEqual(['subset', 'subset'])
    expect(parameter.slice(0, 2)).toEqual(['b', 'b'])
    expect(group?.slice(0, 2)).toEqual([0, 1])
    expect([...error.slice(0, 2)]).toEqual([...resampled.errors.sharedBy.b])
    expect(parameter).toHaveLength(2 + 4 * 2)
  })

  test('is refused for the promise of a result', () => {
    const unread = fitMany(decay, { t, y: [y, twice] }, { start })
    for (const convert of [toTable, toCsv])
      expect(() => convert(unread as never)).toThrow(/^found: expected a result of fit.*, got a Promise/)
    return unread
  })

  test('has derived quantities, and estimates of unknowns', () => {
    const ratio = derive(many, { ratio: 'a[1]/a[0]' })
    expect(toTable(ratio)).toMatchObject({ parameter: ['ratio'], value: Float64Array.of(ratio.ratio.value) })
    expect(toCsv(ratio)).toMatch(/^parameter,value,error,low,high\r\nratio,/)
    const unknowns = inverse(found, [2, 99])
    const { value, reason, high } = toTable(unknowns)
    expect(value).toEqual(Float64Array.from(unknowns, (one) => one.value))
    expect(high[0]).toBe(unknowns[0].high)
    expect(reason).toEqual(['found', 'above-curve'])
    expect(toCsv(unknowns)).toBe(toCsv({ ...toTable(unknowns) }))
  })
})

describe('a report', () => {
  test('has statistics, parameters and correlations', () => {
    const text = report(found)
    expect(text).toContain('[[Model]]\n    a*exp(-b*t) + c\n[[Fit Statistics]]\n')
    expect(text).toMatch(/ {4}reduced chi-squared = 0\.0039045333\n/)
    expect(text).toContain('    a:    4.077632 ± 0.085233476 (2.09%) (start = 1)\n')
    expect(text).toContain("    half: 1.0841761 ± 0.060871985 (5.61%) == 'log(2)/b'\n")
    expect(text).toMatch(/\[\[Correlations\]\] .*\n {4}C\(b, c\) = \+0\.8637\n {4}C\(a, c\) = -0\.7086\n/)
    expect(report(found, { minCorrelation: 0.8 })).not.toContain('C(a, c)')
  })

  test('says which parameters are fixed, at a bound, or not determined', () => {
    const fixed = fitOne(
      decay,
      { t, y },
      { start: { a: { start: 1, max: 3 }, b: 1, c: { start: 1, fixed: true } } },
    )
    expect(report(fixed)).toMatch(/a: 3 ± unknown \(at a bound\) \(start = 1\)\n/)
    expect(report(fixed)).toMatch(/c: 1 \(fixed\)\n/)
    const open = fitOne(expression('a + b*z'), { z: [0, 0, 0], y: [1, 2, 3] }, { start: { a: 1, b: 1 } })
    expect(report(open)).toMatch(/b: 1 ± unknown \(not determined by the data\)/)
    expect(report(open)).toContain('warning: ')
  })

  test('covers shared fits, their groups, and fits with a distribution', async () => {
    const shared = await joint()
    expect(report(shared)).toMatch(/\[\[Shared Variables\]\]\n {4}b: 0\.63933082 ± /)
    expect(report(shared.at(0))).toMatch(/C\(a, c\) = /)
    const counts = fitOne(models.line(), { x: t, y: [1, 3, 4, 6, 9, 11] }, { distribution: poisson() })
    expect(report(counts)).toMatch(/-2 log likelihood {3}= /)
    expect(() => report({} as never)).toThrow('found: expected the result of one fit')
  })
})
