/** The files of the fit page: points, plots, a program and a command line that repeat the fit. */

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeCommand } from '../../page/src/fit/command.js'
import type { DisplayedState } from '../../page/src/fit/displayed-state.js'
import { tables } from '../../page/src/fit/examples.js'
import type { FitOutcome } from '../../page/src/fit/fit-input.js'
import { groupRows } from '../../page/src/fit/groups.js'
import { loadLibrary } from '../../page/src/fit/load-library.js'
import { writePoints } from '../../page/src/fit/points-file.js'
import { writeProgram } from '../../page/src/fit/program.js'
import type { Progress } from '../../page/src/fit/progress.js'
import { runFits } from '../../page/src/fit/run.js'
import { type FitPageState, initial } from '../../page/src/fit/state.js'
import { readTable } from '../../page/src/fit/table.js'
import { choose, makeTask, selectRows } from '../../page/src/fit/task.js'
import { home } from '../children.js'
import { serveToChromium, visit } from './site.js'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'antigrad-'))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(home, join(folder, 'node_modules/antigrad'), 'junction')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Values and standard errors, one entry per group. */
type Estimates = Readonly<Record<'values' | 'errors', Readonly<Record<string, number>>>>[]

function run(file: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })
  // The command line ends with 1 if a fit has not converged.
  if (status !== 0 && status !== 1) throw new Error(`${file} ended with ${status}: ${stderr}`)
  return stdout
}

/** Runs a saved program, which prints what `console.log` receives as JSON. */
function runProgram(text: string): Estimates {
  const before = "const print = (...parts) => process.stdout.write(JSON.stringify(parts) + '\\n')\n"
  writeFileSync(join(folder, 'fit.mjs'), before + text.replaceAll('console.log(', 'print('))
  const lines = run('the program', ['fit.mjs']).trim().split('\n')
  return lines.map((line) => {
    const [values, errors] = JSON.parse(line).filter((part: unknown) => typeof part === 'object')
    return { values, errors }
  })
}

/** Runs a command of the page for the saved points. */
function runCommand(command: string, points: string): Estimates {
  writeFileSync(join(folder, 'fit.csv'), points)
  const [note, ...others] = command.split('\n')
  const line = others.pop() as string
  expect(note).toMatch(/^# fit\.csv: /)
  for (const writing of others) {
    const [, content, file] = /^echo '(.*)' > (fit\.json)$/.exec(writing) ?? []
    writeFileSync(join(folder, file), content.replaceAll("'\\''", "'"))
  }
  const words = line.match(/'(?:[^']|'\\'')*'|\S+/g) ?? []
  const [name, ...args] = words.map((word) => word.replace(/^'(.*)'$/s, '$1').replaceAll("'\\''", "'"))
  expect(name).toBe('antigrad')
  const cli = join(home, 'dist/command-line/cli.js')
  const lines = run(line, [cli, ...args, '--json'])
    .trim()
    .split('\n')
  // The first line of a fit with shared parameters describes all groups together.
  const found = lines.map((text) => JSON.parse(text))
  return found.filter(({ shared }) => shared === undefined)
}

/** The displayed state of the page for a table and settings. */
async function shownFor(
  text: string,
  changed: Partial<FitPageState>,
): Promise<DisplayedState & { readonly outcome: FitOutcome }> {
  const table = readTable(text)
  const own = { ...initial, ...changed }
  const state = { ...own, group: own.group || table.curves }
  const library = await loadLibrary(state)
  const chosen = choose(table, state)
  const task = makeTask(table, chosen, state, library)
  const rows = selectRows(table, chosen, task, state.leftOut)
  const texts = table.all.find(({ name }) => name === state.group)?.texts
  const groups = groupRows(rows, texts)
  const outcome = await runFits({
    ...{ task, state, rows, groups, at: 0, signal: new AbortController().signal },
    taskWith: (count) => makeTask(table, chosen, { ...state, count }, library),
    labels: texts ? rows.kept.map((row) => texts[row]) : null,
    progress: { begin() {}, advance() {}, end() {} } as unknown as Progress,
  })
  return { table, chosen, task: outcome.task, library, groups, at: 0, outcome, state }
}

const noisy = (f: (x: number) => number, xs: readonly number[]) =>
  xs.map((x, i) => Number((f(x) + 0.05 * Math.sin(7 * i)).toFixed(4)))
const xs = Array.from({ length: 12 }, (_, i) => i / 2)
const decay = noisy((x) => 3 * Math.exp(-x) + 1, xs)
const withSigma = ['time (s)\tit\'s "y"\tσ', ...xs.map((x, i) => `${x}\t${decay[i]}\t${1 + (i % 3)}`)]
const grouped = [
  't;rate;who',
  ...xs.flatMap((x, i) => [`${x};${decay[i]};Ada`, `${x};${decay[i] + x / 9};Bob`]),
]
const own = { expression: 'a*exp(-b*time_s) + c' }
const ofT = { expression: 'a*exp(-b*t) + c' }
const successes = [
  't,successes,"n (all)"',
  ...xs.map((x, i) => `${x},${Math.round(9 * decay[i])},${40 + (i % 3)}`),
]
const inhibition = [0.5, 1, 2, 4, 8].flatMap((s) =>
  [0, 1, 3].map(
    (i) =>
      `${i},${s},${((9 * s) / (2 * (1 + i / 1.5) + s * (1 + i / 4)) + 0.02 * Math.sin(9 * s)).toFixed(4)}`,
  ),
)

describe('a program and a command line of the fit page repeat the fit', () => {
  test.each([
    [
      'a function with σ and points left out',
      withSigma,
      { ...own, sigma: 'σ', absoluteSigma: true, leftOut: ['3', '9'] },
    ],
    [
      'weights by the model',
      withSigma,
      { ...own, weights: '1/f', parameters: { c: { fixed: true, start: 1 } } },
    ],
    [
      'a robust loss and derived quantities',
      withSigma,
      { ...own, loss: 'softL1', lossScale: 0.5, derive: 'half = log(2)/b' },
    ],
    ['groups', grouped, { expression: 'a*exp(-b*t) + c', group: 'who', parameters: { b: { min: 0 } } }],
    [
      'shared parameters',
      grouped,
      { expression: 'a*exp(-b*t) + c', group: 'who', parameters: { b: { shared: true } } },
    ],
    ['a plate with outliers', [tables.doses()], { model: 'fourPL', outliers: 'drop' }],
    ['a logarithmic EC50', [tables.standards()], { model: 'fourPL', logEC50: 'yes' }],
    ['several peaks', [tables.spectrum()], { model: 'peaks', count: 3 }],
    [
      'two columns',
      ['i,s,rate', ...inhibition],
      { model: 'inhibition', kind: 'mixed', x: 's', extra: 'i', y: 'rate' },
    ],
    ['differential equations', withSigma, { expression: "A' = -b*A; A(0) = a; f = A + c" }],
    ['a distribution', withSigma, { ...own, distribution: 'normal', scale: 'prop*f' }],
    [
      'a distribution with groups',
      grouped,
      { ...ofT, group: 'who', distribution: 'lognormal', profile: true },
    ],
    [
      'Student’s t distribution',
      withSigma,
      { ...own, distribution: 'student', df: '5', parameters: { c: { fixed: true, start: 1 } } },
    ],
    ['numbers of successes', successes, { ...ofT, distribution: 'binomial', scale: 'n_all' }],
    ['counts', successes, { ...ofT, distribution: 'negativeBinomial', scale: '8' }],
    ['a gamma distribution', withSigma, { ...own, distribution: 'gamma', derive: 'half = log(2)/b' }],
    [
      'a function of two columns',
      ['u,v,y', '1,2,3', '2,1,4', '3,5,8.1', '4,4,9', '5,1,7'],
      { expression: 'a*u + b*v', y: 'y' },
    ],
  ] as const)('for %s', async (_, lines, changed) => {
    const shown = await shownFor(lines.join('\n'), changed)
    const { task, fits } = shown.outcome
    const program = runProgram(writeProgram({ ...shown, task }, shown.state))
    const line = writeCommand({ ...shown, task }, shown.state)
    const command = runCommand(line, writePoints(shown, task, shown.state))
    expect([program.length, command.length]).toEqual([fits.length, fits.length])
    for (const [k, { values, errors, reason }] of fits.entries()) {
      // The flat curve of the plate determines no EC50.
      if (reason !== 'converged') continue
      // The program has the same starting values, and thus the same bits.
      expect(program[k]).toEqual({ values: { ...values }, errors: { ...errors } })
      for (const [name, value] of Object.entries(values)) {
        const error = errors[name]
        expect([name, Math.abs(command[k].values[name] - value) / error || 0]).toEqual([
          name,
          expect.closeTo(0, 3),
        ])
        expect(command[k].errors[name] / error || 1).toBeCloseTo(1, 3)
      }
    }
  })
})

test.each([
  ['columns in the scale of a distribution', { ...own, distribution: 'normal', scale: 'k*σ' }],
  ['formulas of shape', { ...own, distribution: 'gamma', scale: 'k*f' }],
  ['weights of a distribution', { ...own, distribution: 'student', weights: 'σ' }],
] as const)('the page says that the command line has no %s', async (lacking, changed) => {
  const table = readTable(withSigma.join('\n'))
  const state = { ...initial, ...changed }
  const chosen = choose(table, state)
  const task = makeTask(table, chosen, state, await loadLibrary(state))
  const line = writeCommand({ groups: [], chosen, table, task, outcome: null, at: 0 }, state)
  expect(line).toBe(`# antigrad fit has no ${lacking}: save a program instead`)
})

test('the command line compares two models of a distribution', async () => {
  const changed = { ...own, distribution: 'normal', compare: 'a*exp(-b*time_s)' } as const
  const shown = await shownFor(withSigma.join('\n'), changed)
  const { task, fits } = shown.outcome
  const line = writeCommand({ ...shown, task }, shown.state)
  const [first, second] = runCommand(line, writePoints(shown, task, shown.state))
  expect(Object.keys(second.values)).toEqual(['a', 'b', 'sigma'])
  expect(first.values.b / fits[0].values.b).toBeCloseTo(1, 6)
})

async function saved(page: Page, name: string): Promise<Buffer> {
  const button = page.getByRole('button', { name, exact: true })
  const [download] = await Promise.all([page.waitForEvent('download'), button.click()])
  return readFileSync(await download.path())
}

test('the fit page saves points, plots, a result, a program and a command line', async () => {
  const site = await serveToChromium()
  try {
    const { page, errors } = await visit(
      { ...site, address: `${site.address}fit.html` },
      'example=doses&model=fourPL&logX=true',
    )
    await page.locator('.curve .fitted').waitFor()
    await page.getByRole('button', { name: 'Save and share' }).click()
    const json = JSON.parse(`${await saved(page, 'Save the result')}`) as {
      fits: Estimates
      groups: string[]
    }
    const points = `${await saved(page, 'Save the points')}`
    expect(points.split('\n')[0]).toBe('compound,line,x,response,model,residual')
    expect(points.trim().split('\n')).toHaveLength(81)
    const svg = `${await saved(page, 'Save the plot')}`
    expect(svg).toMatch(
      /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg".*10 points of response against x, with the fitted curve/s,
    )
    const png = await saved(page, 'Save the plot as PNG')
    expect([...png.subarray(0, 4)]).toEqual([0x89, ...Buffer.from('PNG')])
    const [, width, height] = /width="(\d+)" height="(\d+)"/.exec(svg) ?? []
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([2 * Number(width), 2 * Number(height)])
    const program = runProgram(`${await saved(page, 'Save a program')}`)
    await page.getByRole('button', { name: 'Show the command line' }).click()
    const command = (await page.getByRole('region', { name: 'Command line' }).textContent()) ?? ''
    const repeated = runCommand(command, points)
    for (const [k, { values }] of json.fits.entries()) {
      if (json.groups[k] === 'compound G') continue
      expect(program[k].values).toEqual(values)
      expect(repeated[k].values).toEqual(values)
    }
    expect(errors).toEqual([])
  } finally {
    await site.close()
  }
})
