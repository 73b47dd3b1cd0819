/** Parts of the fit page that do not need a browser. */

import { profileIntervals } from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { example } from '../../page/src/fit/example.js'
import { groupRows } from '../../page/src/fit/groups.js'
import { type FitPageState, fromHash, initial, toHash } from '../../page/src/fit/state.js'
import { readTable } from '../../page/src/fit/table.js'
import { choose, columnsByName, fitOptions, makeTask, missing, selectRows } from '../../page/src/fit/task.js'

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
    return selectRows(table, chosen, makeTask(table, chosen, state))
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
    const rows = selectRows(table, chosen, makeTask(table, chosen, initial))
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
    const task = makeTask(table, chosen, state)
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
    expect(of({ derive: ' half = log(2)/b ; tau=1/b;', profile: true }).options).toEqual({
      derive: { half: 'log(2)/b', tau: '1/b' },
      intervals: profileIntervals(),
    })
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
    const task = makeTask(table, chosen, state)
    expect(task.parameters).toEqual(['a', 'b', 'c', 'd'])
    expect(fitOptions(task, state, {}).start).toEqual({
      ...{ a: { start: 3, min: 0 }, b: { positive: true, start: 1 }, c: { expr: '2*d' }, d: { start: 1 } },
    })
    const hash = toHash(state)
    expect(hash).toContain('positive.b=true')
    expect(hash).toContain('expr.c=2*d')
    expect(fromHash(`#${hash}`)).toEqual({ state, problems: [] })
    // In a built-in model, additional parameters start at 1.
    const ours = { ...state, model: 'line', parameters: { intercept: { expr: 'slope + off' } } } as const
    expect(fitOptions(makeTask(table, choose(table, ours), ours), ours, {}).start).toEqual({
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
  })
})

describe('a model on the fit page', () => {
  const table = readTable('slope,y\n1,2\n3,4')
  const chosen = choose(table, initial)
  const taskWith = (changed: Partial<FitPageState>) => makeTask(table, chosen, { ...initial, ...changed })

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
      ...{ model: 'own', expression: 'a & b=%', x: 't (s)', y: 'y&', sigma: 's', absoluteSigma: true },
      ...{
        weights: '1/f^2',
        loss: 'huber',
        profile: true,
        group: 'who',
        derive: 'q = 2*a & b; r = a/b',
        logX: true,
        logY: true,
      },
      band: 'prediction',
      parameters: { a: { start: -1e-3, min: -2, fixed: true }, 'ä.b': { max: 3 } },
    }
    expect(fromHash(`#${toHash(state)}`)).toEqual({ state, problems: [] })
    expect(fromHash(toHash(initial))).toEqual({ state: initial, problems: [] })
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
