/** `antigrad fit` with distributions, σ models and differential equations. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expression } from 'antigrad'
import {
  binomial,
  compare,
  fit as fitOne,
  fitSharedSync,
  gamma,
  lognormal,
  negativeBinomial,
  normal,
  ode,
  poisson,
  profile,
  student,
  toCsv,
} from 'antigrad/fit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fitJson, runFit } from './run-fit-command.js'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'antigrad-models-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const csv = (columns: Readonly<Record<string, readonly unknown[]>>) =>
  [Object.keys(columns), ...Object.values(columns)[0].map((_, k) => Object.values(columns).map((c) => c[k]))]
    .map((row) => `${row.join()}\n`)
    .join('')

const t = [0.25, 0.5, 1, 2, 3, 4, 6, 8, 12, 16]
const c = [9.9, 8.8, 8.4, 5.6, 5.9, 3.9, 3.2, 1.7, 1.06, 0.5]
const blq = t.map((at) => (at === 16 ? 1 : 0))
const counts = [10, 9, 7, 6, 7, 3, 4, 1, 1, 0]
const MODEL = 'a*exp(-b*t)'
const decay = expression(MODEL)
const table = () => file('decay.csv', csv({ t, c, n: counts, blq, hits: t.map((_, k) => (k < 6 ? 3 : 1)) }))
const start = { a: 8, b: 0.1 }
const decayArgs = ['--x', 't', '--model', MODEL]

describe('antigrad fit by likelihood', () => {
  test.each([
    ['--sigma prop*f', normal({ sigma: 'prop*f' }), { prop: 0.1 }],
    ['--sigma sqrt(add^2+(prop*f)^2)', normal({ sigma: 'sqrt(add^2+(prop*f)^2)' }), { add: 0.1, prop: 0.1 }],
    ['--distribution lognormal', lognormal(), { sigma: 0.1 }],
    ['--distribution student', student(), { sigma: 0.1, df: { start: 4, fixed: true } }],
    ['--distribution gamma', gamma(), { shape: 5 }],
    ['--distribution normal --below blq', normal({ below: 'blq' }), { sigma: 0.5 }],
    ['--distribution gamma --below blq', gamma({ below: 'blq' }), { shape: 5 }],
  ] as const)('has the results of the library: %s', async (flags, distribution, more) => {
    const starts = Object.entries({ ...start, ...more }).map(([name, x]) => `${name}=${Number(x) || 4}`)
    const fixed = flags.includes('student') ? ['--fixed', 'df'] : []
    const args = [...decayArgs, '--y', 'c', '--start', starts.join(), ...fixed, ...flags.split(' ')]
    const [found] = await fitJson(table(), ...args)
    const data = { t, y: c, ...(flags.includes('blq') && { blq }) }
    const expected = fitOne(decay, data, { distribution, start: { ...start, ...more }, y: 'y' })
    const { values, errors, minus2LogLikelihood, aic, censoredRows } = expected
    expect(found).toMatchObject({
      values,
      errors,
      minus2LogLikelihood,
      aic,
      censoredRows,
      reason: 'converged',
    })
  })

  test.each([
    ['poisson', poisson(), {}],
    ['negative-binomial', negativeBinomial({ theta: 3 }), { theta: 3 }],
  ] as const)('fits counts: %s', async (name, distribution, more) => {
    const fixed = 'theta' in more ? ['--fixed', 'theta=3'] : []
    const args = [...decayArgs, '--y', 'n', '--start', 'a=8,b=0.1', '--distribution', name, ...fixed]
    const [found] = await fitJson(table(), ...args)
    const { values, aic } = fitOne(decay, { t, n: counts }, { distribution, start, y: 'n' })
    expect(found).toMatchObject({ values: { a: values.a, b: values.b }, aic })
  })

  test('reads the number of trials from a column or as a number', async () => {
    const model = '1/(1 + exp(-u - v*t))'
    const args = [
      '--x',
      't',
      '--model',
      model,
      '--y',
      'hits',
      '--distribution',
      'binomial',
      '--start',
      'u=0,v=0',
    ]
    const hits = t.map((_, k) => (k < 6 ? 3 : 1))
    const expected = fitOne(
      expression(model),
      { t, hits },
      { distribution: binomial({ trials: 4 }), y: 'hits', start: { u: 0, v: 0 } },
    )
    const [found] = await fitJson(table(), ...args, '--trials', '4')
    expect(found.values).toEqual(expected.values)
    const path = file('trials.csv', csv({ t, hits, 'n tot': t.map(() => 4) }))
    const [same] = await fitJson(path, ...args, '--trials', 'n tot')
    expect(same.values).toEqual(expected.values)
  })

  test('prints profile intervals, and ranks several models', async () => {
    const flags = ['--y', 'c', '--distribution', 'lognormal', '--start', 'a=8,b=0.1,sigma=0.1']
    const { stdout } = await runFit(table(), ...decayArgs, ...flags, '--profile')
    const options = { distribution: lognormal(), start: { ...start, sigma: 0.1 } }
    const found = fitOne(decay, { t, y: c }, options)
    const { low, high } = profile(found, ['b']).b
    expect(stdout).toMatch(/^ +value +error +profile 95% from +to\na /)
    const [, from, to] = /\nb +\S+ +\S+ +(\S+) +(\S+)\n/.exec(stdout) ?? []
    expect([from, to].map(Number)).toEqual([low, high].map((x) => Number(x.toPrecision(6))))

    const models = [...decayArgs, '--model', 'a - b*t']
    const line = fitOne(expression('a - b*t'), { t, y: c }, options)
    const ranking = compare([found, line])
    const lines = await fitJson(table(), ...models, ...flags)
    expect(lines.map(({ rank, aicc }) => [rank, aicc])).toEqual(
      [0, 1].map((k) => {
        const at = ranking.findIndex(({ index }) => index === k)
        return [at + 1, ranking[at].aicc]
      }),
    )
    expect((await runFit(table(), ...models, ...flags)).stdout).toContain('\nModel a is preferred: ')
  })

  test('fits groups that share parameters, with profiles, JSON and CSV', async () => {
    const g = [...t.map(() => 'P'), ...t.map(() => 'Q')]
    const y = [...c, ...c.map((x) => 2 * x)]
    const path = file('shared.csv', csv({ t: [...t, ...t], c: y, g }))
    const flags = ['--y', 'c', '--sigma', 'prop*f', '--start', 'a=8,b=0.1,prop=0.1', '--group', 'g']
    const args = [...decayArgs, ...flags, '--shared', 'b,prop', '--derive', 'half=log(2)/b', '--profile']
    const found = fitSharedSync(
      decay,
      { t: [...t, ...t], y, g },
      {
        y: 'y',
        group: 'g',
        shared: ['b', 'prop'],
        distribution: normal({ sigma: 'prop*f' }),
        start: { ...start, prop: 0.1 },
        derive: { half: 'log(2)/b' },
      },
    )
    const [all, p, q] = await fitJson(path, ...args)
    const { aic, minus2LogLikelihood } = found
    expect(all).toMatchObject({ values: found.values.shared, aic, minus2LogLikelihood, reason: 'converged' })
    expect(all.profile).toEqual(profile(found))
    expect([p.group, q.group, q.values]).toEqual(['P', 'Q', found.at(1).values])
    expect(p.profile).toEqual(profile(found.at(0), ['a', 'half']))
    const { stdout } = await runFit(path, ...args)
    expect(stdout).toMatch(/^shared +value +error +95% *\nb .*\nprop .*\n\ng +rows .*−2 log L\nP +10 /)
    expect(stdout).toContain('normal: −2 log L ')
    const table = await runFit(path, ...args.filter((one) => one !== '--profile'), '--csv')
    expect(table.stdout).toBe(toCsv(found, { lineEnd: '\n' }))
    expect(table.stdout).toMatch(/^group,scope,parameter,.*\n,shared,b,/)
  })

  test('fits each group, and draws the fits', async () => {
    const columns = { t: [...t, ...t], c: [...c, ...c.map((x) => 2 * x)], g: t.map(() => 'P') }
    const path = file('groups.csv', csv({ ...columns, g: [...columns.g, ...t.map(() => 'Q')] }))
    const picture = join(folder, 'groups.svg')
    const flags = ['--y', 'c', '--sigma', 'prop*f', '--start', 'a=8,b=0.1,prop=0.1', '--group', 'g']
    const { status, stdout } = await runFit(path, ...decayArgs, ...flags, '--plot', picture)
    expect(status).toBe(0)
    expect(stdout).toMatch(
      /^g +rows +a +± +b +± +prop +± +−2 log L +reason\nP +10 .*converged\nQ +10 .*converged\n/,
    )
    expect(readFileSync(picture, 'utf8')).toContain('g Q')
  })

  test.each([
    [['--distribution', 'poisson'], 'data: y: expected counts: integers ≥ 0 (poisson), got "9.9 in row 0"'],
    [['--distribution', 'poisson', '--sigma', 's'], '--sigma: expected no value with poisson'],
    [['--distribution', 'binomial'], '--trials: expected the number of trials'],
    [['--distribution', 'normal', '--sigma', '=f'], '--sigma: expected an expression without ='],
    [['--distribution', 'normal', '--outliers', '0.1'], '--outliers: expected no value with a distribution'],
    [['--trials', '3', '--distribution', 'gamma'], '--trials: expected no value with gamma'],
    [['--sigma', 'q*f', '--start', 'q=-1'], 'sigma: expected a finite value > 0 at the start'],
    [['--distribution', 'gama'], 'Did you mean gamma?'],
  ])('ends with an error: %j', async (flags, message) => {
    const { status, stderr } = await runFit(table(), ...decayArgs, '--y', 'c', ...flags)
    expect(status).toBe(2)
    expect(stderr).toContain(message)
  })
})

describe('antigrad fit --ode', () => {
  const day = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
  const ill = [3, 8, 26, 76, 225, 298, 258, 233, 189, 128, 68, 29, 14, 4]
  const epidemic = {
    states: { S: '763 - first', I: 'first' },
    rates: { S: '-beta*S*I/763', I: 'beta*S*I/763 - gamma*I' },
    time: 'day',
    observe: 'I',
  }
  const json = (model: unknown) =>
    file('model.json', typeof model === 'string' ? model : JSON.stringify(model))
  const starts = ['--start', 'beta=2,gamma=1,first=1']

  test('has the results of the library, and draws the curve', async () => {
    const picture = join(folder, 'epidemic.svg')
    const args = ['--ode', json(epidemic), '--y', 'ill', ...starts]
    const [found] = await fitJson(file('ill.csv', csv({ day, ill })), ...args, '--plot', picture)
    const expected = fitOne(ode(epidemic), { day, y: ill }, { start: { beta: 2, gamma: 1, first: 1 } })
    expect(found.values).toEqual(expected.values)
    expect(found.errors).toEqual(expected.errors)
    expect(readFileSync(picture, 'utf8')).toContain('class="curve"')
    const renamed = file('renamed.csv', csv({ 'the day': day, ill }))
    expect((await fitJson(renamed, ...args, '--x', 'day=the day'))[0].values).toEqual(expected.values)
  })

  test('reads doses from rows without a response', async () => {
    const model = {
      states: { central: 0 },
      rates: { central: '-cl/v*central' },
      observe: 'central/v',
      doses: [{ state: 'central', amount: 'amt' }],
    }
    const rows = {
      t: [0, 1, 4, 12, 13, 20],
      amt: [100, '', '', 50, '.', ''],
      y: ['.', 9.1, 6.7, '', 7.6, 3.8],
    }
    const args = ['--ode', json(model), '--x', 'amt', '--start', 'cl=1,v=10']
    const [found] = await fitJson(file('doses.csv', csv(rows)), ...args)
    const numbers = (column: readonly unknown[]) => column.map((x) => (typeof x === 'number' ? x : null))
    const data = { t: rows.t, amt: numbers(rows.amt), y: numbers(rows.y) }
    expect(found.values).toEqual(fitOne(ode(model), data, { start: { cl: 1, v: 10 } }).values)
  })

  test('fits several observed columns with missing values', async () => {
    const model = {
      states: { A: 'dose', B: 0 },
      rates: { A: '-k1*A', B: 'k1*A - k2*B' },
      observe: { parent: 'A', metabolite: 'B' },
    }
    const [times, parent, metabolite] = [
      [0, 1, 2, 4, 8],
      [10.1, 6, null, 1.4, 0.2],
      [0, 3.4, 4.4, null, 2.2],
    ]
    const path = file('chain.csv', csv({ t: times, parent, metabolite }))
    const args = ['--ode', json(model), '--start', 'dose=9,k1=1,k2=0.1']
    const [found] = await fitJson(path, ...args)
    const data = { t: times as number[], parent, metabolite }
    expect(found.values).toEqual(fitOne(ode(model), data, { start: { dose: 9, k1: 1, k2: 0.1 } }).values)
  })

  test.each([
    ['{', 'expected JSON: '],
    ['[1]', 'expected a JSON object with states, rates and observe, got an array'],
    ['null', 'expected a JSON object with states, rates and observe, got null'],
    [{ ...epidemic, observed: 'I' }, 'expected one of states, rates, time, observe'],
    [{ ...epidemic, rates: { ...epidemic.rates, R: 'gamma*I' } }, 'states: expected the state R of a rate'],
    [{ ...epidemic, rates: { S: '-beta*', I: '1' } }, 'rates: S: expected a valid expression'],
    [
      { ...epidemic, doses: [{ state: 'Q', amount: 1 }] },
      'doses[0]: state: expected a state among S, I, got "Q"',
    ],
    [{ ...epidemic, rtol: 5 }, 'rtol: expected a number from 1e-13 to 0.1, got 5'],
    ['{"states": {"__proto__": "1"}}', 'states.__proto__: expected another name'],
    ['{"rates": {"constructor": "1"}}', 'rates.constructor: expected another name'],
    [`${'{"a":'.repeat(2000)}1${'}'.repeat(2000)}`, 'expected at most 8 nested levels'],
    [`{"states": "${'x'.repeat(1 << 24)}"}`, 'expected a model of at most 16 MiB'],
  ])('refuses case %#, and names the file', async (model, message) => {
    const { status, stdout, stderr } = await runFit(
      file('one.csv', csv({ day, y: ill })),
      '--ode',
      json(model),
    )
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain('model.json: ')
    expect(stderr).toContain(message)
    expect(stderr.length).toBeLessThan(2000)
  })

  test('has the results of the library with an error model', async () => {
    const path = file('counts.csv', csv({ day, ill, low: ill.map((y) => (y < 4 ? 1 : 0)) }))
    const start = { beta: 2, gamma: 1, first: 1 }
    const args = [path, '--ode', json(epidemic), '--y', 'ill', ...starts] as const
    const expected = (distribution: ReturnType<typeof poisson>, more = {}) =>
      fitOne(ode(epidemic), { day, y: ill, ...more }, { start, distribution }).values
    const [counts] = await fitJson(...args, '--distribution', 'poisson')
    expect(counts.values).toEqual(expected(poisson()))
    const [censored] = await fitJson(...args, '--distribution', 'poisson', '--below', 'low')
    expect(censored.values).not.toEqual(counts.values)
    const low = ill.map((y) => (y < 4 ? 1 : 0))
    expect(censored.values).toEqual(expected(poisson({ below: 'low' }), { low }))
  })

  test('fits several observed columns with a σ model', async () => {
    const model = {
      states: { A: 'dose', B: 0 },
      rates: { A: '-k1*A', B: 'k1*A - k2*B' },
      observe: { parent: 'A', metabolite: 'B' },
    }
    const columns = {
      t: [0, 1, 2, 4, 8],
      parent: [10.1, 6, 3.7, 1.4, 0.2],
      metabolite: [0.1, 3.4, 4.4, 4, 2.2],
    }
    const start = { dose: 9, k1: 1, k2: 0.1, prop: 0.1 }
    const path = file('metabolites.csv', csv(columns))
    const args = ['--ode', json(model), '--start', 'dose=9,k1=1,k2=0.1,prop=0.1', '--sigma', 'prop*f + 0.1']
    const [found] = await fitJson(path, ...args)
    const distribution = normal({ sigma: 'prop*f + 0.1' })
    expect(found.values).toEqual(fitOne(ode(model), columns, { start, distribution }).values)
  })

  test.each(['--model', '--compare'])('refuses %s', async (option) => {
    const path = file('two.csv', csv({ day, y: ill }))
    const { stderr } = await runFit(path, '--ode', json(epidemic), ...starts, option, 'line')
    expect(stderr).toContain(`${option}: expected no value with --ode`)
  })
})
