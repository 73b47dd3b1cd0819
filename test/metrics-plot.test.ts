/** `antigrad plot losses.ndjson`: curves of metrics. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SaxesParser } from 'saxes'
import { afterAll, describe, expect, test } from 'vitest'
import { drawMetrics } from '../dist/command-line/plot/metrics.js'
import { type MetricColumns, readMetrics } from '../dist/command-line/plot/read-metrics.js'
import { antigrad as runCommand } from './command-line.js'

const folder = mkdtempSync(join(tmpdir(), 'antigrad-metrics-'))
afterAll(() => rmSync(folder, { recursive: true }))

const write = (text: string | Uint8Array) => {
  const file = join(folder, 'losses.ndjson')
  writeFileSync(file, text)
  return file
}
const lines = (...rows: unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('')
const read = (text: string | Uint8Array, columns: MetricColumns = {}) => readMetrics(write(text), columns)

const antigrad = (...args: string[]) => runCommand(['plot', ...args], folder)

/** The polylines of each curve. The numbers alternate between x and y in pixels. */
function curves(svg: string): number[][][] {
  const parser = new SaxesParser()
  parser.on('error', (error) => {
    throw error
  })
  parser.write(svg).close()
  const paths = [...svg.matchAll(/<path data-line="(\d+)"[^>]* d="([^"]*)"/g)]
  return paths
    .sort(([, a], [, b]) => Number(a) - Number(b))
    .map(([, , d]) =>
      d
        .split('M')
        .slice(1)
        .map((part) => part.trim().split(/\s+/).map(Number)),
    )
}
const yTicks = (svg: string) => [...svg.matchAll(/text-anchor="end">([^<]*)</g)].map(([, text]) => text)
const draw = (text: string, isLogarithmic?: boolean, columns: MetricColumns = {}) =>
  drawMetrics({ ...read(text, columns), title: 'run', isLogarithmic })

describe('the function readMetrics', () => {
  test('selects the column of progress for the x axis, and the other numeric columns as metrics', () => {
    const text = lines(
      { note: 'a', step: 0 },
      { step: 10, epoch: 1, loss: 0.5, phase: 'train' },
      { step: 20, epoch: 1, loss: null },
      { step: 30, epoch: 2, loss: 0.25, val: 0.75, more: { a: 1 }, time: 7 },
    )
    expect(read(text)).toEqual({
      x: 'step',
      metrics: [
        { name: 'loss', x: [10, 20, 30], y: [0.5, NaN, 0.25] },
        { name: 'val', x: [30], y: [0.75] },
      ],
      isCut: false,
    })
    expect(read(text, { x: 'epoch', y: ['val'] })).toMatchObject({
      x: 'epoch',
      metrics: [{ name: 'val', x: [2], y: [0.75] }],
    })
    expect(read(text, { y: ['time'] }).metrics).toEqual([{ name: 'time', x: [30], y: [7] }])
    expect(read(`\ufeff\n${lines({ loss: 1 })}\r\n${lines({ loss: 2 })}`)).toMatchObject({
      x: 'line',
      metrics: [{ x: [2, 4], y: [1, 2] }],
    })
    const names = lines(JSON.parse('{"step":1,"__proto__":2,"constructor":3}'), { step: 2 })
    expect(read(names).metrics.map(({ name }) => name)).toEqual(['__proto__', 'constructor'])
    expect(() => read(lines({ step: 1, loss: 2 }), { y: ['toString'] })).toThrow(
      '--y: expected one of the columns with numbers',
    )
  })

  test('ignores an incomplete last line of a file', () => {
    const whole = lines({ step: 1, loss: 3 }, { step: 2, loss: 2 })
    const cut = read(`${whole}{"step":3,"lo`)
    expect(cut.isCut).toBe(true)
    expect(cut.metrics).toEqual(read(whole).metrics)
    expect(read(whole.trimEnd()).isCut).toBe(false)
  })

  test.each<[string, string | Uint8Array, MetricColumns, string]>([
    ['text', 'step,loss\n1,2\n', {}, 'losses.ndjson: line 1: expected an object in JSON, got step,loss'],
    ['no line', '{"lo', {}, 'line 1: expected an object in JSON'],
    ['an array', '{"a":1}\n[1]\n', {}, 'line 2: expected an object in JSON, got [1]'],
    ['NaN', '{"a":1}\n{"a":NaN}\n{"a":1}\n', {}, 'line 2: expected an object in JSON'],
    ['deep nesting', `${'['.repeat(1e6)}\n`, {}, 'line 1: expected an object in JSON'],
    ['nothing', '', {}, 'expected a numeric column other than step'],
    ['only steps', lines({ step: 1 }), {}, 'expected a numeric column other than step'],
    [
      'strings',
      lines({ step: 1, loss: '2' }),
      { y: ['loss'] },
      '--y: expected one of the columns with numbers: "step", got "loss"',
    ],
    [
      'no such column',
      lines({ loss: 1 }),
      { x: 'epoch' },
      '--x: expected one of the columns with numbers: "loss", got "epoch"',
    ],
    [
      'a step that is missing',
      lines({ step: 1, a: 1 }, { a: 2 }),
      {},
      'line 2: expected a number for "step", next to "a"',
    ],
    ['UTF-16', Buffer.from('{"a":1}', 'utf16le'), {}, 'expected text in UTF-8'],
  ])('refuses %s', (_, text, columns, message) => {
    expect(() => read(text, columns)).toThrow(message)
  })
})

describe('the function drawMetrics', () => {
  test('draws curves through all values, with a legend and axes', () => {
    const svg = draw(lines({ step: 0, loss: 4, val: 3 }, { step: 5, loss: 0 }, { step: 10, loss: 2, val: 1 }))
    const [[loss], [val]] = curves(svg)
    const [x0, y0, x1, y1, x2, y2] = loss
    expect(x1 - x0).toBeCloseTo(x2 - x1, 6)
    // The values 4, 0 and 2 on a linear axis, with an error of at most a tenth of a pixel.
    expect(Math.abs((y1 - y2) / (y1 - y0) - 0.5)).toBeLessThan(1e-3)
    expect([val[0], val[2]]).toEqual([x0, x2])
    expect(Math.abs(val[3] - val[1] - (y1 - y0) / 2)).toBeLessThan(0.2)
    for (const text of [
      'loss: last 2, from 0 to 4',
      'val: last 1, from 1 to 3',
      '>step<',
      '>loss, val<',
      '>run<',
    ])
      expect(svg).toContain(text)
    expect(yTicks(svg)).toEqual(['0', '0.5', '1', '1.5', '2', '2.5', '3', '3.5', '4'])
  })

  test('uses a logarithmic axis if all values are positive and span more than two decades', () => {
    const decades = (...losses: unknown[]) => lines(...losses.map((loss, step) => ({ step, loss })))
    /** Whether the third value lies in the middle between the first value and the second value. */
    const isInTheMiddle = (svg: string) => {
      const [[[, high, , low, , middle]]] = curves(svg)
      return Math.abs((middle - low) / (high - low) - 0.5) < 1e-3
    }
    expect(isInTheMiddle(draw(decades(1000, 0.1, 10)))).toBe(true)
    expect(isInTheMiddle(draw(decades(1000, 0.1, 10, 0)))).toBe(false)
    expect(isInTheMiddle(draw(decades(100, 1, 10)))).toBe(false)
    expect(isInTheMiddle(draw(decades(101, 1, Math.sqrt(101))))).toBe(true)
    expect(isInTheMiddle(draw(decades(100, 1, 10), true))).toBe(true)
    expect(isInTheMiddle(draw(decades(1000, 0.1, 10), false))).toBe(false)
    // Values without a logarithm leave a gap.
    expect(curves(draw(decades(100, 10, 0, 1, -1, 3, 2), true))[0].map(({ length }) => length)).toEqual([
      4, 4, 4,
    ])
    expect(() => draw(decades(-1, 0), true)).toThrow('--log requires at least one positive value')
  })

  test('interrupts a curve at null and at repeated steps of a resumed run', () => {
    const steps = [0, 1, 2, 3, 2, 3, 4]
    const svg = draw(lines(...steps.map((step, i) => ({ step, loss: i === 1 ? null : (7 * i) % 5 }))))
    expect(curves(svg)[0].map(({ length }) => length / 2)).toEqual([2, 2, 3])
    const [[[x0, y0, x1, y1]]] = curves(draw(lines({ loss: 3 })))
    expect([x1, y1]).toEqual([x0, y0])
  })

  test('draws a million values as a small image file with the extreme values per pixel column', () => {
    const count = 1_000_000
    const y = Array.from({ length: count }, (_, i) => Math.sin(i * i) + (i === 777_777 ? 9 : 0))
    const metrics = [{ name: 'loss', x: y.map((_, i) => i), y }]
    const svg = drawMetrics({ title: '', x: 'step', metrics })
    expect(svg.length).toBeLessThan(100_000)
    const [[path]] = curves(svg)
    const ys = path.filter((_, i) => i % 2 === 1)
    // The peak is on the frame's upper margin, and its position is exact.
    const peak = ys.indexOf(Math.min(...ys))
    expect(path[2 * peak]).toBeCloseTo(
      path[0] + ((path[path.length - 2] - path[0]) * 777_777) / (count - 1),
      0,
    )
    expect(Math.min(...ys)).toBeLessThan(80)
  })

  test('escapes the names of curves, and refuses more curves than the plot can distinguish', () => {
    const svg = draw(lines({ '<b a="&">\u0007': 1 }))
    expect(curves(svg)).toHaveLength(1)
    expect(svg).toContain('&lt;b a=&quot;&amp;&quot;>�')
    const many = Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`m${i}`, i]))
    expect(() => draw(lines(many))).toThrow('--y: expected at most 24 columns, got 25')
    expect(() => draw(lines({ a: -1.7e308 }, { a: 1.7e308 }))).toThrow('too far apart to draw')
  })
})

test('the command antigrad plot draws a file of metrics as an SVG image and as a PNG image', () => {
  write(lines({ step: 0, loss: 1, val: 2 }, { step: 1, loss: 0.5, val: 1 }))
  const svg = antigrad('losses.ndjson', '-o', '-')
  expect(svg).toMatchObject({ status: 0, stderr: '' })
  expect(curves(svg.stdout)).toHaveLength(2)
  expect(svg.stdout).toContain('>losses.ndjson<')
  expect(antigrad('losses.ndjson', '--x', 'step', '--y', 'val', '--log', '-o', 'a.png')).toEqual({
    ...{ status: 0, stdout: '', stderr: '' },
  })
  expect(readFileSync(join(folder, 'a.png')).toString('latin1', 1, 4)).toBe('PNG')
  write(`${lines({ loss: 1 })}{"lo`)
  expect(antigrad('losses.ndjson', '-o', 'a.svg')).toEqual({
    ...{
      status: 0,
      stdout: '',
      stderr: 'antigrad: losses.ndjson: the last line is incomplete and is not drawn\n',
    },
  })
})

test.each([
  ['nowhere.ndjson', 'nowhere.ndjson: ENOENT'],
  ['losses.ndjson --log --linear', "'--linear' cannot be used with option '--log'"],
  ['losses.ndjson --rule adam', '--rule: expected no value with a file of metrics'],
  ['losses.ndjson --lr 1', '--lr: expected no value with a file of metrics'],
  ['losses.ndjson --updates 9', '--updates: expected no value with a file of metrics'],
  ['losses.ndjson --schedule 1', '--schedule: expected no value with a file of metrics'],
  ['--log', '--log: expected no value without a file of metrics'],
  ['--y loss', '--y: expected no value without a file of metrics'],
  ['--schedule 1 --log', "cannot be used with option '--log'"],
])('the command antigrad plot %s is refused', (args, expected) => {
  write(lines({ step: 0, loss: 1 }))
  rmSync(join(folder, 'refused.svg'), { force: true })
  const { status, stdout, stderr } = antigrad(...args.split(' '), '-o', 'refused.svg')
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  expect(stderr).toMatch(/^antigrad: [^\n]+\n$/)
  expect(stderr).toContain(expected)
  expect(readdirSync(folder)).not.toContain('refused.svg')
})
