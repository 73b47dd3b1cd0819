/** Fits of streams: batches, slow and failing sources, aborts, and errors that name the group. */

import { inspect } from 'node:util'
import { AntigradError, expression, OptionError } from 'antigrad'
import { fitManySync, fitStream, models } from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { expression as sameExpression } from '../../dist/expressions/expression.js'
import { createStream } from '../../dist/fits/stream/fit-stream.js'

const model = expression('a*exp(-b*t)')
const start = { a: 1, b: 1 }
const COUNT = 23
/** Every group has another number of rows. */
const timesOf = (k: number) => Array.from({ length: 4 + (k % 5) }, (_, i) => i / 2)
const ysOf = (k: number) =>
  timesOf(k).map((t, i) => (2 + k / 9) * Math.exp(-t * (0.4 + k / 50)) + ((i * 7) % 5) / 99)
const ks = Array.from({ length: COUNT }, (_, k) => k)
const rowsOf = (k: number) => timesOf(k).map((t, i) => ({ well: `w${k}`, t, y: ysOf(k)[i], note: 'x' }))
const rows = ks.flatMap(rowsOf)
/** The same data, with one item per group. */
const groups = ks.map((group) => ({ group, data: { t: timesOf(group), y: ysOf(group) } }))
const expected = fitManySync(model, { t: ks.map(timesOf), y: ks.map(ysOf) }, { start })
const options = { model, group: 'well', start } as const
/** Modules of `dist` have classes of their own. */
const inside = { ...options, model: sameExpression('a*exp(-b*t)') }

async function collect<T>(stream: AsyncIterable<T>, into: T[] = []): Promise<T[]> {
  for await (const one of stream) into.push(one)
  return into
}

/** Results before the end of the stream, and the error that ended it. */
async function untilError<T>(stream: AsyncIterable<T>) {
  const found: T[] = []
  const error = await collect(stream, found).then(
    () => null,
    (thrown: unknown) => thrown as Error,
  )
  return { found, error }
}

/** Yields the items, and records whether the source was asked to end. */
function watched<T>(items: Iterable<T>, atEnd?: () => Promise<void>) {
  const source = {
    read: 0,
    ended: false,
    async *[Symbol.asyncIterator]() {
      try {
        for (const item of items) {
          source.read++
          yield item
        }
        await atEnd?.()
      } finally {
        source.ended = true
      }
    },
  }
  return source
}

function* endless() {
  for (let k = 0; ; k++) yield* rowsOf(k % COUNT).map((row) => ({ ...row, well: k }))
}
const never = () => new Promise<never>(() => {})

describe('the results', () => {
  const check = (found: readonly { group: unknown; values: object; errors: object; reason: string }[]) => {
    expect(found.map(({ group }) => group)).toEqual(ks.map((k) => `w${k}`))
    for (const [k, { values, errors, reason }] of found.entries()) {
      const fit = expected.at(k)
      expect({ values, errors, reason }).toEqual({
        values: fit.values,
        errors: fit.errors,
        reason: fit.reason,
      })
    }
  }

  test.each([
    { groups: 1, rows: 1e6 },
    { groups: 4, rows: 1e6 },
    { groups: 1e6, rows: 17 },
    { groups: COUNT, rows: 1e6 },
    { groups: COUNT + 1, rows: 1e6 },
  ])('have the bits of fitMany for batches of $groups groups or $rows rows', async (limits) => {
    check((await collect(createStream(rows, inside, limits))) as never)
    check((await collect(createStream(watched(rows), inside, limits))) as never)
  })

  test.each(['native', 'wasm', 'typescript'] as const)(
    'have the same bits on the engine %s',
    async (engine) => {
      check(await collect(fitStream(rows, { ...options, engine })))
    },
  )

  test('are equal for groups with columns or rows', async () => {
    const groups = ks.map((k) => ({
      group: `w${k}`,
      data: k % 2 ? { t: timesOf(k), y: Float64Array.from(ysOf(k)) } : rowsOf(k),
    }))
    check(
      (await collect(
        createStream(groups, { model: inside.model, start, y: 'y' }, { groups: 3, rows: 1e6 }),
      )) as never,
    )
  })

  test('have numbers in JSON, and the full fit on demand', async () => {
    const [first] = await collect(fitStream(rows, options))
    expect(JSON.parse(JSON.stringify(first))).toMatchObject({
      group: 'w0',
      observations: 4,
      reason: 'converged',
    })
    expect(inspect(first)).toMatch(/^GroupFit \{\s+group: 'w0',\s+values: \{ a: /)
    expect(first.values).toBe(first.values)
    expect(first.chiSquared).toBe(expected.chiSquared[0])
    expect(first.fit.intervals(0.9)).toEqual(expected.at(0).intervals(0.9))
  })

  test('use columns of σ and weights, and expressions', async () => {
    const sigma = ks.map((k) => timesOf(k).map((t) => 0.1 + t / 9))
    const data = { t: ks.map(timesOf), y: ks.map(ysOf) }
    const weighted = rows.map((row) => ({ ...row, s: 0.1 + row.t / 9 }))
    const found = await collect(fitStream(weighted, { ...options, sigma: 's' }))
    expect(found.map(({ values }) => values.b)).toEqual([
      ...fitManySync(model, data, { start, sigma }).values.b,
    ])
    const reweighted = await collect(fitStream(rows.slice(0, 13), { ...options, weights: '1/f^2' }))
    const few = { t: ks.slice(0, 3).map(timesOf), y: ks.slice(0, 3).map(ysOf) }
    const again = fitManySync(model, few, { start, weights: '1/f^2' })
    expect(reweighted.slice(0, 2).map(({ values }) => values.b)).toEqual([...again.values.b.slice(0, 2)])
  })

  test('do not change if the model also uses the column of σ', async () => {
    const text = 'a*exp(-b*t) + 0*s'
    const s = ks.map((k) => Float64Array.from(timesOf(k), (t) => 0.1 + t / 9))
    const data = { t: ks.map(timesOf), y: ks.map(ysOf), s }
    const groups = ks.map((k) => ({
      data: { t: Float64Array.from(timesOf(k)), y: Float64Array.from(ysOf(k)), s: s[k] },
    }))
    const found = await collect(fitStream(groups, { model: expression(text), start, sigma: 's', y: 'y' }))
    const all = fitManySync(expression(text), data, { start, sigma: s, y: 'y' })
    expect(found.map(({ values }) => values.b)).toEqual([...all.values.b])
    expect(found[5].fit.rSquared).toBe(all.rSquared[5])
    const uneven = { ...groups[3].data, y: new Float64Array(2) }
    const { error } = await untilError(
      fitStream([...groups.slice(0, 3), { data: uneven }], {
        model: expression(text),
        start,
        sigma: 's',
        y: 'y',
      }),
    )
    expect(error?.message).toMatch(/^group 3: data: y: expected 7 rows, like t, got "2 rows"/)
  })

  test('have the same bits if some or all groups have equal columns', async () => {
    const t = [-0, 0.5, 1, 1.5, NaN]
    const [y, z] = [
      [3, 2, 1.5, 1, 1],
      [2, 2, 1, 1, 1],
    ]
    const zero = [0, ...t.slice(1)]
    const sets = [
      { ts: [t, t, t], ys: [y, z, y] },
      { ts: [t, t, t].map((one) => one.slice(0, 4)), ys: [y, y, y].map((one) => one.slice(0, 4)) },
      { ts: [zero, t, zero].map((one) => one.slice(0, 4)), ys: [y, y, z].map((one) => one.slice(0, 4)) },
    ]
    for (const { ts, ys } of sets) {
      const groups = ts.map((t, k) => ({ data: { t, y: ys[k] } }))
      const found = await collect(fitStream(groups, { model, start, missing: 'drop' }))
      const all = fitManySync(model, { t: ts, y: ys }, { start, missing: 'drop' })
      expect(found.map(({ values, errors }) => ({ values, errors }))).toEqual(
        ts.map((_, k) => ({ values: all.at(k).values, errors: all.at(k).errors })),
      )
      expect(found[2].fit.residuals).toEqual(all.at(2).residuals)
    }
  })

  test('are equal for arrays, arrays with null, and models of one to five parameters', async () => {
    const x = [0, 0.5, 1, 1.5, 2, 2.5, 3]
    const ys = ks.map((k) => x.map((at, i) => (i === 2 && k % 3 === 1 ? null : Math.sin(at + k) + i)))
    for (let count = 1; count <= 5; count++) {
      const names = [...'abcde'].slice(0, count)
      const text = names.map((name, k) => `${name}*x^${k}`).join(' + ')
      const start = Object.fromEntries(names.map((name) => [name, 1]))
      const rest = { start, missing: 'drop' } as const
      const groups = ys.map((y) => ({ data: { x, y } }))
      const found = await collect(fitStream(groups, { model: expression(text) as never, ...rest }))
      const all = fitManySync(expression(text) as never, { x, y: ys } as never, rest as never)
      expect(found.map(({ values, errors }) => ({ values, errors }))).toEqual(
        ks.map((k) => ({ values: all.at(k).values, errors: all.at(k).errors })),
      )
    }
  })

  test('need no start with built-in models, and empty groups have too few points', async () => {
    const data = [
      { x: [], y: [] },
      { x: [1, 2, 3], y: [1, 2, 4] },
    ].map((data) => ({ data }))
    const found = await collect(fitStream(data, { model: models.line() }))
    expect(found.map(({ group, reason }) => [group, reason])).toEqual([
      [0, 'too-few-points'],
      [1, 'converged'],
    ])
    const byFunction = await collect(
      fitStream(
        rows.map(({ t, y, well }) => ({ t, y, well })),
        {
          model: ({ a, b }, t) => a * Math.exp(-b * t),
          group: 'well',
          start,
        },
      ),
    )
    expect(byFunction[3].values.b).toBeCloseTo(expected.values.b[3], 6)
  })

  test('are missing for an empty source', async () => {
    expect(await collect(fitStream([] as typeof rows, options))).toEqual([])
  })
})

describe('a source', () => {
  test('is read only as far ahead as two batches', async () => {
    const source = watched(endless())
    const stream = createStream(source, inside, { groups: 2, rows: 1e6 })
    for (let k = 0; k < 9; k++) expect((await stream.next()).value).toMatchObject({ group: k })
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(source.read).toBeLessThan((9 + 3 * 2 + 2) * 8)
    await stream.return()
    expect(source.ended).toBe(true)
  })

  test('may pause forever after complete groups, which are fitted', async () => {
    const stream = fitStream(watched(rows, never), options)
    for (let k = 0; k < COUNT - 1; k++) expect((await stream.next()).value).toMatchObject({ group: `w${k}` })
    // The source does not answer, so the end of the stream does not wait for the source.
    await stream.return()
  })

  test.each([true, false])(
    'may throw, and the error follows the complete groups (async: %s)',
    async (isAsync) => {
      const cause = new RangeError('the disk is gone')
      const failing = function* () {
        yield* rows.slice(0, 4 + 5 + 2)
        throw cause
      }
      const { found, error } = await untilError(fitStream(isAsync ? watched(failing()) : failing(), options))
      expect(found.map(({ group }) => group)).toEqual(['w0', 'w1'])
      expect(error).toBeInstanceOf(AntigradError)
      expect(error).toMatchObject({
        cause,
        message: 'rows: the source failed after 2 groups: the disk is gone',
      })
    },
  )

  test('may be an array that grows while it is read, or that has an iterator of its own', async () => {
    const growing = rows.slice(0, 9)
    Object.defineProperty(growing, 2, {
      get() {
        if (growing.length < rows.length) growing.push(...rows.slice(growing.length))
        return rows[2]
      },
    })
    const reversed = Object.assign([...groups], {
      *[Symbol.iterator]() {
        yield* [...groups].reverse()
      },
    })
    expect((await collect(fitStream(growing, options))).map(({ values }) => values)).toEqual(
      ks.map((k) => expected.at(k).values),
    )
    expect((await collect(fitStream(reversed, { model, start }))).map(({ group }) => group)).toEqual(
      [...ks].reverse(),
    )
  })

  test('may be an array with an item that throws', async () => {
    const failing = [...rows]
    const cause = new Error('no item')
    Object.defineProperty(failing, rowsOf(0).length + 1, {
      get() {
        throw cause
      },
    })
    const { found, error } = await untilError(fitStream(failing, options))
    expect(found.map(({ group }) => group)).toEqual(['w0'])
    expect(error).toBeInstanceOf(AntigradError)
    expect(error).toMatchObject({ cause, message: 'rows: the source failed after 1 group: no item' })
  })

  test('may end in a group, which ends the group', async () => {
    const found = await collect(fitStream(rows.slice(0, 4 + 3), options))
    expect(found.map(({ group, observations }) => [group, observations])).toEqual([
      ['w0', 4],
      ['w1', 3],
    ])
  })

  test('is ended once, and may have columns with any names that the model does not use', async () => {
    const data: object = JSON.parse('{ "__proto__": 7, "constructor": "x", "t": [0, 1, 2], "y": [3, 2, 1] }')
    const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, k) => [`c${k}`, 'text']))
    let [read, ends] = [0, 0]
    const source = {
      [Symbol.iterator]: () => ({
        next: () => ({ value: { data: read++ ? data : { ...wide, ...data } }, done: false }),
        return: () => ({ value: undefined, done: ++ends > 0 }),
      }),
    }
    const stream = createStream(source, { model: inside.model, start }, { groups: 1, rows: 1e6 })
    for (const group of [0, 1, 2])
      expect((await stream.next()).value).toMatchObject({ group, observations: 3 })
    await stream.return()
    await stream.return()
    expect(await stream.next()).toEqual({ value: undefined, done: true })
    expect(ends).toBe(1)
  })

  test('is ended by break, and its exception then arrives', async () => {
    const source = watched(endless())
    for await (const { group } of fitStream(source, options)) if (group === 2) break
    expect(source.ended).toBe(true)
    const failing = {
      [Symbol.iterator]: () => {
        const iterator = endless()
        return Object.assign(iterator, {
          return: () => {
            throw new RangeError('not closed')
          },
        })
      },
    }
    const stream = fitStream(failing, options)
    await stream.next()
    await expect(stream.return()).rejects.toThrow('not closed')
  })
})

describe('an abort', () => {
  test('ends the stream with its reason while the source waits', async () => {
    const control = new AbortController()
    const stream = fitStream(watched([] as typeof rows, never), { ...options, signal: control.signal })
    const first = stream.next()
    const reason = new RangeError('enough')
    control.abort(reason)
    await expect(first).rejects.toBe(reason)
    expect(await stream.next()).toEqual({ done: true, value: undefined })
  })

  test('ends a synchronous source that never ends a group', async () => {
    const control = new AbortController()
    const source = (function* () {
      for (let t = 0; ; t++) yield { well: 'one', t, y: 1 }
    })()
    const first = fitStream(source, { ...options, signal: control.signal }).next()
    const reason = new RangeError('enough')
    setImmediate(() => control.abort(reason))
    await expect(first).rejects.toBe(reason)
    expect(source.next().done).toBe(true)
  })

  test('and other calls keep their order if several calls wait', async () => {
    const stream = fitStream(rows, options)
    const calls = await Promise.all([stream.next(), stream.next(), stream.next()])
    expect(calls.map(({ value }) => value?.group)).toEqual(['w0', 'w1', 'w2'])
    const last = await Promise.allSettled([
      stream.next(),
      stream.throw(new RangeError('enough')),
      stream.next(),
    ])
    expect(last).toMatchObject([
      { value: { value: { group: 'w3' } } },
      { reason: { message: 'enough' } },
      { value: { done: true, value: undefined } },
    ])
  })

  test('between results throws at the next result, and before the start reads nothing', async () => {
    const control = new AbortController()
    const source = watched(rows)
    const stream = fitStream(source, { ...options, signal: control.signal })
    await stream.next()
    control.abort()
    await expect(stream.next()).rejects.toBe(control.signal.reason)
    const unread = watched(rows)
    await expect(fitStream(unread, { ...options, signal: control.signal }).next()).rejects.toBe(
      control.signal.reason,
    )
    expect(unread.read).toBe(0)
  })
})

describe('an error names', () => {
  const bad = (given: object) => [...rows.slice(0, 9), { ...rows[9], ...given }, ...rows.slice(10)]

  test.each([
    [
      'the column, the row and the group',
      bad({ y: '3' }),
      'group "w2": data: y[0]: expected a number, got "3"',
    ],
    [
      'the row without a label',
      bad({ well: null }),
      'rows[9]: well: expected a label (a string or a number), got null',
    ],
    [
      'the item that is not a row',
      [...rows.slice(0, 9), 5],
      'rows[9]: expected an object with one value per column, got 5',
    ],
    [
      'a group that comes back',
      [...rows.slice(0, 9), rows[0]],
      'group "w0": rows[9]: expected all rows of a group one after the other, got a group that has ended',
    ],
  ])('%s, after the results before', async (_, given, message) => {
    const { found, error } = await untilError(fitStream(given as typeof rows, options))
    expect(error).toBeInstanceOf(OptionError)
    expect(error?.message).toBe(message)
    expect(found.map(({ group }) => group)).toEqual(message.startsWith('rows[9]') ? ['w0'] : ['w0', 'w1'])
  })

  test('the first group, and the group of an invalid σ in a batch', async () => {
    const first = await untilError(fitStream([{ ...rows[0], y: 'x' }, ...rows] as never, options as never))
    expect(first.error?.message).toContain('group "w0": data: y[0]: expected a number')
    const weighted = rows.map((row, k) => ({ ...row, s: k === 10 ? 0 : 1 }))
    const { found, error } = await untilError(fitStream(weighted, { ...options, sigma: 's' }))
    expect(error?.message).toBe('group "w2": sigma: expected numbers > 0 with finite squares > 0, got 0')
    expect(found).toHaveLength(2)
  })

  test('columns of different lengths or without numbers, of groups', async () => {
    const good = { group: 'p', data: { t: [0, 1, 2], y: [3, 2, 1] } }
    const last = (data: object) =>
      fitStream([good, { group: 'q', data }] as (typeof good)[], { model, start })
    const messageOf = async (data: object) => (await untilError(last(data))).error?.message
    expect(await messageOf({ t: [0, 1], y: [1] })).toBe(
      'group "q": data: y: expected 2 rows, like t, got "1 rows"',
    )
    expect(await messageOf({ t: [0, 1] })).toBe('group "q": data: expected a column y, got "t"')
    expect(await messageOf({ t: [0, 'x'], y: [1, 2] })).toBe(
      'group "q": data: t[1]: expected a number, got "x"',
    )
    expect(await messageOf({ t: [0, 1], y: [1, undefined] })).toBe(
      'group "q": data: y[1]: expected a number, got undefined',
    )
    // Holes take no memory, so an array may claim any length.
    expect(await messageOf({ t: new Array(4e9), y: new Array(4e9) })).toBe(
      'group "q": data: t[0]: expected a number, got undefined',
    )
  })

  // Ascending numbers are remembered in another way than other labels.
  test.each([
    ['ascending', (k: number) => k, '4204'],
    ['in another order', (k: number) => k ^ 1, '4205'],
    ['a text', (k: number) => `w${k}`, '"w4204"'],
  ])('a label again among the next 4096 groups, but not much later (%s)', async (_, labelOf, shown) => {
    const data = { t: [0, 1, 2], y: [3, 2, 1] }
    const groups = Array.from({ length: 8300 }, (_, k) => ({ group: labelOf(k), data }))
    const again = (k: number) =>
      untilError(fitStream([...groups, { group: labelOf(k), data }], { model, start }))
    const late = await again(8300 - 2 * 4096 - 1)
    expect(late.error).toBe(null)
    expect(late.found).toHaveLength(8301)
    const { found, error } = await again(8300 - 4096)
    expect(found).toHaveLength(8300)
    expect(error?.message).toContain(
      `group ${shown}: rows[8300]: expected all rows of a group one after the other`,
    )
  })

  test('the column and the row in the only group', async () => {
    const text = rowsOf(0).map((row, i) => (i === 3 ? { ...row, y: 'x' } : row))
    for (const source of [text, watched(text)]) {
      const { error } = await untilError(fitStream(source as never, options))
      expect(error).toBeInstanceOf(OptionError)
      expect(error?.message).toBe('group "w0": data: y[3]: expected a number, got "x"')
    }
  })

  test('typed arrays that are detached or claim another length', async () => {
    const [t, y] = [Float64Array.of(0, 1, 2), Float64Array.of(3, 2, 1)]
    const lying = Object.defineProperty(Float64Array.of(3, 2, 1), 'length', { value: 2 })
    const found = await collect(fitStream([{ data: { t, y } }, { data: { t, y: lying } }], { model, start }))
    expect(found.map(({ observations }) => observations)).toEqual([3, 3])
    expect(found[1].values).toEqual(found[0].values)
    const moved = Float64Array.of(3, 2, 1)
    structuredClone(moved, { transfer: [moved.buffer] })
    const { error } = await untilError(
      fitStream([{ data: { t, y } }, { data: { t, y: moved } }], { model, start }),
    )
    expect(error?.message).toContain('group 1: data: y: expected an array of numbers')
  })

  test('an invalid option before the source is read', () => {
    const call = (given: object) => () => fitStream(rows, { ...options, ...given } as never)
    expect(call({ start: { a: [1, 2], b: 1 } })).toThrow('start: a: expected one number for all groups')
    expect(call({ model: 3 })).toThrow('model: expected an expression')
    expect(call({ sigma: [1, 2] })).toThrow('sigma: expected a column name')
    expect(call({ sigma: 's', weights: 'w' })).toThrow('weights: expected none if sigma is set')
    expect(() => fitStream(3 as never, options as never)).toThrow('rows: expected an iterable')
  })
})
