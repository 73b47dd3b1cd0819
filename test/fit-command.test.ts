/** The built command `antigrad fit`, and the plots of the command. */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expression } from 'antigrad'
import {
  compare,
  covarianceMatrix,
  type FitManyOptions,
  fitManySync,
  fit as fitOne,
  fitSharedSync,
  fromWide,
  models,
  profile,
  profileIntervals,
  profileSync,
} from 'antigrad/fit'
import { SaxesParser } from 'saxes'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { columns } from '../dist/command-line/report.js'
import { describeRate } from '../dist/command-line/sweep/progress.js'
import { home } from './children.js'
import { antigrad } from './command-line.js'
import { random } from './helpers.js'

const cli = join(home, 'dist/command-line/cli.js')
const { ANTIGRAD_ENGINE: _, NODE_OPTIONS: __, ...env } = process.env

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'antigrad-fit-'))
  write('decay.csv', csv(['t', 'y', 'g'], decay))
  const pairs = Array.from({ length: 25 }, (_, k) => [k, 9 - k, k % 7])
  write('pairs.csv', csv(['t', 's', 'y'], pairs))
})
afterAll(() => rmSync(folder, { recursive: true }))

const write = (name: string, text: string | Buffer) => writeFileSync(join(folder, name), text)
const csv = (names: readonly string[], rows: readonly (readonly unknown[])[]) =>
  [names, ...rows].map((row) => `${row.join()}\n`).join('')

/** Rows of two groups, first one group after the other and then interleaved. */
const next = random(7)
const decay = Array.from({ length: 60 }, (_, i) => {
  const group = i < 10 || i % 2 === 0 ? 'A' : 'B'
  const t = i / 12
  return [t, (group === 'A' ? 3 : 2) * Math.exp(-1.2 * t) + 0.5 + 0.1 * (next() - 0.5), group] as const
})
const [t, y] = [0, 1].map((k) => decay.map((row) => row[k] as number))
const MODEL = 'a*exp(-b*t) + c'
const start = { a: 1, b: 1, c: 1 }
const STARTS = '--start a=1,b=1,c=1'

interface Setting {
  readonly input?: string
  readonly before?: string
  /** Flags of Node. */
  readonly flags?: readonly string[]
}

/**
 * Runs `antigrad fit`; the model is a separate argument because it contains spaces. Only runs with a setting need a
 * process.
 */
function run(args: string, model: string | null = MODEL, setting?: Setting) {
  const given = [...args.split(' ').filter(Boolean), ...(model === null ? [] : ['--model', model])]
  return setting === undefined ? antigrad(['fit', ...given], folder) : inProcess(given, setting)
}

function inProcess(given: readonly string[], { input, before = '', flags = [] }: Setting) {
  const preload = `data:text/javascript;base64,${Buffer.from(before).toString('base64')}`
  const command = [...flags, '--import', preload, cli, 'fit', ...given]
  const options = { env, cwd: folder, maxBuffer: 1 << 26, input }
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8', ...options })
  return { status, stdout, stderr }
}

// biome-ignore lint/suspicious/noExplicitAny: what JSON.parse gives
function lines(args: string, model: string | null = MODEL, more?: Setting): any[] {
  const { status, stdout, stderr } = run(`${args} --json`, model, more)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

describe('the JSON output of antigrad fit', () => {
  test("contains the results of the library's function fit", () => {
    const [found, ...others] = lines(`decay.csv --x t ${STARTS}`)
    const fitted = fitOne(expression(MODEL), { t, y }, { start })
    const {
      values,
      errors,
      free,
      covariance,
      chiSquared,
      reducedChiSquared,
      rSquared,
      aic,
      bic,
      observations,
      ...more
    } = fitted
    const { evaluations, reason, atBound, unidentifiable, degreesOfFreedom } = more
    const { message } = fitted
    const quality = {
      chiSquared,
      reducedChiSquared,
      rSquared,
      aic,
      bic,
      observations,
      degreesOfFreedom,
      evaluations,
    }
    const words = { reason, message, atBound, unidentifiable }
    expect(found).toEqual({ ...words, values, errors, free, covariance, ...quality })
    expect({ others, reason }).toEqual({ others: [], reason: 'converged' })
  })

  test('contains the results of fitMany for the groups of the table, in order', () => {
    write(
      'turned.csv',
      csv(
        ['g', 'unused', 'y', 't'],
        decay.toReversed().map(([t, y, g]) => [g, 'words', y, t]),
      ),
    )
    const found = lines(`turned.csv --x t --group g ${STARTS}`)
    const of = (group: string, k: 0 | 1) =>
      decay
        .toReversed()
        .filter(([, , g]) => g === group)
        .map((row) => row[k])
    const data = { t: [of('B', 0), of('A', 0)], y: [of('B', 1), of('A', 1)] }
    const { values, errors } = fitManySync(expression(MODEL), data, { start })
    expect(found.map(({ group }) => group)).toEqual(['B', 'A'])
    expect(found.map(({ values: { a, b, c } }) => [a, b, c])).toEqual(
      [0, 1].map((k) => [values.a[k], values.b[k], values.c[k]]),
    )
    expect(found.map(({ errors: { b } }) => b)).toEqual([...errors.b])
  })

  test('escapes control characters in labels with --shared', () => {
    const rows = decay.map(([t, y]) => [t, y, 'A'])
    write('steering.csv', csv(['t', 'y', 'g'], [...rows, [0, 3, '\u001b[31mB']]))
    const { stdout } = run(`steering.csv --x t --group g --shared b ${STARTS}`)
    expect(stdout).toContain('not identifiable: \ufffd[31mB (1 row for 2 local parameters)')
    expect(stdout).not.toContain('\u001b')
  })

  test('contains a single joint fit of all groups with --shared', () => {
    const [all, ...groups] = lines(`decay.csv --x t --group g --shared b ${STARTS}`)
    const g = decay.map(([, , label]) => label)
    const found = fitSharedSync(expression(MODEL), { t, y, g }, { group: 'g', shared: ['b'], start })
    expect(all.values).toEqual(found.values.shared)
    expect(all.covariance).toEqual(found.covariance)
    expect(groups.map(({ group }) => group)).toEqual(['A', 'B'])
    expect(groups.map(({ values }) => values.a)).toEqual([...found.values.local.a])
    const { stdout } = run(`decay.csv --x t --group g --shared b ${STARTS}`)
    expect(stdout).toMatch(/^shared +value +error\nb +1\.\d+ +0\.\d+\n\ng +rows +a +± +c +± +χ²\nA +35 /)
  })

  test('covers derived quantities, derived parameters and model-dependent weights with --shared', () => {
    const args =
      'decay.csv --x t --group g --shared b --derive half=log(2)/b --expr c=a/9 --weights =1/f --start a=3,b=1'
    const [, ...groups] = lines(`${args} --plot together.svg`)
    const g = decay.map(([, , label]) => label)
    const found = fitSharedSync(
      expression(MODEL),
      { t, y, g },
      {
        ...{ group: 'g', shared: ['b'], weights: '1/f', derive: { half: 'log(2)/b' } },
        start: { a: 3, b: 1, c: { expr: 'a/9' } },
      },
    )
    expect(groups.map(({ values }) => values)).toEqual([0, 1].map((k) => found.at(k).values))
    expect(groups.map(({ errors }) => errors)).toEqual([0, 1].map((k) => found.at(k).errors))
    const picture = readFileSync(join(folder, 'together.svg'), 'utf8')
    expect(picture).toContain('g A')
    expect(picture).toContain('g B')
    expect(run(args).stdout).toMatch(/\ng +rows +a +± +c +± +half +± +χ²\nA /)
  })

  test('contains profiles of shared parameters, and parameters per label, with --shared', () => {
    const plateOf = (label: unknown) => (label === 'A' ? 'P 1' : 'P 2')
    const rows = [...decay, ...decay.map(([t, y, g]) => [t, (y as number) + 0.01 * (t as number), `${g}2`])]
    write(
      'plates.csv',
      csv(
        ['t', 'y', 'g', 'plate'],
        rows.map((row) => [...row, plateOf(`${row[2]}`[0])]),
      ),
    )
    const args = `plates.csv --x t --group g --shared a,b:plate --profile ${STARTS}`
    const [all, ...groups] = lines(args)
    const [g, of] = [rows.map((row) => row[2] as string), rows.map((row) => plateOf(`${row[2]}`[0]))]
    const data = { t: rows.map(([t]) => t as number), y: rows.map(([, y]) => y as number), g, of }
    const options = { group: 'g', shared: ['a'], sharedBy: { b: 'of' }, start }
    const found = fitSharedSync(expression(MODEL), data, options)
    expect(all.shared).toEqual(['a', 'b[P 1]', 'b[P 2]'])
    expect(all.values).toEqual({
      ...found.values.shared,
      ...Object.fromEntries(
        found.subsetLabels.b.map((label, k) => [`b[${label}]`, found.values.sharedBy.b[k]]),
      ),
    })
    expect(all.profile).toEqual(
      Object.fromEntries(found.shared.map((name) => [name, profileSync(found, name)])),
    )
    expect(groups.map(({ values: { b } }) => b)).toEqual(found.groups.map((_, k) => found.at(k).values.b))
    const [ofA] = groups
    expect(ofA.profile).toEqual({ c: profileSync(found.at(0), 'c') })
    expect(ofA.intervals).toEqual(found.at(0).intervals())
    const { low, high } = ofA.profile.c
    const digits = (x: number) => Number(x.toPrecision(6))
    const [, head, first] = /\n(g +rows.*)\n(A +.*)\n/.exec(run(args).stdout) ?? []
    expect(head.split(/ +/)).toEqual(['g', 'rows', 'c', 'from', 'to', 'χ²'])
    expect(first.split(/ +/).slice(3, 5).map(Number)).toEqual([low, high].map(digits))
    expect(run(args).stdout).toMatch(
      /^shared +value +error +95% *\na +\S+ +\S+ +\S+ +\S+\nb\[P 1\] +\S+ +\S+ +\S+ +\S+\nb\[P 2\] /,
    )
  })

  test.each<[string, FitManyOptions]>([
    [
      '--min a=0,c=0.6 --max a=2',
      { start: { ...start, a: { start: 1, min: 0, max: 2 }, c: { start: 1, min: 0.6 } } },
    ],
    ['--fixed c=0.5', { start: { ...start, c: { start: 0.5, fixed: true } } }],
    ['--fixed c', { start: { ...start, c: { start: 1, fixed: true } } }],
    ['--loss soft-l1 --loss-scale 0.05', { start, loss: 'softL1', lossScale: 0.05 }],
    ['--loss poisson', { start, loss: 'poisson' }],
    ['--tolerance 1e-6', { start, tolerance: 1e-6 }],
    [
      '--min a=0,b=0,c=0 --max a=5,b=5,c=5 --multi-start 8',
      {
        start: Object.fromEntries(Object.keys(start).map((name) => [name, { start: 1, min: 0, max: 5 }])),
        multiStart: 8,
      },
    ],
    ['--engine typescript', { start, engine: 'typescript' }],
    ['--engine wasm --threads 1', { start, engine: 'wasm', threads: 1 }],
  ])('depends on the command-line options: %s', (args, options) => {
    const [found] = lines(`decay.csv --x t ${STARTS} ${args}`)
    const { values, errors, minima } = fitOne(expression(MODEL), { t, y }, options)
    const inJson = JSON.parse(
      JSON.stringify({ values, errors, minima: minima.length > 0 ? minima : undefined }),
    )
    expect({ values: found.values, errors: found.errors, minima: found.minima }).toEqual(inJson)
  })

  test('depends on the options for weights and σ', () => {
    const sigma = t.map((t) => 0.1 + t)
    write(
      'sigma.csv',
      csv(
        ['t', 'y', 's', 'w'],
        t.map((t, i) => [t, y[i], sigma[i], i % 3]),
      ),
    )
    const same = (args: string, options: object) => {
      const { values, errors } = fitOne(expression(MODEL), { t, y }, { start, ...options })
      expect(lines(`sigma.csv --x t ${STARTS} ${args}`)[0]).toMatchObject({ values, errors })
    }
    same('--sigma s', { sigma })
    same('--sigma s --absolute-sigma', { sigma, absoluteSigma: true })
    same('--weights w', { weights: t.map((_, i) => i % 3) })
  })

  test('contains the fit of a built-in model from guessed starting values', () => {
    const { values } = fitOne(models.line(), { x: t, y }, {})
    for (const args of ['--x t', '--x x=t'])
      expect(lines(`decay.csv ${args}`, 'line')[0].values).toEqual(values)
    expect(lines('decay.csv --x t', 'line(x=t)')[0].values).toEqual(values)
  })

  test('is replaced by an error that mentions --x if no data column is named', () => {
    const model = 'a*exp(-b*t)'
    expect(run('decay.csv', model).stderr).toBe(
      'antigrad: --x: expected names that the model uses: a, b, t (the default of --x is x), got "x"\n',
    )
    expect(run('decay.csv --x q', model).stderr).toBe(
      'antigrad: --x: expected names that the model uses: a, b, t, got "q"\n',
    )
  })

  test('is correct for two columns, renamed columns, and a response in the model', () => {
    const [u, v] = [t.map((t) => t * t), t.map((t) => 1 - t)]
    write(
      'two.csv',
      csv(
        ['the u', 'v', 'z'],
        t.map((_, i) => [u[i], v[i], y[i]]),
      ),
    )
    const args = [
      '--x',
      'y=the u',
      '--x',
      'v',
      '--y',
      'z',
      '--start',
      'a=1,b=1',
      '--json',
      '--model',
      'a*y + b*v',
    ]
    const { stdout } = antigrad(['fit', 'two.csv', ...args], folder)
    const { values } = fitOne(expression('a*y + b*v'), { y: u, v, z: y }, { y: 'z', start: { a: 1, b: 1 } })
    expect(JSON.parse(stdout).values).toEqual(values)
  })

  test('is replaced by an error if a column has a name that fitMany reserves', () => {
    for (const y of ['@cost', '@weight']) {
      expect(() => fitOne(models.line(), { x: [1, 2, 3], [y]: [2, 4, 7] }, { y })).toThrow(
        `y: expected a name that does not begin with @, got "${y}"`,
      )
    }
  })

  test('is correct for array options and for models with more columns than x', () => {
    const at = Array.from({ length: 40 }, (_, i) => i / 10)
    const wave = at.map((x) => 2 * Math.sin(2 * Math.PI * 0.7 * x + 0.3) + 1 + (next() - 0.5) / 10)
    write(
      'wave.csv',
      csv(
        ['t', 'y'],
        at.map((x, k) => [x, wave[k]]),
      ),
    )
    const [found] = lines('wave.csv --x t', 'sinusoid(frequency=[0.2, 1])')
    expect(found.values).toEqual(
      fitOne(models.sinusoid({ frequency: [0.2, 1] }), { x: at, y: wave }, {}).values,
    )
    const rates = [0, 1, 2].flatMap((i) =>
      [0.5, 1, 2, 4, 8].map((s) => [s, i, (10 * s) / (2 * (1 + i / 1.5) + s)]),
    )
    write('inhibited.csv', csv(['s', 'i', 'rate'], rates))
    const model = 'inhibition(kind=competitive)'
    const [{ values }] = lines('inhibited.csv --x s --y rate', model)
    for (const [name, value] of Object.entries({ vmax: 10, km: 2, ki: 1.5 })) {
      expect(values[name]).toBeCloseTo(value, 6)
    }
    expect(lines('inhibited.csv --x s --x i --y rate', model)[0].values).toEqual(values)
    expect(run('inhibited.csv --x s --x k --y rate', model).stderr).toContain(
      '--x: expected names that the model uses',
    )
  })

  test('can be computed for a table on standard input', () => {
    const input = readFileSync(join(folder, 'decay.csv'), 'utf8')
    expect(lines(`- --x t ${STARTS}`, MODEL, { input })).toEqual(lines(`decay.csv --x t ${STARTS}`))
  })
})

describe('input files of antigrad fit', () => {
  const rows = [
    [1, 2],
    [2, 4],
    [3, 7],
  ]
  const { values } = fitOne(models.line(), { x: [1, 2, 3], y: [2, 4, 7] })

  test.each([
    ['BOM, ; and CRLF', '\ufeff"x";"y"\r\n1;2\r\n2;4\r\n3;7\r\n', ''],
    ['tabs, spaces, and no end of the last line', 'x\t y \n1\t 2\n+2 \t4.\n3e0\t.7E1', ''],
    [
      'quotes with delimiters, ends of lines and quotes in them',
      '"a,""b\r\nc",x,y\n"1,\r\n2",1,2\n,2,4\n"",3,7\n',
      '',
    ],
    ['ends of lines of all kinds, and empty ones', '\n\nx,y\r1,2\r\n\n2,4\n\r\n3,7\r\n\n', ''],
    ['another delimiter', 'x|y\n1|2\n2|4\n3|7\n', '--delimiter |'],
    ['a delimiter that is not the most frequent', 'x\ty;;\n1\t2\n2\t4\n3\t7\n', '--delimiter tab --y y;;'],
    ['a name that fitMany has for itself', 'x,@cost\n1,2\n2,4\n3,7\n', '--y @cost'],
    [
      'names that are properties of objects',
      'x,__proto__,constructor\n1,2,3\n2,4,3\n3,7,3\n',
      '--y __proto__',
    ],
    ['empty cells beyond the header', 'x,y\n1,2,\n2,4, ,\n3,7\n', ''],
    ['a quote within a cell', 'x,y,5" pipe\n1,2,3"4\n2,4,\n3,7,"a"b\n', ''],
    ['a column twice that is not used', 'x,z,y,z\n1,0,2,a\n2,0,4,b\n3,0,7,\n', ''],
    ['decimal commas', 'x;y\n1,0;2\n2;4,000\n0,3e1;"7,0"\n', ''],
    ['decimal commas between blanks', 'x  y\n 1,0 2,0\n2 4\n3   7,0 \n', ''],
    ['decimal commas between tabs', 'x\ty\n1,0\t2\n2\t4\n3\t7\n', ''],
    ['decimal commas that are said to be so', 'x,y\n"1,000",2\n2,"4,0"\n3,7\n', '--decimal ,'],
    ['percents and signs', 'x,y\n+100%,200 %\n2,4\n300%,7\n', ''],
    ['comments', '# by whom\nx,y\n1,2\n  # "late\n2,4\n3,7\n', ''],
    ['other comments', '% by whom\nx,y\n1,2\n%3,4\n2,4\n3,7\n', '--comment %'],
    ['units', 'x (s),y [mV],z\n1,2,3\n2,4,3\n3,7,3\n', ''],
    ['digits of all lengths', `x,y,z\n1.${'0'.repeat(500)},2\n2,4\n3,0.7000000000000000000000e+0001\n`, ''],
  ])('are read with %s', (_, text, args) => {
    write('some.csv', text)
    expect(lines(`some.csv ${args}`, 'line')[0]).toMatchObject({ values, observations: 3 })
  })

  test('can have a million columns', () => {
    const names = Array.from({ length: 1e6 }, (_, i) => `c${i}`)
    const cells = (x: number, y: number) => names.map((_, i) => (i === 5 ? x : i === 999_999 ? y : i))
    write(
      'wide.csv',
      csv(
        names,
        rows.map(([x, y]) => cells(x, y)),
      ),
    )
    expect(lines('wide.csv --x c5 --y c999999', 'line')[0].values).toEqual(values)
    const { status, stderr } = run('wide.csv', 'line')
    expect(status).toBe(2)
    expect(stderr.length).toBeLessThan(400)
    expect(stderr).toMatch(
      /^antigrad: --x: expected one of the columns of wide.csv: "c0", .* and 999,980 more, got "x"\n$/,
    )
  })

  test('are read from a pipe with memory for only two columns', () => {
    const before = `process.on('exit', () => console.error(process.resourceUsage().maxRSS >> 10))`
    const row = (i: number) => `some words;${i % 1000},5;${(i % 1000) + 1}\n`
    const thousand = Array.from({ length: 1000 }, (_, i) => row(i)).join('')
    const input = `words;x;y\n${thousand.repeat(1500)}`
    // Without the flag, delayed garbage collection would leave another 35 MB.
    const flags = ['--max-semi-space-size=1']
    const used = (text: string) => Number(run('-', 'line', { before, flags, input: text }).stderr)
    const [many, few] = [used(input), used(`words;x;y\n${thousand}`)]
    expect(few).toBeGreaterThan(10)
    // Two columns take 24 MB. Columns grow, and are copied for the fit and for the engine. Arrays of arrays took 260 to
    // 330 MB.
    expect(many - few).toBeLessThan(210)
  })

  test('are parsed with at most one row of text in memory', () => {
    const words = 'w'.repeat(1 << 20)
    write(
      'long.csv',
      csv(
        ['x', 'y', 'words'],
        Array.from({ length: 128 }, (_, i) => [i, i % 7, words]),
      ),
    )
    write(
      'short.csv',
      csv(
        ['x', 'y'],
        [1, 2, 4].map((x) => [x, x % 3]),
      ),
    )
    const before = `process.on('exit', () => console.error(process.resourceUsage().maxRSS >> 10))`
    const [large, small] = ['long.csv', 'short.csv'].map((file) =>
      Number(run(file, 'line', { before }).stderr),
    )
    expect(small).toBeGreaterThan(10)
    expect(large - small).toBeLessThan(80)
  })
})

describe('table rows with invalid numbers', () => {
  test('are dropped by --drop-invalid, and a message reports the line and column', () => {
    const text =
      'x,"the y",n\n1,2,\nNaN,1,\n"\r\n",5,\n3,Infinity,\n2,4,\n5,,\n6\n7,8,9,10\n0x10,1,\n1 2,3,\n3,7,\n4,1e999,\n'
    write('holes.csv', text)
    const args = ['--y', 'the y', '--model', 'line', '--json', '--drop-invalid']
    const { status, stdout, stderr } = antigrad(['fit', 'holes.csv', ...args], folder)
    expect(stderr.trimEnd().split('\n')).toEqual([
      'antigrad: holes.csv: line 3: x is "NaN", not a number: the row was dropped',
      'antigrad: holes.csv: line 5: x is empty: the row was dropped',
      'antigrad: holes.csv: line 6: the y is "Infinity", not a number: the row was dropped',
      'antigrad: holes.csv: line 8: the y is empty: the row was dropped',
      'antigrad: holes.csv: line 9: the y is empty: the row was dropped',
      'antigrad: holes.csv: and 4 more: 9 of 12 rows were dropped',
    ])
    const { values } = fitOne(models.line(), { x: [1, 2, 3], y: [2, 4, 7] })
    expect({ status, ...JSON.parse(stdout) }).toMatchObject({ status: 0, values, observations: 3 })
  })

  test.each([
    [
      'x,y,s\n1,2,1\n2,4,0\n3,7,1\n4,8,-1\n5,8,1\n',
      '--sigma s',
      ['line 3: s is 0, not above 0', 'line 5: s is -1, not above 0'],
    ],
    ['x,y,s\n1,2,1\n2,4,0\n3,7,1\n4,8,-1\n5,8,1\n', '--weights s', ['line 5: s is -1, not at least 0']],
    ['x,y\n1,2\n2,-4\n3,7\n4,0\n', '--loss poisson', ['line 3: y is -4, not at least 0']],
    ['x,y,g\n1,2,a\n2,3, \n3,7,a\n4,0,a\n', '--group g', ['line 3: g is empty']],
    ['x,y\n1,2\n2,4\n3,7\n4,1e999\n', '', ['line 5: y is too large']],
    ['x,y\n1,2\n2,4\n3,7\n1,2,3\n', '', ['line 5: the row has 3 cells, but the header has 2']],
    ['x,y\n1,2\n2,4\n3,7\n1,\u001b[31mred\n', '', ['line 5: y is "�[31mred", not a number']],
  ])('cause the error %j for %s', (text, args, told) => {
    write('some.csv', text)
    const model = args.includes('poisson') ? 'a + x/a' : 'line'
    const refused = run(`some.csv ${args}`, model)
    expect(refused).toEqual({
      ...{ status: 2, stdout: '' },
      stderr: `antigrad: some.csv: ${told[0]}; --drop-invalid drops such rows\n`,
    })
    const { stdout, stderr } = run(`some.csv --drop-invalid ${args}`, model)
    expect(stdout).not.toBe('')
    const said = stderr.split('\n').filter((line) => line.includes('some.csv'))
    expect(said).toEqual(told.map((reason) => `antigrad: some.csv: ${reason}: the row was dropped`))
  })

  test('cause an error if no row remains', () => {
    write('some.csv', 'x,y\na,1\nb,2\n')
    const { status, stdout, stderr } = run('some.csv --drop-invalid', 'line')
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/line 2: .*\n.*line 3: .*\nantigrad: some.csv: no rows are left to fit\n$/)
  })
})

describe('antigrad fit ends with exit status 2, one line on stderr and no output for an invalid file:', () => {
  test.each([
    ['', 'expected a header with names of columns, got an empty file'],
    ['\n\n', 'expected a header with names of columns, got an empty file'],
    ['x,y\n', 'expected rows below the header, got none'],
    ['x,y', 'expected rows below the header, got none'],
    ['1,2\n3,4\n', 'expected a header with names of columns, got "1", "2"'],
    ['x;z\n1;2\n', '--y: expected one of the columns of bad.csv: "x", "z", got "y"'],
    ['x z\n1 2\n', '--y: expected one of the columns of bad.csv: "x", "z", got "y"'],
    [
      'x (s),x [ms],y\n1,2,3\n',
      '--x: expected one of the columns of bad.csv: "x (s)", "x [ms]", "y", got "x"',
    ],
    ['x,y,x\n1,2,3\n', '--x: expected a column name that occurs once in bad.csv, got "x"'],
    ['x,y\n1,2\n2,"3,5"\n', 'bad.csv: line 3: y is "3,5", not a number with a decimal point (--decimal ,)'],
    [
      'x;y\n1;2\n2.5;3\n4;3,5\n',
      'bad.csv: line 4: y is "3,5", not a number with a decimal point (--decimal ,)',
    ],
    ['x;y\n0,5;2\n2;3.5\n', 'bad.csv: line 3: y is "3.5", not a number with a decimal comma (--decimal .)'],
    ['x\ty\n1\t2\n5\t6,0,1\n', 'bad.csv: line 3: y is "6,0,1", not a number'],
    ['x,y\n1,2\n2,"3\n4,5\n', 'bad.csv: a quote that opens in line 3 or below is not closed'],
    ['"x,y\n1,2\n', 'bad.csv: a quote that opens in line 1 or below is not closed'],
    [
      `x,y\n1,"${'1\n'.repeat(1 << 24)}2\n`,
      'bad.csv: line 2: expected a row of at most 32 MiB; a quote may not be closed',
    ],
    [Buffer.from('x,y\n1,2\n', 'utf16le'), 'expected text in UTF-8'],
    [Buffer.from(Array.from({ length: 1 << 18 }, () => Math.floor(256 * next()))), 'expected text in UTF-8'],
  ])('case %#', (text, message) => {
    write('bad.csv', text)
    const { status, stdout, stderr } = run('bad.csv', 'line')
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/^antigrad: [^\n]*\n$/)
    expect(stderr).toContain(message)
  })
})

describe('antigrad fit ends with exit status 2, one line on stderr and no output for an invalid argument:', () => {
  test.each([
    ['none.csv --x t', MODEL, 'none.csv: ENOENT'],
    ['. --x t', MODEL, '.: EISDIR'],
    ['--x t', MODEL, "missing required argument 'file'"],
    ['decay.csv --x t', null, "required option '--model <model>' not specified"],
    ['decay.csv --x t', 'a*exp(', 'expected a number, a name or ( at character 7'],
    ['decay.csv --x t', 'lime', '--model: expected an expression or one of line'],
    [
      'decay.csv',
      MODEL,
      '--x: expected names that the model uses: a, b, t, c (the default of --x is x), got "x"',
    ],
    ['decay.csv --x t --x t', MODEL, 'Expected distinct names'],
    ['decay.csv --x =t', MODEL, 'Expected a name, or name=column'],
    ['decay.csv --x t --y z', MODEL, '--y: expected one of the columns of decay.csv: "t", "y", "g", got "z"'],
    ['decay.csv --x t --group z', MODEL, '--group: expected one of the columns'],
    ['decay.csv --x t --shared b', MODEL, '--shared: expected --group as well'],
    [
      'decay.csv --x t --group g --shared b --correlations',
      MODEL,
      '--correlations: expected no value with --shared',
    ],
    [
      'decay.csv --x t --group g --shared b:nobody',
      MODEL,
      '--shared: expected one of the columns of decay.csv',
    ],
    ['decay.csv --x t --group g --shared b:t', MODEL, '--shared: expected the same t in all rows of A'],
    [`decay.csv --x t --group g ${STARTS} --shared q`, MODEL, 'shared: expected names among'],
    ['decay.csv --x t --sigma y --weights y', MODEL, 'cannot be used with'],
    ['decay.csv --x t --start a=1,b', MODEL, '--start: expected a list such as a=1,b=0.5'],
    ['decay.csv --x t --start a=1,a=2', MODEL, '--start: expected distinct names'],
    ['decay.csv --x t --min a=NaN', MODEL, '--min: expected a list such as a=1,b=0.5'],
    [`decay.csv --x t ${STARTS} --max z=1`, MODEL, 'start: expected names among a, b, c, got "z"'],
    [`decay.csv --x t ${STARTS} --max a=1 --min a=2`, MODEL, 'start: a: expected min ≤ max'],
    ['decay.csv --x t --fixed c', MODEL, '--fixed: expected a value for c, such as c=0'],
    [`decay.csv --x t ${STARTS} --multi-start 4`, MODEL, 'start: a: expected finite min and max'],
    ['decay.csv --x t --loss hubert', MODEL, 'Did you mean huber?'],
    ['decay.csv --x t --loss-scale 0', MODEL, 'Expected a number > 0'],
    [`decay.csv --x t ${STARTS} --max-iterations 0`, MODEL, 'maxIterations: expected an integer ≥ 1'],
    ['decay.csv --x t --engine gpu', MODEL, 'native, wasm, typescript'],
    ['decay.csv --x t --delimiter ,,', MODEL, 'Expected a single character, or tab'],
    ['decay.csv --x t --decimal ;', MODEL, 'Allowed choices are ., ,'],
    ['decay.csv --x t --plot fit.jpg', MODEL, 'ends in .svg or .png'],
    [
      'pairs.csv --x t --x s --plot fit.svg',
      'a*t + b*s',
      '--plot: expected at most 24 levels of s (one curve per level), got 25',
    ],
  ])('%s %s', (args, model, message) => {
    const { status, stdout, stderr } = run(args, model)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/^antigrad: [^\n]*\n$/)
    expect(stderr).toContain(message)
    expect(existsSync(join(folder, 'fit.svg'))).toBe(false)
  })
})

describe('the table of antigrad fit', () => {
  test("lists the values, standard errors and intervals of the parameters, and the fit's statistics", () => {
    const { status, stdout, stderr } = run('decay.csv --x t --start b=1 --fixed c=0.5')
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: 'antigrad: a starts at 1 by default (--start sets other values)\n',
    })
    const found = fitOne(
      expression(MODEL),
      { t, y },
      { start: { a: 1, b: 1, c: { start: 0.5, fixed: true } } },
    )
    const { values, errors, chiSquared, rSquared, evaluations } = found
    const short = (x: number, digits = 6) => `${Number(x.toPrecision(digits))}`
    const row = (name: 'a' | 'b' | 'c') => {
      const ends = found.intervals(0.95)[name].map((end) => short(end))
      return [name, short(values[name], 8), short(errors[name], 3), ...ends].join(' ')
    }
    const text = stdout.split('\n').map((line) => line.trim().replace(/ +/g, ' '))
    expect(text.slice(0, 5)).toEqual(['value error 95% from to', row('a'), row('b'), 'c 0.5 fixed', ''])
    expect(text[5]).toContain(`χ² ${short(chiSquared)}, `)
    expect(text[5]).toContain(`R² ${short(rSquared)}, `)
    expect(text.slice(6)).toEqual([`60 rows, 2 parameters; converged after ${evaluations} evaluations`, ''])
  })

  test('has one line per group, which states why a fit failed', () => {
    write(
      'groups.csv',
      csv(['t', 'y', 'the g'], [...decay, [1, 2, 'C,"'].map((cell) => (cell === 'C,"' ? '"C,"""' : cell))]),
    )
    const args = ['--x', 't', '--group', 'the g', '--start', 'a=1,b=1,c=1', '--model', MODEL]
    const { status, stdout, stderr } = antigrad(['fit', 'groups.csv', ...args], folder)
    expect({ status, stderr }).toEqual({ status: 1, stderr: 'antigrad: 1 of 3 fits did not converge\n' })
    const [head, a, b, c, end] = stdout.split('\n').map((line) => line.trim().replace(/ +/g, ' '))
    expect(head).toBe('the g rows a ± b ± c ± χ² R² reason')
    expect(a).toMatch(/^A 35 (\S+ ){8}converged$/)
    expect(b).toMatch(/^B 25 (\S+ ){8}converged$/)
    const why = 'too-few-points: 1 row for 3 free parameters'
    expect([c, end]).toEqual([`C," 1 ${'– '.repeat(8)}${why}`, ''])
  })

  test('explains unidentifiable parameters, parameters at bounds, and non-finite values', () => {
    write(
      'constant.csv',
      csv(
        ['t', 'y'],
        [0, 1, 2, 3, 4].map((at) => [at, 2]),
      ),
    )
    const constant = run(`constant.csv --x t ${STARTS}`)
    expect(constant.status).toBe(1)
    expect(constant.stdout).toMatch(/\n *b +\S+ +– +– +–\n/)
    expect(constant.stdout).toContain('R² –')
    expect(constant.stdout).toContain('\nthe data do not determine b; ')
    expect(constant.stdout).toContain('y is constant: R² is undefined\n')
    const held = run(`decay.csv --x t ${STARTS} --max a=2`)
    expect(held.stdout).toMatch(/\n *a +2 +at bound +– +–\n/)
    expect(held.stdout).toContain('\na held at a bound, and counted as fixed\n')
    const infinite = run('decay.csv --x t', 'a/t + b')
    expect(infinite.stdout).toContain('\nrow 0, where t = 0: the model is Infinity where the fit starts\n')
  })

  test('lists the local minima of a fit from several starting points', () => {
    write(
      'sine.csv',
      csv(
        ['x', 'y'],
        Array.from({ length: 50 }, (_, i) => [i / 5, Math.sin(2 * (i / 5))]),
      ),
    )
    const { status, stdout } = run('sine.csv --start w=2 --min w=0.1 --max w=10 --multi-start 16', 'sin(w*x)')
    expect(status).toBe(0)
    const { minima } = fitOne(
      expression('sin(w*x)'),
      {
        x: Array.from({ length: 50 }, (_, i) => i / 5),
        y: Array.from({ length: 50 }, (_, i) => Math.sin(2 * (i / 5))),
      },
      { start: { w: { start: 2, min: 0.1, max: 10 } }, multiStart: 16 },
    )
    expect(minima.length).toBeGreaterThan(2)
    expect(stdout).toContain(
      `\n${minima.length} minima: χ² ${Number(minima[0].chiSquared.toPrecision(6))} from ${minima[0].starts} starts; `,
    )
  })

  test('is printed in time proportional to the number of rows', () => {
    const rows = Array.from({ length: 50_000 }, (_, i) => [`${i}`, '次', 'a\nb'])
    const lines = columns(rows, [0]).split('\n')
    expect(lines).toHaveLength(100_000)
    expect([lines[0], lines[1], lines[99_998]]).toEqual(['    0  次  a', '           b', '49999  次  a'])
  })
})

describe('the command-line option', () => {
  const half = 'half=log(2)/b'

  test('--derive, like --positive and --profile, gives the same results as the API', () => {
    const args = `decay.csv --x t ${STARTS} --derive ${half} --positive a,b --profile`
    const [found] = lines(args)
    const positive = (one: number) => ({ start: one, positive: true })
    const other = fitOne(
      expression(MODEL),
      { t, y },
      {
        start: { a: positive(1), b: positive(1), c: 1 },
        derive: { half: 'log(2)/b' },
        intervals: profileIntervals(),
      },
    )
    expect([found.values, found.errors]).toEqual([other.values, other.errors])
    expect(found.profile).toEqual(JSON.parse(JSON.stringify(profile(other))))
    const table = run(args).stdout.split('\n')
    const [low, high] = other.intervals().half.map((x) => `${Number(x.toPrecision(6))}`)
    expect(table.find((line) => line.startsWith('half'))).toMatch(new RegExp(`${low} +${high}$`))
    const groups = run(`${args} --group g`).stdout.split('\n')
    expect(groups[0]).toMatch(/a +from +to +b +from +to .* half +from +to/)
  })

  test('--profile reports missing endpoints of intervals', () => {
    write(
      'flat.csv',
      csv(
        ['x', 'y'],
        [0, 1, 2, 3, 4, 5].map((x) => [x, 1 - Math.exp(-50 * x) + 0.01 * Math.cos(9 * x)]),
      ),
    )
    const { stdout } = run('flat.csv --start b=4 --min b=0 --profile', '1 - exp(-b*x)')
    expect(stdout).toMatch(/^b has no upper endpoint: /m)
    const [{ profile }] = lines('flat.csv --start b=4 --min b=0 --profile', '1 - exp(-b*x)')
    expect([profile.b.high, profile.b.highReason]).toEqual([null, 'unbounded'])
  })

  test('--expr defines a parameter by other parameters, which need not occur in the model', () => {
    const [found] = lines(`decay.csv --x t --expr c=a/d --start a=1,b=1,d=4`)
    const given = { a: 1, b: 1, c: { expr: 'a/d' }, d: 4 }
    const other = fitOne(expression(MODEL), { t, y }, { start: given })
    expect([found.values, found.errors]).toEqual([other.values, other.errors])
    const { status, stderr } = run(`decay.csv --x t --expr c=a/d --start a=1,b=1`)
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: 'antigrad: d starts at 1 by default (--start sets other values)\n',
    })
  })

  test('--correlations prints the correlations of the fitted parameters', () => {
    const { stdout } = run(`decay.csv --x t ${STARTS} --correlations`)
    const other = fitOne(expression(MODEL), { t, y }, { start })
    const rows = stdout.trimEnd().split('\n').slice(-3)
    for (const [i, row] of rows.entries()) {
      const numbers = other.correlation[i].slice(0, i + 1).map((r) => Number(r.toPrecision(3)))
      expect(row.split(/ +/)).toEqual([other.free[i], ...numbers.map(String)])
    }
  })

  test('--sigma accepts a formula after an equals sign, like --weights', () => {
    const [found] = lines(`decay.csv --x t ${STARTS} --sigma =0.1*f`)
    const other = fitOne(expression(MODEL), { t, y }, { start, sigma: '0.1*f' })
    expect([found.values, found.errors, found.evaluations]).toEqual([
      other.values,
      other.errors,
      other.evaluations,
    ])
    const [weighted] = lines(`decay.csv --x t ${STARTS} --weights =1/(f*f)`)
    expect(weighted.values.b).toBeCloseTo(found.values.b, 6)
  })

  test('--compare prints the same results as the API', () => {
    const args = `decay.csv --x t ${STARTS} --compare a*exp(-b*t)`
    const [{ compare: found }] = lines(args)
    const [a, b] = [MODEL, 'a*exp(-b*t)'].map((text) =>
      fitOne(expression(text as 'a'), { t, y } as never, {
        start: (text === MODEL ? start : { a: 1, b: 1 }) as never,
      }),
    )
    const wanted = compare(a, b)
    expect(found).toMatchObject({
      ...wanted,
      models: [MODEL, 'a*exp(-b*t)'],
      b: { values: b.values, errors: b.errors },
    })
    expect(found.test).toBe('F')
    const { stdout } = run(args)
    expect(stdout).toMatch(/^a +a\*exp\(-b\*t\) \+ c +3 /m)
    expect(stdout).toMatch(/^b +a\*exp\(-b\*t\) +2 /m)
    expect(stdout).toMatch(/^a is the full model: F\(1, 57\) = [\d.]+, p = \S+$/m)
    // One line per group, equal to the line of the group alone.
    const groups = lines(`${args} --group g`)
    expect(groups.map(({ compare }) => compare.test)).toEqual(['F', 'F'])
    expect(run(`${args} --group g`).stdout.split('\n')[0]).toMatch(/p +AICc b − a +reason$/)
    // A built-in model guesses the starting values. A constant needs no column.
    const [{ compare: line }] = lines('decay.csv --x t --compare level --start level=1', 'line')
    expect([line.fullModel, line.models[1]]).toEqual(['a', 'level'])
  })

  test.each([
    ['--start zz=1', '--start: expected names in one of the models'],
    ['--weights =1/f^2', '--compare: expected a column for sigma or weights'],
    ['--loss huber', '--compare: expected the loss squared or poisson'],
  ])('--compare with %s is refused', (args, message) => {
    const { status, stdout, stderr } = run(`decay.csv --x t ${args} --compare a*t`)
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toContain(message)
  })

  test('--covariance reads the covariance of y from a file', () => {
    const few = decay.slice(0, 8)
    const matrix = few.map((_, i) => few.map((_, j) => (i === j ? 0.01 : 0) + 0.002))
    const covariance = covarianceMatrix(matrix)
    write('few.csv', csv(['t', 'y', 'g'], few))
    write('cov.csv', `# of eight\n${matrix.map((row) => row.join(';')).join('\n')}\n`)
    const args = `few.csv --x t ${STARTS} --absolute-sigma`
    const [found] = lines(`${args} --covariance cov.csv`)
    const data = { t: few.map(([t]) => t), y: few.map(([, y]) => y) }
    const other = fitOne(expression(MODEL), data, { start, covariance, absoluteSigma: true })
    expect([found.values, found.errors]).toEqual([other.values, other.errors])
    write('words.csv', '1,0\n0,one\n')
    write('long.csv', '1,0\n0,1,2\n')
    for (const [file, message] of [
      ['none.csv', 'none.csv: '],
      ['words.csv', 'words.csv: line 2: cell 2 is "one", not a finite number'],
      ['long.csv', 'long.csv: line 2: expected 2 numbers, as in the first row, got 3'],
      ['decay.csv', 'decay.csv: line 1: cell 1 is "t", not a finite number'],
      ['cov.csv --sigma y', "'--covariance <file>' cannot be used with option '--sigma <column>'"],
    ]) {
      const { status, stdout, stderr } = run(`${args} --covariance ${file}`)
      expect([status, stdout]).toEqual([2, ''])
      expect(stderr).toContain(message)
    }
    expect(run(`decay.csv --x t ${STARTS} --covariance cov.csv`).stderr).toContain(
      'covariance: expected 60 rows',
    )
  })

  test.each([
    ['--derive half', 'Expected name=expression.'],
    ['--derive q=b --derive q=a', 'Expected distinct names.'],
    ['--derive q=zz*2', 'derive: q: expected parameters among a, b, c'],
    ['--derive a=b', 'derive: expected unused names'],
    ['--expr a=2*b --min a=0', '--expr: expected a parameter without start, limits or other options'],
    ['--positive zz', 'start: expected names among a, b, c'],
    ['--weights =1/g', 'weights: expected an expression of f, t'],
  ])('is refused with an error message: %s', (args, message) => {
    const { status, stdout, stderr } = run(`decay.csv --x t ${args}`)
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toContain(message)
  })
})

describe('Ctrl-C during antigrad fit', () => {
  test('prints the completed fits', () => {
    const before = `process.on('newListener', (name) => name === 'SIGINT' && setTimeout(() => process.kill(process.pid, 'SIGINT'), 1500))`
    const names = Array.from({ length: 4000 }, (_, k) => `w${k}`)
    write(
      'many.csv',
      csv(
        ['t', 'y', 'g'],
        names.flatMap((g) => decay.map(([t, y]) => [t, y, g])),
      ),
    )
    const args =
      'many.csv --x t --group g --min a=0,b=0,c=0 --max a=9,b=9,c=9 --multi-start 256 --threads 1 --json'
    const { status, stdout, stderr } = run(`${args} ${STARTS}`, MODEL, { before })
    const found = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(status).toBe(130)
    expect(stderr).toBe(
      `antigrad: stopped before all 4,000 fits were done: the fits of ${found.length.toLocaleString('en')} groups follow\n`,
    )
    expect(found.length).toBeLessThan(4000)
    const other = fitOne(expression(MODEL), { t, y }, { start, tolerance: 1e-10 })
    for (const [k, { group, reason, values }] of found.entries()) {
      expect([group, reason]).toEqual([names[k], 'converged'])
      expect(values.b).toBeCloseTo(other.values.b, 5)
    }
  })

  test('ends the process with exit status 130', () => {
    const before = `process.on('newListener', (name) => name === 'SIGINT' && setImmediate(() => process.kill(process.pid, 'SIGINT')))`
    const args =
      'decay.csv --x t --group g --min a=0,b=0,c=0 --max a=9,b=9,c=9 --multi-start 4096 --tolerance 0'
    const { status, stdout, stderr } = run(`${args} ${STARTS}`, MODEL, { before })
    expect({ status, stdout, stderr }).toEqual({
      ...{ status: 130, stdout: '', stderr: 'antigrad: stopped before all 2 fits were done\n' },
    })
  })
})

describe('the plot of antigrad fit', () => {
  interface Element {
    readonly name: string
    readonly attributes: Record<string, string>
    /** The ids of the ancestors as one string. */
    readonly path: string
    text: string
  }

  /** All elements of a well-formed SVG. */
  function elementsOf(svg: string): Element[] {
    const found: Element[] = []
    const open: Element[] = []
    const parser = new SaxesParser()
    parser.on('opentag', ({ name, attributes }) => {
      const ids = open.map(({ attributes }) => attributes.id ?? '').filter(Boolean)
      const element = {
        name,
        attributes: attributes as Record<string, string>,
        path: ids.join(' '),
        text: '',
      }
      open.push(element)
      found.push(element)
    })
    parser.on('closetag', () => void open.pop())
    parser.on('text', (text) => {
      for (const element of open) element.text += text
    })
    parser.write(svg).close()
    return found
  }

  const pointsOf = (d: string): [number, number][] => {
    const numbers = d.match(/-?[\d.]+/g)?.map(Number) ?? []
    return Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i], numbers[2 * i + 1]])
  }

  /** Converts pixels to numbers by the first and the last tick of an axis. */
  function scale(elements: Element[], panel: string, axis: 'x' | 'y'): (pixel: number) => number {
    const anchor = axis === 'x' ? 'middle' : 'end'
    const marks = elements.filter(
      ({ name, path, attributes }) =>
        name === 'text' && path === panel && attributes['text-anchor'] === anchor,
    )
    // A label lies four pixels below its tick.
    const at = ({ attributes }: Element) => Number(attributes[axis]) - (axis === 'y' ? 4 : 0)
    const [first, last] = [marks[0], marks.at(-1) as Element]
    const [a, b] = [first, last].map(({ text }) => Number(text.replace('−', '-')))
    return (pixel) => a + ((b - a) * (pixel - at(first))) / (at(last) - at(first))
  }

  const drawn = (file: string, args: string, model = MODEL) => {
    const { status, stderr } = run(`${args} --plot ${file}`, model)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    return readFileSync(join(folder, file), 'utf8')
  }

  test('shows the data, the curve, its band, and the residuals', () => {
    const elements = elementsOf(drawn('one.svg', `decay.csv --x t ${STARTS}`))
    const found = fitOne(expression(MODEL), { t, y }, { start })
    const of = (panel: string, kind: string) =>
      elements.filter(({ path, attributes }) => path === panel && attributes.class === kind)
    const [toX, toY, toOff] = [
      scale(elements, 'fit', 'x'),
      scale(elements, 'fit', 'y'),
      scale(elements, 'residuals', 'y'),
    ]
    // The size of half a pixel.
    const [dx, dy, dOff] = [toX, toY, toOff].map((to) => 0.6 * Math.abs(to(1) - to(0)))
    const near = (a: number, b: number, off: number) => expect(Math.abs(a - b)).toBeLessThan(off)

    const [[data], [residuals], [curve], [band]] = [
      ...[of('fit', 'data'), of('residuals', 'data'), of('fit', 'curve'), of('fit', 'band')],
    ]
    const dots = (element: Element) => pointsOf(element.attributes.d.replaceAll('h0', ''))
    expect([dots(data).length, dots(residuals).length]).toEqual([60, 60])
    const left = found.residuals
    for (const [i, [x, py]] of dots(data).entries()) {
      near(toX(x), t[i], dx)
      near(toY(py), y[i], dy)
      near(toOff(dots(residuals)[i][1]), left[i], dOff)
    }
    const line = pointsOf(curve.attributes.d)
    near(toX(line[0][0]), 0, dx)
    near(toX((line.at(-1) as [number, number])[0]), t[59], dx)
    const at = { t: line.map(([x]) => toX(x)) }
    for (const [i, f] of found.predict(at).entries()) near(toY(line[i][1]), f, dy)

    // The upper edge from left to right, and the lower edge from right to left.
    const shape = pointsOf(band.attributes.d)
    const ends = found.band({ t: shape.map(([x]) => toX(x)) })
    for (const [i, [, py]] of shape.entries()) {
      near(toY(py), (i < shape.length / 2 ? ends.high : ends.low)[i], dy)
    }
    expect(elements.find(({ name }) => name === 'title')?.text).toContain(`y = ${MODEL}`)
    expect(elements.at(-1)?.text ?? elements.map(({ text }) => text).join()).toContain('± ')
  })

  /** Data without noise, for each level of a second column of the model. */
  const levelRows = (levels: readonly number[], label: number) =>
    levels.flatMap((T) => [0, 1, 2, 3, 4].map((t) => [t, T, 2 * Math.exp((-0.3 * t * T) / 300), label]))
  const LEVEL_MODEL = 'a*exp(-b*t*T/300)'
  const endsOf = (d: string) => [pointsOf(d)[0], pointsOf(d).at(-1)]

  test('shows a curve for each level of a second column', () => {
    write('levels.csv', csv(['t', 'T', 'y', 'g'], levelRows([600, 150, 300], 1)))
    const args = 'levels.csv --x t --x T --start a=2,b=0.3'
    const elements = elementsOf(drawn('levels.svg', args, LEVEL_MODEL))
    const of = (kind: string) =>
      elements.filter(({ path, attributes }) => path === 'fit' && attributes.class === kind)
    // Each curve begins and ends at the data of its level.
    const toPixels = (d: string) => [...d.matchAll(/M([\d.]+) ([\d.]+)h0/g)].map(([, x, y]) => [+x, +y])
    expect(of('curve')).toHaveLength(3)
    for (const [k, { attributes }] of of('curve').entries()) {
      const dots = toPixels(of('data')[k].attributes.d)
      for (const [place, end] of endsOf(attributes.d).entries())
        for (const axis of [0, 1])
          expect(Math.abs((end?.[axis] ?? NaN) - dots[place === 0 ? 0 : 4][axis])).toBeLessThan(1.5)
    }
    const texts = elements.filter(({ name, path }) => name === 'text' && path === 'legend')
    expect(texts.map(({ text }) => text)).toEqual([
      expect.stringMatching(/^T = 150, a = 2.*, b = 0\.3/),
      'T = 300',
      'T = 600',
    ])
  })

  test('shows more than 24 groups in panels, each with its name and its values once', () => {
    const groups = Array.from({ length: 27 }, (_, k) => k)
    const rows = groups.flatMap((k) => levelRows([150, 600], k))
    write('many.csv', csv(['t', 'T', 'y', 'g'], rows))
    const args = '--group g --start a=2,b=0.3'
    const svg = drawn('many.svg', `many.csv --x t --x T ${args}`, LEVEL_MODEL)
    const elements = elementsOf(svg)
    expect(elements.filter(({ attributes }) => attributes.class === 'panel')).toHaveLength(27)
    expect(elements.filter(({ attributes }) => attributes.class === 'curve')).toHaveLength(54)
    const texts = elements.filter(({ name }) => name === 'text')
    for (const k of groups) expect(texts.filter(({ text }) => text === `g ${k}`)).toHaveLength(1)
    expect(texts.filter(({ text }) => /^a = 2\b/.test(text))).toHaveLength(27)
    expect(texts.filter(({ path }) => path === 'legend').map(({ text }) => text)).toEqual([
      'T = 150',
      'T = 600',
    ])
    const [width, height] = [elements[0].attributes.width, elements[0].attributes.height].map(Number)
    for (const { attributes } of texts) {
      expect(Number(attributes.x)).toBeLessThan(width)
      expect(Number(attributes.y)).toBeLessThan(height)
    }
    expect(svg).not.toContain('NaN')
  })

  test('shows error bars for σ, and logarithmic axes with ticks at powers of ten', () => {
    const doses = [0, 0.001, 0.01, 0.1, 1, 10, 100, 1000]
    const rows = doses.map((x) => [x, 1 + (9 * x) / (1 + x) + 0.1 * Math.cos(9 * x), 0.2])
    write('doses.csv', csv(['x', 'y', 's'], rows))
    const { status, stderr } = run('doses.csv --sigma s --log-x --log-y --plot doses.svg', 'four-p-l')
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: 'antigrad: --log-x: 1 value is not positive and cannot be drawn\n',
    })
    const elements = elementsOf(readFileSync(join(folder, 'doses.svg'), 'utf8'))
    const marks = (anchor: string) =>
      elements.flatMap(({ name, path, attributes, text }) =>
        name === 'text' && path === 'fit' && attributes['text-anchor'] === anchor
          ? [[Number(text), Number(attributes[anchor === 'middle' ? 'x' : 'y'])] as const]
          : [],
      )
    const across = marks('middle')
    expect(across.map(([x]) => x)).toEqual([0.001, 0.01, 0.1, 1, 10, 100, 1000])
    const up = marks('end')
    expect(up.map(([y]) => y)).toEqual([1, 2, 5, 10])
    const to = ([[x0, p0], [x1, p1]]: readonly (readonly [number, number])[]) => {
      return (x: number) => p0 + ((p1 - p0) * Math.log(x / x0)) / Math.log(x1 / x0)
    }
    const [toX, toY] = [to(across), to(up)]
    const of = (kind: string) =>
      elements.find(({ path, attributes }) => path === 'fit' && attributes.class === kind)
    const dots = pointsOf(of('data')?.attributes.d.replaceAll('h0', '') ?? '')
    const bars = [...(of('bars')?.attributes.d ?? '').matchAll(/M(\d+) (\d+)V(\d+)/g)].map((match) =>
      match.slice(1).map(Number),
    )
    expect([dots.length, bars.length]).toEqual([7, 7])
    for (const [i, [x, y]] of rows.slice(1).entries()) {
      expect(Math.abs(dots[i][0] - toX(x))).toBeLessThan(1)
      expect(Math.abs(dots[i][1] - (toY(y) - 4))).toBeLessThan(1.1)
      expect(Math.abs(bars[i][1] - (toY(y - 0.2) - 4))).toBeLessThan(1.1)
      expect(Math.abs(bars[i][2] - (toY(y + 0.2) - 4))).toBeLessThan(1.1)
    }
    const none = run('doses.csv --log-y --plot none.svg --y x --x y', 'line')
    expect(none.status).toBe(0)
    write(
      'below.csv',
      csv(
        ['x', 'y'],
        [
          [-1, 1],
          [-2, 2],
          [0, 3],
        ],
      ),
    )
    const { status: refused, stderr: why } = run('below.csv --log-x --plot below.svg', 'line')
    expect([refused, why]).toEqual([
      2,
      'antigrad: --log-x: expected at least one positive value to draw, got "none"\n',
    ])
  })

  test('shows each group in a separate color, and is identical for identical commands', () => {
    const args = `decay.csv --x t --group g ${STARTS}`
    const svg = drawn('groups.svg', args)
    expect(drawn('again.svg', `${args} --engine typescript`)).toBe(svg)
    const elements = elementsOf(svg)
    const colors = (kind: string) =>
      elements
        .filter(({ attributes, path }) => attributes.class === kind && path === 'fit')
        .map(({ attributes }) => attributes[kind === 'band' ? 'fill' : 'stroke'])
    expect(colors('data')).toEqual(['#d55e00', '#000000'])
    expect(colors('curve')).toEqual(colors('data'))
    expect(colors('band')).toEqual(colors('data'))
    const legend = elements.filter(({ name, path }) => name === 'text' && path === 'legend')
    expect(legend.map(({ text }) => text.slice(0, 7))).toEqual(['g A, a ', 'g B, a '])
  })

  test('omits the curve where the model is undefined, and shows the data of failed fits', () => {
    write(
      'log.csv',
      csv(
        ['x', 'y'],
        Array.from({ length: 9 }, (_, i) => [i - 4, 5 * Math.log(i + 1)]),
      ),
    )
    const elements = elementsOf(drawn('log.svg', 'log.csv --start a=1,b=5', 'a*log(x + b)'))
    expect(elements.filter(({ attributes }) => attributes.class === 'curve')).toHaveLength(1)
    write('few.csv', 'x,y\n1,2\n')
    expect(run('few.csv --plot few.svg', 'line').status).toBe(1)
    const few = elementsOf(readFileSync(join(folder, 'few.svg'), 'utf8'))
    const paths = (kind: string) =>
      few.filter(({ attributes }) => attributes.class === kind).map(({ attributes }) => attributes.d)
    expect(paths('data').map((d) => pointsOf(d.replaceAll('h0', '')).length)).toEqual([1, 0])
    expect([...paths('curve'), ...paths('band')]).toEqual(['', ''])
    expect(readFileSync(join(folder, 'few.svg'), 'utf8')).toContain('(too-few-points)')
  })

  test('escapes names that come from the data file', () => {
    write('names.csv', 'x,"<y>&"\n1,2\n2,4\n3,7\n')
    const args = ['--y', '<y>&', '--model', 'line', '--plot', 'names.svg']
    expect(antigrad(['fit', 'names.csv', ...args], folder).status).toBe(0)
    const texts = elementsOf(readFileSync(join(folder, 'names.svg'), 'utf8')).map(({ text }) => text)
    expect(texts).toContain('<y>&')
  })

  test('is replaced by an error if a range is too wide to draw', () => {
    write('huge.csv', 'x,y\n-1e308,1\n0,2\n1e308,3\n')
    const { status, stderr } = run('huge.csv --plot huge.svg', 'line')
    expect(status).toBe(2)
    expect(stderr).toContain('the numbers from -1e+308 to 1e+308 are too far apart to draw')
    expect(existsSync(join(folder, 'huge.svg'))).toBe(false)
  })

  test('can be written as a PNG image', () => {
    expect(run(`decay.csv --x t ${STARTS} --plot fit.png`).status).toBe(0)
    expect(readFileSync(join(folder, 'fit.png')).subarray(1, 4).toString()).toBe('PNG')
  })
})

test('the progress display of antigrad fit shows a rate and the remaining time', () => {
  expect(describeRate('fits', 3000, 20_000, 2)).toBe('3,000 of 20,000 fits, 1,500 fits/s, 00:12 left')
})

test('the command antigrad fit --help prints all options', () => {
  const { status, stdout } = run('--help', null)
  expect(status).toBe(0)
  for (const part of ['--model <model>', 'a*exp(-b*t) + c', '--multi-start <count>', '130 after Ctrl-C']) {
    expect(stdout).toContain(part)
  }
})

describe('a wide table of antigrad fit', () => {
  const WIDE = 'dose\tA1\tA2\tB1\t\n1\t2\t2.1\t3\t3.2\n2\t3.9\t\t6\t6.1\n3\t6\t6.2\t9\t8.8\n'
  const wide = (args: string, more?: Setting) => run(`wide.txt --x dose ${args}`, 'line', more)
  beforeAll(() => write('wide.txt', WIDE))

  test.each([
    ['none', ['A1', 'A2', 'B1']],
    ['suffix', ['A', 'B']],
  ])('has groups (--wide %s), with the results of fromWide', (replicates, groups) => {
    const found = lines(`wide.txt --x dose --wide ${replicates}`, 'line')
    expect(found.map(({ group }) => group)).toEqual(groups)
    const { dose, y, group } = fromWide(WIDE, { replicates: replicates as 'none' | 'suffix' })
    for (const [k, label] of groups.entries()) {
      const rows = [...group.keys()].filter((row) => group[row] === label)
      const [x, ys] = [dose, y].map((column) => rows.map((row) => column[row] as number))
      const { values, observations } = fitOne(models.line(), { x, y: ys })
      expect(found[k].observations).toBe(observations)
      expect(found[k].values.slope).toBeCloseTo(values.slope, 9)
    }
  })

  test('has one curve (--wide all), and parameters that groups share', () => {
    const [found, ...others] = lines('wide.txt --x dose --wide all', 'line')
    expect(others).toEqual([])
    expect(found).toMatchObject({ observations: 11 })
    expect(found).not.toHaveProperty('group')
    const { stdout } = wide('--wide suffix --shared slope')
    expect(stdout).toMatch(/11 rows, 3 parameters in 2 groups/)
  })

  test('names the column and the line of an invalid cell, which can be dropped', () => {
    write('bad.txt', WIDE.replace('6.1', 'n/a'))
    expect(run('bad.txt --x dose --wide suffix', 'line').stderr).toContain(
      'bad.txt: line 3: B1 is "n/a", not a number; --drop-invalid drops such rows',
    )
    const { stdout, stderr } = run('bad.txt --x dose --wide suffix --drop-invalid --csv', 'line')
    expect(stderr).toContain('bad.txt: line 3: B1 is "n/a", not a number: the row was dropped')
    expect(stdout).toMatch(/^group,parameter,value/)
  })

  test('has a header, and at most as many cells in each row', () => {
    const messageOf = (text: string, args = '') => {
      write('odd.txt', text)
      return run(`odd.txt --x dose --wide none ${args}`, 'line').stderr
    }
    expect(messageOf('dose,a\n1,2,3\n')).toContain('line 2: the row has 3 cells, but the header has 2')
    expect(messageOf('dose\n1\n')).toContain('expected a wide table with a column of x and columns of y')
    expect(messageOf('1,2\n3,4\n')).toContain('expected a header with names of columns')
    expect(messageOf('dose,a\n,2\n')).toContain('line 2: dose is empty')
    expect(messageOf('{"dose":1,"a":2}\n')).toContain('expected a wide table of text (--wide), got NDJSON')
    expect(messageOf('dose,a\n1,2\n', '--group a')).toContain('cannot be used with')
    const names = '__proto__,constructor,toString'
    write('names.csv', `x,${names}\n1,2,3,4\n2,3,5,7\n3,4,7,11\n`)
    const { stdout } = run('names.csv --wide none --csv', 'line')
    expect(stdout.match(/^[a-zA-Z_]+,slope/gm)).toEqual(names.split(',').map((name) => `${name},slope`))
  })
})
