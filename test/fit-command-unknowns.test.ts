/** `antigrad fit --unknown` and `--outliers` as built: new responses on fitted curves, and marked rows. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expression } from 'antigrad'
import { binomial, fit as fitOne, inverse, models, normal, rout } from 'antigrad/fit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { antigrad } from './command-line.js'
import reference from './data/outliers.json' with { type: 'json' }

const doses = [0.01, 0.1, 1, 3, 10, 100]
const plates = { A: [0.1, 0.21, 1.1, 1.5, 1.9, 2.05], B: [0.12, 0.16, 0.8, 1.2, 1.7, 2] }
const [a, b] = Object.values(plates).map((y) => fitOne(models.fourPL(), { x: doses, y }))

const deaths = [1, 2, 9, 14, 18, 19]

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'antigrad-unknown-'))
  const standards = Object.entries(plates).flatMap(([plate, y]) =>
    y.map((f, k) => `${doses[k]},${f},${plate},0.05\n`),
  )
  writeFileSync(join(folder, 'standards.csv'), `dose,y,plate,err\n${standards.join('')}`)
  writeFileSync(
    join(folder, 'samples.csv'),
    'y,plate,who,err\n0.5,A,s1,0.1\n1.7,B,s2,0.1\n0.55,A,s1,0.2\n3,B,s3,0.1\n',
  )
  writeFileSync(join(folder, 'strangers.csv'), 'y,plate\n1,C\n')
  writeFileSync(
    join(folder, 'deaths.csv'),
    `dose,y,n\n${doses.map((x, k) => `${x},${deaths[k]},20\n`).join('')}`,
  )
  writeFileSync(join(folder, 'fields.csv'), 'y,n\n5,10\n9,20\n')
  const { x, y } = reference[2]
  writeFileSync(
    join(folder, 'spoiled.csv'),
    `dose,y\n${x.map((dose, row) => `${dose},${y[row]}\n`).join('')}`,
  )
})
afterAll(() => rmSync(folder, { recursive: true }))

function run(args: string, file = 'standards.csv') {
  return antigrad(['fit', file, '--model', 'fourPL', '--x', 'dose', ...args.split(' ')], folder)
}

function unknowns(args: string) {
  const { status, stdout, stderr } = run(`${args} --json`)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).unknowns)
}

const inJson = (value: unknown) => JSON.parse(JSON.stringify(value))
const labeled = (labels: readonly string[], found: ReturnType<typeof inverse>) =>
  inJson(found.map((one, k) => ({ sample: labels[k], ...one })))

describe('the option --unknown of antigrad fit', () => {
  test("returns the library's unknowns of each group", () => {
    expect(unknowns('--group plate --unknown samples.csv')).toEqual([
      labeled(['1', '2'], inverse(a, [0.5, 0.55])),
      labeled(['1', '2'], inverse(b, [1.7, 3])),
    ])
  })

  test('takes rows of one sample as replicates', () => {
    expect(unknowns('--group plate --unknown samples.csv --sample who')).toEqual([
      labeled(['s1'], inverse(a, [[0.5, 0.55]])),
      labeled(['s2', 's3'], inverse(b, [1.7, 3])),
    ])
  })

  test('reads σ or weights of the new responses', () => {
    const sigma = doses.map(() => 0.05)
    const weighted = fitOne(models.fourPL(), { x: doses, y: plates.A }, { sigma })
    const [own] = unknowns('--group plate --sigma err --unknown samples.csv --sample who')
    expect(own).toEqual(labeled(['s1'], inverse(weighted, [[0.5, 0.55]], { sigma: [[0.1, 0.2]] })))
  })

  test('inverts fits with a distribution', () => {
    const proportional = normal({ sigma: 'prop*f' })
    const options = { distribution: proportional, start: { prop: 0.05 } }
    const [first, second] = Object.values(plates).map((y) =>
      fitOne(models.fourPL(), { x: doses, y }, options),
    )
    const args = '--group plate --sigma prop*f --start prop=0.05 --unknown samples.csv'
    expect(unknowns(args)).toEqual([
      labeled(['1', '2'], inverse(first, [0.5, 0.55])),
      labeled(['1', '2'], inverse(second, [1.7, 3])),
    ])
    expect(run(args).stdout).toMatch(
      /\n\nplate +unknown +responses +y +x +error +95% from +to\nA +1 +1 +0\.5 /,
    )
  })

  test('reads the trials of new binomial responses', () => {
    const model = '1/(1 + exp(-a*(log(dose) - m)))'
    const args = [
      '--distribution',
      'binomial',
      '--trials',
      'n',
      '--start',
      'a=1,m=0',
      '--unknown',
      'fields.csv',
    ]
    const { stdout, stderr } = antigrad(
      ['fit', 'deaths.csv', '--model', model, '--x', 'dose', ...args, '--json'],
      folder,
    )
    expect(stderr).toBe('')
    const data = { dose: doses, y: deaths, n: doses.map(() => 20) }
    const curve = fitOne(expression(model), data, {
      distribution: binomial({ trials: 'n' }),
      start: { a: 1, m: 0 },
    })
    const expected = inverse(curve, [5, 9], { trials: [10, 20] })
    expect(expected.map(({ reason }) => reason)).toEqual(['found', 'found'])
    expect(JSON.parse(stdout).unknowns).toEqual(labeled(['1', '2'], expected))
  })

  test('prints a table with the reasons', () => {
    const { stdout } = run('--unknown samples.csv --sample who')
    expect(stdout).toMatch(/^unknown +responses +y +x +error +95% from +to$/m)
    expect(stdout).toMatch(/^s1 +2 +0\.525 +0\.37/m)
    expect(stdout).toMatch(/^s3 +1 +3 +– +– +– +– {2}above-curve: the curve's largest value/m)
    expect(run('--group plate --unknown samples.csv').stdout).toMatch(/^B +2 +1 +3 +–/m)
  })

  test.each([
    ['--unknown none.csv', 'none.csv: ENOENT'],
    ['--sample who', '--sample: expected --unknown as well'],
    ['--unknown samples.csv --sample nobody', '--sample: expected one of the columns of samples.csv'],
    [
      '--group plate --unknown strangers.csv',
      '--unknown: expected labels of fitted groups in the column plate of str',
    ],
    ['--group plate --shared slope --unknown samples.csv', '--unknown: expected no value with --shared'],
  ])('ends with exit status 2 for %s', (args, message) => {
    const { status, stdout, stderr } = run(args)
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toContain(message)
  })
})

describe('the option --outliers of antigrad fit', () => {
  const { x, y } = reference[2]

  test.each(['', ' --drop-outliers'])(
    'returns the rows that the library marks, and the fit (--outliers 0.01%s)',
    (more) => {
      const { status, stdout } = run(`--outliers 0.01${more} --json`, 'spoiled.csv')
      expect(status).toBe(0)
      const { values, outliers, message } = JSON.parse(stdout)
      const fitted = fitOne(models.fourPL(), { x, y }, { outliers: rout({ refit: more !== '' }) })
      expect([values, outliers, message]).toEqual([fitted.values, fitted.outliers, fitted.message])
      expect(outliers).toHaveLength(2)
    },
  )

  test('draws the marked rows as open circles in both panels', () => {
    expect(run('--outliers 0.01 --plot marked.svg --log-x', 'spoiled.csv').status).toBe(0)
    expect(run('--plot plain.svg --log-x', 'spoiled.csv').status).toBe(0)
    const [marked, plain] = ['marked.svg', 'plain.svg'].map((name) =>
      readFileSync(join(folder, name), 'utf8'),
    )
    const circles = marked.match(/<g class="outliers" fill="none" stroke="#\w+">(<circle [^>]*\/>){2}<\/g>/g)
    expect(circles).toHaveLength(2)
    expect(plain).not.toContain('circle')
    const dots = (text: string) => text.match(/h0/g)?.length ?? 0
    expect(dots(plain) - dots(marked)).toBe(4)
  })

  test.each([
    ['--drop-outliers', '--drop-outliers: expected --outliers as well'],
    ['--outliers 1', 'Expected a number between 0 and 1'],
    ['--outliers 0.01 --loss huber', "loss: expected 'squared' if outliers is set"],
    ['--outliers 0.01 --drop-outliers --compare line', '--drop-outliers: expected none with --compare'],
  ])('ends with exit status 2 for %s', (args, message) => {
    const { status, stdout, stderr } = run(args, 'spoiled.csv')
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toContain(message)
  })
})
