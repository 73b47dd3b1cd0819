/** Parts of the fit page that do not need a browser. */

import { models } from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { describeComparison } from '../../page/src/fit/comparison-text.js'
import { example, makeNoise } from '../../page/src/fit/example.js'
import { groupRows } from '../../page/src/fit/groups.js'
import { makeModel } from '../../page/src/fit/library.js'
import { extraColumnsOf, modelNames } from '../../page/src/fit/model-list.js'
import { makeSystemTask, readSystem, systems } from '../../page/src/fit/odes.js'
import { span } from '../../page/src/fit/plot-axes.js'
import { readRanges, writeRanges } from '../../page/src/fit/ranges.js'
import { chiSquaredTail, normalTail, runsTest, serialPValue } from '../../page/src/fit/runs-test.js'
import { type FitPageState, initial } from '../../page/src/fit/state.js'
import { fromHash, toHash } from '../../page/src/fit/state-address.js'
import { readTable } from '../../page/src/fit/table.js'
import { choose, columnsByName, fitOptions, makeTask, missing, selectRows } from '../../page/src/fit/task.js'
import { readSamples } from '../../page/src/fit/unknowns.js'
import { readWell } from '../../page/src/fit/wide.js'

const libraryOf = ({ model = 'own' }: Partial<FitPageState>) => (model === 'own' ? null : { makeModel })

const columnsOf = (text: string) =>
  Object.fromEntries(readTable(text).columns.map(({ name, numbers }) => [name, [...numbers]]))

describe('a table pasted into the fit page', () => {
  test.each([
    ['commas', 't,y\n1,2\n3,4\n', { t: [1, 3], y: [2, 4] }],
    ['tabs', 't\ty\n1\t2\n3\t4', { t: [1, 3], y: [2, 4] }],
    ['semicolons, with decimal commas', 't;y\n1,5;2\n-3;4,25e1', { t: [1.5, -3], y: [2, 42.5] }],
    ['semicolons, with points', 't;y\n1.5;2\n3;4', { t: [1.5, 3], y: [2, 4] }],
    ['aligning spaces', '  t    y\n 1.0   2\n10.0  -4e-1 ', { t: [1, 10], y: [2, -0.4] }],
    ['no column names', '1,2\n3,4', { x: [1, 3], y: [2, 4] }],
    [
      'no column names, and spaces between decimal commas',
      '0,1 2,5\n0,2 1.234,5',
      { x: [0.1, 0.2], y: [2.5, 1234.5] },
    ],
    ['tabs, percent signs and other symbols', 't\ty\n1,5\t\u22122,5 %', { t: [1.5], y: [-0.025] }],
    ['three columns without names', '1 2 .3\n3 4 5.', { x: [1, 3], y: [2, 4], column3: [0.3, 5] }],
    ['quotes', '"t, in s","say ""y"""\n"1","2"', { t_in_s: [1], say_y: [2] }],
    ['a column name of two lines', '"t\nin s",y\n1,2', { t_in_s: [1], y: [2] }],
    ['other line ends and a byte order mark', '\uFEFFt,y\r\n1,2\r3,4\r\n', { t: [1, 3], y: [2, 4] }],
    ['comments and blank lines', '# measured\n\nt,y\n1,2\n\n# late\n3,4', { t: [1, 3], y: [2, 4] }],
    ['a column of strings', 'who,t,y\nAda,1,2\nBob,3,4', { t: [1, 3], y: [2, 4] }],
    ['column names that are reserved in expressions', 'exp,pi\n1,2', { exp_1: [1], pi_2: [2] }],
    ['duplicate and empty column names', 'v,v,\n1,2,3', { v: [1], v_2: [2], column3: [3] }],
    ['column names that are no identifiers', 'µ (°C),2θ\n1,2', { µ_C: [1], column2: [2] }],
  ])('is read with %s', (_, text, expected) => {
    expect(columnsOf(text)).toEqual(expected)
  })

  test.each([
    ['', 'none'],
    ['a b c', 'none'],
    ['t\n1\n2', 'only “t”'],
    ['who,t\nAda,1', 'only “t”'],
  ])('is refused if malformed: %j', (text, got) => {
    expect(() => readTable(text)).toThrow(`at least two numeric columns, got ${got}`)
  })

  test('is refused with the line of its header if no rows follow', () => {
    expect(() => readTable('<html>\n')).toThrow('got none. Line 1 is “<html>”.')
  })

  test.each([
    ['100,000 rows', `x,y\n${'1,2\n'.repeat(100_000)}`, [2, 100_000]],
    ['500 columns', `${'1,'.repeat(499)}1\n${'2,'.repeat(499)}2`, [500, 2]],
    ['500 curves', `x\t${'A1\t'.repeat(499)}A2\n${'2\t'.repeat(500)}2`, [2, 500]],
    ['short and long rows', 'x,y\n1,2\n3\n4,5,6\n7,8', [2, 4]],
    ['decimal commas', 'x;y\n1,5;2,5\n2,5;3,7', [2, 2]],
    ['formulas of a spreadsheet', 'x,y\n=A1+1,2\n2,=B2*2\n3,4', [2, 3]],
    ['line breaks of old computers', 'x,y\r1,2\r2,4', [2, 2]],
  ])('is read if it has %s', (_, text, size) => {
    const { columns, lines } = readTable(text)
    expect([columns.length, lines.length]).toEqual(size)
  })

  test('is refused if the text contains an unclosed quote', () => {
    expect(() => readTable('t,y\n1,2\n3,"4\n')).toThrow(
      'A quote that opens in line 3 or below is not closed.',
    )
  })

  test('is read together with the line number of each row', () => {
    expect(readTable('# x\n"t\n(s)",y\n1,2\n\n3,"4\n"\n5,6').lines).toEqual([4, 6, 8])
  })
})

describe('rows of a pasted table', () => {
  const text = 't,y,s,who\n1,2,1,a\nx,3,1,b\n4,,1,c\n5,6,0,d\n6,7,n/a,e\n7,8,1,f,9\n8,NaN,1,g\n9,10,2,h'
  const of = (changed: Partial<FitPageState>) => {
    const table = readTable(text)
    const state = { ...initial, ...changed }
    const chosen = choose(table, state)
    return selectRows(table, chosen, makeTask(table, chosen, state, libraryOf(state)))
  }

  test('are dropped with a reason if a number is invalid', () => {
    const { x, y, leftOut } = of({})
    expect([...x]).toEqual([1, 5, 6, 9])
    expect([...y]).toEqual([2, 6, 7, 10])
    expect(leftOut).toEqual([
      'Line 3: “x” in t is not a number.',
      'Line 4: an empty cell in y is not a number.',
      'Line 7 has more cells than the first row.',
      'Line 8: “NaN” in y is not a number.',
    ])
  })

  test('are grouped by the values of a column, in the order of first appearance', () => {
    const table = readTable('t,y,who\n1,2,b\n2,3,a\n,4,b\n4,5,b')
    const chosen = choose(table, initial)
    const rows = selectRows(table, chosen, makeTask(table, chosen, initial, null))
    const all = groupRows(rows, table.all.find(({ name }) => name === 'who')?.texts)
    expect(all.map(({ name, rows: { x, y, kept } }) => [name, [...x], [...y], kept])).toEqual([
      ['b', [1, 4], [2, 5], [0, 3]],
      ['a', [2], [3], [1]],
    ])
    expect(columnsByName(all, ({ data }) => data).t).toEqual([
      new Float64Array([1, 4]),
      new Float64Array([2]),
    ])
    expect(groupRows(rows, undefined)).toEqual([{ name: '', rows }])
    expect(columnsByName(groupRows(rows, undefined), ({ data }) => data).t).toEqual(
      new Float64Array([1, 2, 4]),
    )
    expect(missing(table, { ...initial, group: 'who' })).toEqual([])
    expect(missing(table, { ...initial, group: 'whom', x: 'who' })).toEqual(['who', 'whom'])
  })

  test('are validated only in the columns that the fit uses', () => {
    expect(of({ sigma: 's' }).leftOut).toContain('Line 5: s is not positive.')
    expect(of({ sigma: 's' }).leftOut).toContain('Line 6: “n/a” in s is not a number.')
    expect([...of({ expression: 'a*t + b*s' }).data.s]).toEqual([1, 0, 2])
    expect([...of({ x: 's', expression: 'a*s' }).x]).toEqual([1, 1, 0, 2])
  })
})

describe('the settings on the fit page', () => {
  const table = readTable('t,y,w\n1,2,1\n2,3,-1\n3,4,0\n4,5,2')
  const of = (changed: Partial<FitPageState>) => {
    const state = { ...initial, ...changed }
    const chosen = choose(table, state)
    const task = makeTask(table, chosen, state, libraryOf(state))
    const rows = selectRows(table, chosen, task)
    const { start, y, ...options } = fitOptions(task, state, rows)
    return { options, leftOut: rows.leftOut }
  }

  test("are converted to options of the library's function fit", () => {
    expect(of({})).toEqual({ options: {}, leftOut: [] })
    expect(of({ weights: 'w' })).toEqual({
      options: { weights: new Float64Array([1, 0, 2]) },
      leftOut: ['Line 3: w is negative.'],
    })
    expect(of({ weights: '1/f^2', loss: 'cauchy' }).options).toEqual({ weights: '1/f^2', loss: 'cauchy' })
    expect(of({ derive: ' half = log(2)/b ; tau=1/b;' }).options).toEqual({
      derive: { half: 'log(2)/b', tau: '1/b' },
    })
  })

  test('may be a distribution, whose names are columns or parameters', () => {
    const state = {
      ...initial,
      distribution: 'normal',
      scale: 'sqrt(add^2 + (prop*f)^2) + w',
      sigma: 'w',
    } as const
    const chosen = choose(table, state)
    expect(chosen.sigma).toBeNull()
    const task = makeTask(table, chosen, { ...state, expression: 'a*t' }, null)
    expect(task).toMatchObject({
      ...{ parameters: ['a', 'add', 'prop'], columns: ['t', 'w'], noise: ['add', 'prop'] },
      ...{ isCurve: true, hasNoiseColumns: true },
    })
    expect(Object.keys(selectRows(table, chosen, task).data)).toEqual(['t', 'w', 'y'])
    const counts = { ...state, distribution: 'binomial', scale: '10' } as const
    expect([...makeTask(table, chosen, counts, null).shownY.numbers]).toEqual([0.2, 0.3, 0.4, 0.5])
    expect(() => makeTask(table, chosen, { ...counts, scale: '' }, null)).toThrow(
      'Trials: expected a number, or',
    )
    expect(() => makeTask(table, chosen, { ...state, scale: 'prop*(f' }, null)).toThrow('at character')
  })

  test('do not include weights if a column of σ is used', () => {
    expect(of({ sigma: 't', weights: 'w' }).options).toEqual({
      sigma: new Float64Array([1, 2, 3, 4]),
      absoluteSigma: false,
    })
  })

  test('may refer to positive and derived parameters that occur only in expressions', () => {
    const state = {
      ...initial,
      expression: 'a*exp(-b*t) + c',
      parameters: { b: { positive: true }, c: { expr: '2*d' }, a: { start: 3, min: 0 } },
    }
    const chosen = choose(table, state)
    const task = makeTask(table, chosen, state, libraryOf(state))
    expect(task.parameters).toEqual(['a', 'b', 'c', 'd'])
    expect(fitOptions(task, state, {}).start).toEqual({
      ...{ a: { start: 3, min: 0 }, b: { positive: true, start: 1 }, c: { expr: '2*d' }, d: { start: 1 } },
    })
    const hash = toHash(state)
    expect(hash).toContain('positive.b=true')
    expect(hash).toContain('expr.c=2*d')
    expect(fromHash(`#${hash}`)).toEqual({ state, problems: [], packed: '' })
    // In a built-in model, additional parameters start at 1.
    const ours = { ...state, model: 'line', parameters: { intercept: { expr: 'slope + off' } } } as const
    expect(fitOptions(makeTask(table, choose(table, ours), ours, { makeModel }), ours, {}).start).toEqual({
      ...{ slope: {}, intercept: { expr: 'slope + off' }, off: { start: 1 } },
    })
    const odd = { ...initial, parameters: { 'a.b': { expr: 'x & y = 1' } } }
    expect(fromHash(toHash(odd)).state.parameters).toEqual(odd.parameters)
  })

  test('are reported if invalid', () => {
    expect(() => of({ derive: 'half; q = 1' })).toThrow(
      'Derived quantities: expected a definition such as half = log(2)/b, got “half”.',
    )
    expect(fromHash('#loss=big').problems).toEqual([
      'The loss “big”: expected squared, huber, softL1, cauchy, poisson.',
    ])
    const many = fromHash(`#loss=${'x'.repeat(100_000)}${'&count=1e9'.repeat(20)}`).problems
    expect(many).toHaveLength(9)
    expect(many[0]).toMatch(/^The loss “x{60}…”: expected squared, /)
    expect(many[8]).toBe('And 13 more.')
  })
})

describe('a model on the fit page', () => {
  const table = readTable('slope,y\n1,2\n3,4')
  const chosen = choose(table, initial)
  const taskWith = (changed: Partial<FitPageState>) =>
    makeTask(table, chosen, { ...initial, ...changed }, libraryOf(changed))

  test("may have a parameter with a column's name if the model is built in", () => {
    const task = taskWith({ model: 'line' })
    expect(task).toMatchObject({ text: 'slope*x + intercept', parameters: ['slope', 'intercept'] })
    const state = { ...initial, model: 'line', parameters: { slope: { min: 0 } } } as const
    const rows = selectRows(table, chosen, task)
    expect(rows.data).toEqual({ x: new Float64Array([1, 3]), y: new Float64Array([2, 4]) })
    // Omitted starting values are guessed.
    expect(fitOptions(task, state, rows)).toEqual({ start: { slope: { min: 0 }, intercept: {} }, y: 'y' })
  })

  test('uses the columns whose names the visitor typed', () => {
    expect(taskWith({ expression: 'a*slope + b' })).toMatchObject({
      ...{ columns: ['slope'], parameters: ['a', 'b'], isCurve: true },
    })
    expect(taskWith({ expression: 'a' })).toMatchObject({ columns: [], isCurve: false })
    expect(() => taskWith({ expression: 'a + y' })).toThrow('“y”, the dependent variable')
    expect(() => taskWith({ expression: ' ' })).toThrow('Enter a function')
    expect(() => taskWith({ expression: 'a*(b' })).toThrow('at character 5')
  })
})

describe('the address of the fit page', () => {
  test("restores the page's state", () => {
    const state: FitPageState = {
      ...initial,
      ...{ model: 'own', expression: 'a & b=%', x: 't (s)', y: 'y&', sigma: 's', absoluteSigma: true },
      ...{
        weights: '1/f^2',
        loss: 'huber',
        profile: true,
        group: 'who',
        derive: 'q = 2*a & b; r = a/b',
        logX: true,
        logY: true,
        lossScale: 0.5,
        distribution: 'student',
        scale: 'prop*f',
        df: '5',
        outliers: 'mark',
        compare: 'line',
        unknowns: 'S1 0.8 0.9\nS2 1',
        leftOut: ['3', '5', '6', '7', '9:4'],
        layout: 'columns',
        example: 'doses',
      },
      band: 'prediction',
      parameters: { a: { start: -1e-3, min: -2, fixed: true }, 'ä.b': { max: 3 } },
    }
    expect(fromHash(`#${toHash(state)}`)).toEqual({ state, problems: [], packed: '' })
    expect(fromHash(toHash(initial))).toEqual({ state: initial, problems: [], packed: '' })
  })

  test('causes a message that names the invalid parts of the address', () => {
    const { state, problems } = fromHash('#model=lime&band=wide&start.a=much&min.=1&speed=3&max.a=2&x')
    expect(problems).toHaveLength(5)
    expect(problems[0]).toMatch(/^The model “lime”: expected own, .*line/)
    expect(problems[2]).toBe('start.a “much”: expected a finite number.')
    expect(state).toEqual({ ...initial, parameters: { a: { max: 2 } } })
  })
})

test('the example data of the fit page are identical on every platform', () => {
  expect(example().split('\n').slice(0, 3)).toEqual(['t,y', '0,2.876', '0.25,2.493'])
})

test('the fit page offers every model of the library', () => {
  expect([...modelNames].sort()).toEqual(Object.keys(models).sort())
  for (const model of modelNames) {
    const { text, extraColumns } = makeModel({ ...initial, model }, {})
    expect([model, text]).toEqual([model, expect.stringContaining('x')])
    expect([model, extraColumns?.[0]]).toEqual([model, extraColumnsOf[model]])
  }
})

describe('a wide table on the fit page', () => {
  const longOf = (text: string, layout?: 'columns') => {
    const { columns, all, keys, shape, curves } = readTable(text, layout)
    return {
      shape,
      curves,
      keys,
      rows: all[0].texts.map((_, i) => all.map(({ texts }) => texts[i]).join(' ')),
      y: columns.length,
    }
  }

  test('becomes one row per point if its columns are wells of a plate', () => {
    expect(longOf('h\tA1\tA2\tB1\n0\t1\t2\t3\n1\t4\t\t6')).toEqual({
      ...{ shape: 'columns', curves: 'curve', y: 2, keys: ['2:2', '3:2', '2:3', '2:4', '3:4'] },
      rows: ['0 1 A1', '1 4 A1', '0 2 A2', '0 3 B1', '1 6 B1'],
    })
    expect(['A1', 'h12', 'P24', 'AF48', 'A0', 'time', 'A49'].map(readWell)).toEqual([
      ...[[0, 0], [7, 11], [15, 23], [31, 47], null, null, null],
    ])
  })

  test('becomes one row per point if the header has the values of x', () => {
    expect(longOf('drug,0.1,1,10,100\nfoo,1,2,3,4\nbar,5,6,,8')).toMatchObject({
      ...{ shape: 'rows', curves: 'drug' },
      rows: ['0.1 1 foo', '1 2 foo', '10 3 foo', '100 4 foo', '0.1 5 bar', '1 6 bar', '100 8 bar'],
    })
  })

  test('has replicates if columns have the same name', () => {
    expect(longOf('x,a,a\n1,2,3', 'columns').rows).toEqual(['1 2 a', '1 3 a'])
    // Without the choice of a layout, the table has one row per point.
    expect(longOf('x,a,b,c\n1,2,3,4').shape).toBe('points')
  })
})

describe('the runs test of the fit page', () => {
  test('has the exact distribution of few signs, and a normal distribution of many', () => {
    const x = Array.from({ length: 10 }, (_, i) => i)
    // Five signs of each kind in two runs: 2 of 252 arrangements.
    expect(runsTest(x, [1, 1, 1, 1, 1, -1, -1, -1, -1, -1])).toEqual({
      ...{ runs: 2, pValue: expect.closeTo(2 / 252, 12) },
    })
    expect(runsTest(x, [1, -1, 1, -1, 1, -1, 1, -1, 1, -1]).pValue).toBeCloseTo(1, 10)
    expect(runsTest([1, 2], [1, -1]).pValue).toBeNaN()
    const many = Array.from({ length: 1000 }, (_, i) => i)
    const waves = many.map((i) => Math.sin(i / 20))
    expect(runsTest(many, waves).pValue).toBeLessThan(1e-4)
    // Rows with equal x count once.
    expect(runsTest([2, 1, 1, 3, 4], [-1, 3, -1, 1, -1]).runs).toBe(4)
    expect(normalTail(1.959964)).toBeCloseTo(0.025, 6)
    expect(chiSquaredTail(18.307, 10)).toBeCloseTo(0.05, 2)
  })
})

test('neighboring residuals of a missed peak are correlated, which the number of runs does not show', () => {
  const x = Array.from({ length: 160 }, (_, i) => i)
  const noise = makeNoise(8)
  const random = x.map(() => noise())
  expect(serialPValue(x, random)).toBeGreaterThan(0.05)
  const missed = random.map((e, i) => e + 6 * Math.exp(-(((i - 80) / 8) ** 2)))
  expect(runsTest(x, missed).pValue).toBeGreaterThan(0.01)
  expect(serialPValue(x, missed)).toBeLessThan(0.001)
  // Noise whose size differs is not taken for a peak.
  expect(
    serialPValue(
      x,
      random.map((e, i) => e * Math.exp(i / 30)),
    ),
  ).toBeGreaterThan(0.05)
  expect(serialPValue([1, 2], [0, 0])).toBeNaN()
})

test('lists of rows on the fit page are ranges of lines and cells', () => {
  expect(writeRanges(['7', '3', '5', '6', '9:4'])).toBe('3,5-7,9:4')
  expect(readRanges('3, 5-7;9:4 x')).toEqual(['3', '5', '6', '7', '9:4'])
  expect(readRanges('1-9999999999').length).toBeLessThanOrEqual(100_001)
})

test('unknowns on the fit page are lines of names and numbers', () => {
  expect(readSamples('S1 0.8 0,9\n\n1.5\n')).toEqual([
    ...[
      { name: 'S1', responses: [0.8, 0.9], trials: [] },
      { name: '2', responses: [1.5], trials: [] },
    ],
  ])
  expect(readSamples('S1 7/20 8/20\n3/9', true)).toEqual([
    ...[
      { name: 'S1', responses: [7, 8], trials: [20, 20] },
      { name: '2', responses: [3], trials: [9] },
    ],
  ])
  for (const [text, cell] of [
    ['S1 7/20 8', '8'],
    ['S1 7/20/3', '7/20/3'],
    ['S1 7/', '7/'],
  ]) {
    expect(() => readSamples(text, true)).toThrow(
      `Line 1 of the unknowns: expected a name and numbers of successes, such as 7 or 7/20, got “${cell}”.`,
    )
  }
  expect(() => readSamples('S1 7/20')).toThrow('expected a name and numbers, got “7/20”.')
  expect(() => readSamples('S1 1\nS2 x')).toThrow(
    'Line 2 of the unknowns: expected a name and numbers, got “x”.',
  )
})

test('differential equations on the fit page are lines with primes and initial values', () => {
  expect(readSystem("A' = -k*A;\n A(0) = dose; B' = k*A ; f = B/v")).toEqual({
    ...{ states: { A: 'dose', B: 0 }, rates: { A: '-k*A', B: 'k*A' }, observe: 'B/v' },
  })
  expect(readSystem("A' = -k*A").observe).toBe('A')
  expect(() => readSystem("A' = -k*A; A(1) = 2")).toThrow(
    "Equation 2: expected A' = …, A(0) = … or f = …, got “A(1) = 2”.",
  )
  expect(() => readSystem("A' = 1; B(0) = 2")).toThrow("expected a rate B' = … for the initial value B(0)")
  expect(() => readSystem("A' = 1; B' = 2")).toThrow(
    'expected the observed quantity, such as f = A, got none',
  )
  const table = readTable('t,w,y\n0,3,1\n1,3,2')
  for (const { expression, parameters } of Object.values(systems)) {
    const state = { ...initial, expression, parameters }
    const task = makeTask(table, choose(table, { ...state, y: 'y' }), state, { makeSystemTask })
    expect([task.isCurve, task.columns, [...task.parameters].sort()]).toEqual([
      true,
      ['t'],
      Object.keys(parameters).sort(),
    ])
    expect(fromHash(toHash(state)).state).toEqual(state)
  }
})

test('a comparison on the fit page is a sentence', () => {
  const say = (pValue: number, aicc: [number, number], fullModel: 'a' | 'b' | null) =>
    describeComparison({ pValue, aicc, fullModel }, ['decay', 'biexponential'])
  expect(say(0.003, [7.1, 0], 'b')).toBe(
    'The biexponential describes these data better: p = 0.003, AICc lower by 7.1.',
  )
  expect(say(0.4, [0, 2.5], 'b')).toBe(
    'The biexponential is not needed: p = 0.4, AICc lower by 2.5 for the simpler decay.',
  )
  expect(say(NaN, [0, 0.5], null)).toContain('about equally well')
})

test('axes of the fit page have a finite length, also for the largest numbers', () => {
  const [from, to] = span([1e308, -1e308, NaN, Infinity, 1])
  expect(to - from).toBeLessThan(Infinity)
  expect(span([3, NaN, 1])).toEqual([1, 3])
  expect(span([NaN])).toEqual([0, 1])
})
