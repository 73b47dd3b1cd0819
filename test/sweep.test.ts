/** The built command `antigrad sweep` in separate processes, and parts of the command. */

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  adam,
  bowl,
  expression,
  gridStarts,
  latinHypercubeStarts,
  lbfgs,
  minimize,
  minimizeManySync,
  minimizeReasons,
  newton,
  type ObjectiveName,
  objectives,
  type Rule,
  rosenbrock,
  sobolStarts,
  uniformStarts,
} from 'antigrad'
import { SaxesParser } from 'saxes'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { percentages } from '../dist/command-line/sweep/describe.js'
import { describeProgress } from '../dist/command-line/sweep/progress.js'
import { objectiveText } from '../dist/jobs/objective-texts.js'
import { sweepable } from '../dist/jobs/sweep.js'
import { parseValues } from '../dist/jobs/values.js'
import { definitions } from '../dist/rules/definitions.js'
import { home } from './children.js'
import { antigrad } from './command-line.js'

const cli = join(home, 'dist/command-line/cli.js')
const { ANTIGRAD_ENGINE: _, NODE_OPTIONS: __, ...env } = process.env

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'antigrad-sweep-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function sweep(...args: string[]) {
  return antigrad(['sweep', ...args], folder)
}

const words = (text: string) => text.split(' ').filter(Boolean)

// biome-ignore lint/suspicious/noExplicitAny: what JSON.parse gives
function lines(args: string): any[] {
  const { status, stdout, stderr } = sweep('--json', ...words(args))
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

describe('option values of antigrad sweep', () => {
  test.each([
    ['0.1', [0.1]],
    ['.1,1e-2,.1', [0.1, 0.01]],
    ['true,false', [true, false]],
    ['torch,essay', ['torch', 'essay']],
    ['0..1:lin:5', [0, 0.25, 0.5, 0.75, 1]],
    ['0..1:lin:11', [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]],
    ['1e-4..1:log:5', [1e-4, 1e-3, 1e-2, 0.1, 1]],
    ['1..1e-2:log:3', [1, 0.1, 0.01]],
    ['-1..1:lin:3', [-1, 0, 1]],
    ['1e-4..1:log:3,5', [1e-4, 1e-2, 1, 5]],
    ['1..1000:log:7', [1, 3.16228, 10, 31.6228, 100, 316.228, 1000]],
  ])('are parsed from %s', (text, values) => {
    expect(parseValues('--lr', text)).toEqual(values)
  })

  test('are distinct even if close together, and include the exact ends of the range', () => {
    const values = parseValues('--lr', '0.123456789..0.2:log:9999') as number[]
    expect(new Set(values).size).toBe(9999)
    expect([values[0], values[9998]]).toEqual([0.123456789, 0.2])
    expect(values).toEqual([...values].sort((a, b) => a - b))
  })
})

describe('the named functions of antigrad sweep', () => {
  test.each(Object.keys(objectives) as ObjectiveName[])('equal the corresponding expressions: %s', (name) => {
    const objective = objectives[name]()
    const text = expression(objectiveText(name))
    expect([...text.names]).toEqual(['x', 'y'])
    const [x0, x1, y0, y1] = objective.view
    const { x, y } = sobolStarts({ x: [x0, x1], y: [y0, y1] }, 256, { seed: 1 })
    for (let i = 0; i < 256; i++) {
      const at = [x[i], y[i]]
      const scale = 1e-13 * Math.max(1, Math.abs(objective.value(at)))
      expect(Math.abs(text.value(at) - objective.value(at))).toBeLessThan(scale)
      const [g, h] = [new Float64Array(2), new Float64Array(2)]
      text.gradient(at, g)
      objective.gradient(at, h)
      const size = Math.max(1, ...h.map(Math.abs), Math.abs(objective.value(at)))
      for (const k of [0, 1]) expect(Math.abs(g[k] - h[k])).toBeLessThan(1e-13 * size)
    }
  })

  test('include the function bowl with other condition numbers', () => {
    const text = expression(objectiveText('bowl', 7.5))
    expect(text.value([3, 2])).toBe(bowl({ condition: 7.5 }).value([3, 2]))
  })
})

test.each(Object.keys(definitions) as (keyof typeof definitions)[])(
  'the rule %s is accepted by antigrad sweep if and only if batches support the rule',
  (name) => {
    const run = () =>
      minimizeManySync(expression('x^2'), { x: [1] }, definitions[name].defaults as Rule, {
        maxIterations: 1,
      })
    if (sweepable.includes(name)) expect(run().iterations).toEqual(Float64Array.of(1))
    else expect(run).toThrow('an elementwise rule of one stage')
  },
)

test('docs/objectives.md has a table row for each rule on each objective, written by npm run table:rules', () => {
  const [, ...sections] = readFileSync(join(home, 'docs/objectives.md'), 'utf8').split(/^## /m)
  const tables = sections.map((section) => {
    const [title, ...lines] = section.trim().split('\n')
    const rows = lines.filter((line) => line.startsWith('| `'))
    const number = '(?:[1-9]\\d*|0\\.\\d*[1-9])'
    const row = new RegExp(
      `^\\| \`(\\w+)\` \\| (?:${number} \\| (?:100|[1-9]\\d?)%|– \\| 0%) \\| (?:\\d+|–) \\|$`,
    )
    return [title, rows.map((text) => row.exec(text)?.[1])]
  })
  const having = Object.values(objectives).filter((make) => make().minima(2).length > 0)
  expect(tables).toEqual(having.map((make) => [make().name, sweepable]))
})

test('the progress line of antigrad sweep shows a rate and the remaining time', () => {
  const progress = { sets: 3, totalSets: 100, runs: 30_000, totalRuns: 1_000_000 }
  expect(describeProgress({ ...progress, sets: 0, runs: 0 }, 0)).toBe(
    '0 of 100 option sets, 0 of 1,000,000 runs',
  )
  expect(describeProgress(progress, 3)).toBe(
    '3 of 100 option sets, 30,000 of 1,000,000 runs, 10,000 runs/s, 01:37 left',
  )
  expect(describeProgress({ ...progress, runs: 10 }, 1)).toMatch(/, 10 runs\/s, 27:46:39 left$/)
})

describe('the JSON output of antigrad sweep', () => {
  test('contains the results of minimizeMany per option set', () => {
    const found = lines('--lr 0.01,0.1 --beta1 0.5,0.9 --starts 64 --max-iterations 3000')
    expect(found.map(({ set, options: { lr, beta1 } }) => [set, lr, beta1])).toEqual([
      [0, 0.01, 0.5],
      [1, 0.01, 0.9],
      [2, 0.1, 0.5],
      [3, 0.1, 0.9],
    ])
    const starts = sobolStarts({ x: [-2, 2], y: [-1, 3] }, 64)
    for (const { options, rule, runs, endings, reached, best, medianValue, medianIterations } of found) {
      const { lr, beta1 } = options
      const all = minimizeManySync(expression(objectiveText('rosenbrock')), starts, adam({ lr, beta1 }), {
        maxIterations: 3000,
      })
      expect({ rule, runs }).toEqual({ rule: 'adam', runs: 64 })
      for (const [ending, count] of Object.entries(endings)) {
        expect(all.reason.filter((reason) => minimizeReasons[reason] === ending)).toHaveLength(
          count as number,
        )
      }
      expect(reached).toBe(all.value.filter((value) => value <= 1e-6).length)
      const sorted = all.value.toSorted()
      expect(medianValue).toBe((sorted[31] + sorted[32]) / 2)
      const at = all.value.indexOf(sorted[0])
      expect(best).toEqual({
        value: sorted[0],
        x: { x: all.x.x[at], y: all.x.y[at] },
        from: { x: starts.x[at], y: starts.y[at] },
      })
      const converged = all.iterations.filter((_, i) => minimizeReasons[all.reason[i]] === 'converged').sort()
      const middle = converged.length >> 1
      const median =
        converged.length % 2 === 1 ? converged[middle] : (converged[middle - 1] + converged[middle]) / 2
      expect(medianIterations).toBe(converged.length === 0 ? null : median)
      expect(options).toMatchObject({ beta2: 0.999, amsgrad: false })
    }
  })

  test('combines the parts of a batch that has many starting points', () => {
    const [{ runs, reached, best }] = lines('--function booth --lr 0.1 --starts 40000 --max-iterations 50')
    const starts = sobolStarts({ x: [-10, 10], y: [-10, 10] }, 40_000)
    const limits = { maxIterations: 50 }
    const all = minimizeManySync(expression(objectiveText('booth')), starts, adam({ lr: 0.1 }), limits)
    expect(runs).toBe(40_000)
    expect(reached).toBe(all.value.filter((value) => value <= 1e-6).length)
    const at = all.value.indexOf(all.value.toSorted()[0])
    expect(at).toBeGreaterThan(16_384)
    expect(best).toEqual({
      value: all.value[at],
      x: { x: all.x.x[at], y: all.x.y[at] },
      from: { x: starts.x[at], y: starts.y[at] },
    })
  })

  test.each([
    ['--starts 16', () => sobolStarts({ x: [-2, 2], y: [-1, 3] }, 16)],
    ['--starts 16 --seed 3', () => sobolStarts({ x: [-2, 2], y: [-1, 3] }, 16, { seed: 3 })],
    ['--starts 16 --sample uniform', () => uniformStarts({ x: [-2, 2], y: [-1, 3] }, 16)],
    [
      '--starts 16 --sample latin-hypercube --seed 5 --box y=0:1',
      () => latinHypercubeStarts({ x: [-2, 2], y: [0, 1] }, 16, { seed: 5 }),
    ],
    ['--starts 4 --sample grid', () => gridStarts({ x: [-2, 2], y: [-1, 3] }, 4)],
    ['--starts 16 --dtype float32', () => sobolStarts({ x: [-2, 2], y: [-1, 3] }, 16, { dtype: 'float32' })],
  ])('contains the runs from the starting points of %s', (args, make) => {
    const starts = make()
    // Without updates, runs end at their starting points.
    const [{ runs, best, endings }] = lines(`${args} --max-iterations 0`)
    const values = Array.from(starts.x, (x, i) =>
      expression(objectiveText('rosenbrock')).value(
        starts.x instanceof Float32Array ? Float32Array.of(x, starts.y[i]) : [x, starts.y[i]],
      ),
    )
    const at = values.indexOf(Math.min(...values))
    expect(best).toEqual({
      value: values[at],
      x: { x: starts.x[at], y: starts.y[at] },
      from: { x: starts.x[at], y: starts.y[at] },
    })
    expect({ runs, still: endings['max-iterations'] }).toEqual({ runs: 16, still: 16 })
  })

  test('can be requested for an expression, with and without a target', () => {
    const args = ['--json', '--expression', 'x^4 - x^2', '--box', 'x=-1:2', '--lr', '0.05', '--starts', '32']
    const [plain, aimed] = [[], ['--target', '-0.2']].map((more) =>
      JSON.parse(sweep(...args, ...more).stdout),
    )
    expect(plain.reached).toBe(null)
    // At 0, the direction of descent is undefined. From all other starting points, runs descend.
    expect(aimed.reached).toBeGreaterThanOrEqual(31)
    expect(Math.abs(plain.best.x.x)).toBeCloseTo(Math.SQRT1_2, 5)
  })

  test('counts a run that ends exactly at the target', () => {
    expect(lines('--expression x-x+3 --box x=0:1 --starts 8 --target 3')[0].reached).toBe(8)
    expect(lines('--expression x-x+3 --box x=0:1 --starts 8 --target 2.9')[0].reached).toBe(0)
  })

  test('contains null for the infinite values of diverged runs', () => {
    const [{ endings, best, medianValue, medianIterations, reached }] = lines(
      '--function saddle --rule gradient-descent --lr 1e9 --starts 8 --seed 1',
    )
    expect(endings.diverged).toBe(8)
    expect({ best, medianValue, medianIterations, reached }).toEqual({
      best: null,
      medianValue: null,
      medianIterations: null,
      reached: null,
    })
  })

  test.each(['wasm', 'typescript'])('is the same on the engine %s', (engine) => {
    const args = '--rule rmsprop --lr 1e-3..0.1:log:3 --starts 32 --max-iterations 500'
    expect(lines(`${args} --engine ${engine}`)).toEqual(lines(args))
  })

  test('contains the same results as minimize', () => {
    const [{ best }] = lines('--lr 0.1 --starts 1 --seed 9')
    const { x, y } = best.from
    const { value } = minimize(expression(objectiveText('rosenbrock')), [x, y], adam({ lr: 0.1 }))
    expect(best.value).toBe(value)
    expect(rosenbrock().value([best.x.x, best.x.y])).toBeCloseTo(value, 12)
  })
})

test('antigrad sweep reports a learning rate at which runs diverge, and continues', () => {
  const args = ['--function', 'rastrigin', '--rule', 'gradient-descent', '--lr', '0.01,1.5', '--json']
  const { status, stdout, stderr } = sweep(...args)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout.trimEnd().split('\n')).toHaveLength(2)
})

describe('the table of antigrad sweep', () => {
  test('has a line per set of options, and marks the best set', () => {
    const { status, stdout, stderr } = sweep(...words('--lr 0.001,0.1 --starts 64 --eps 1e-8'))
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const [head, slow, fast, empty, best, end] = stdout.split('\n')
    const titles = 'lr runs converged stalled max-iterations diverged reached best F median F median updates'
    expect(words(head).join(' ')).toBe(titles)
    expect(slow).toMatch(/^0\.001 +64 +[\d.]+% +0% +[\d.]+% +0% +[\d.]+% +\S+ +\S+ +[\d.]+$/)
    expect(fast).toMatch(/^ +0\.1 +64 +[\d.]+% /)
    expect([empty, end]).toEqual(['', ''])
    expect(best).toMatch(
      /^Best: lr 0\.1: [\d.]+% reached the target; [\d.]+ updates .*; F = \S+ at x = 1, y = 1$/,
    )
  })

  test('contains percentages that add up to 100, including runs that reach the limit of updates', () => {
    const args = '--function himmelblau --lr 0.02,0.1 --starts 47 --max-iterations 500'
    const rows = sweep(...words(args))
      .stdout.split('\n')
      .slice(1, 3)
    for (const row of rows) {
      const [converged, stalled, unfinished, diverged] = [...row.matchAll(/([\d.]+)%/g)].map(([, x]) => +x)
      expect(10 * (converged + stalled + unfinished + diverged), row).toBeCloseTo(1000, 9)
      expect(unfinished, row).toBeGreaterThan(0)
    }
  })

  test.each<[number[], string[]]>([
    [
      [1, 1, 1],
      ['33.4%', '33.3%', '33.3%'],
    ],
    [
      [9_999_999, 1, 0],
      ['99.9%', '0.1%', '0%'],
    ],
    [
      [1, 2, 9_999_990, 7],
      ['0.1%', '0.1%', '99.7%', '0.1%'],
    ],
    [
      [0, 8],
      ['0%', '100%'],
    ],
  ])('shows the counts %j as the percentages %j', (counts, expected) => {
    expect(percentages(counts)).toEqual(expected)
  })

  test('is printed even if no option varies', () => {
    const { stdout } = sweep(...words('--function booth --rule adagrad --lr 0.5 --starts 16'))
    expect(stdout).toMatch(/^runs +converged .*\n +16 .*\n\nBest: adagrad: /)
  })
})

describe('Ctrl-C during antigrad sweep', () => {
  /**
   * Runs a sweep with preloaded code of the test. Without such code, the sweep is interrupted after the first output.
   */
  async function interrupted(args: string, before = '') {
    const preload = `data:text/javascript;base64,${Buffer.from(before).toString('base64')}`
    const options = ['--import', preload, cli, 'sweep', ...words(args)]
    const child = spawn(process.execPath, options, { env, cwd: folder })
    let [stdout, stderr] = ['', '']
    if (before === '') child.stdout.once('data', () => child.kill('SIGINT'))
    child.stdout.on('data', (text) => {
      stdout += text
    })
    child.stderr.on('data', (text) => {
      stderr += text
    })
    const status = await new Promise((resolve) => child.on('close', resolve))
    return { status, stdout, stderr }
  }

  test('prints the completed lines, and ends the command with exit status 130', async () => {
    // Without a tolerance, each set of options takes the same time.
    const args =
      '--lr 1e-4..1:log:2000 --starts 2048 --tolerance 0 --max-iterations 2000 --json -o stopped.svg'
    const { status, stdout, stderr } = await interrupted(args)
    const found = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(found.length).toBeLessThan(2000)
    expect(found.map(({ set }) => set)).toEqual(found.map((_, i) => i))
    expect({ status, stderr }).toEqual({
      status: 130,
      stderr: `antigrad: stopped after ${found.length} of 2000 option sets\n`,
    })
    // The plot contains the results so far.
    expect(readFileSync(join(folder, 'stopped.svg'), 'utf8')).toContain('<svg')
  })

  test('reports the completed runs of an incomplete set of options', async () => {
    // The sweep prints nothing before the end, which occurs in a column of numbers after two parts.
    const before = `
      const { subarray } = Float64Array.prototype
      let parts = 0
      Float64Array.prototype.subarray = function (from, to) {
        if (to - from === 16384 && ++parts === 24) process.kill(process.pid, 'SIGINT')
        return subarray.call(this, from, to)
      }`
    const args = '--function booth --lr 0.1,0.2 --starts 1000000 --max-iterations 50'
    const { status, stdout, stderr } = await interrupted(args, before)
    expect(status).toBe(130)
    const said = /^antigrad: stopped after 0 of 2 option sets, and (\d+) of 1000000 runs of the next one\n$/
    const runs = Number(said.exec(stderr)?.[1])
    expect(runs).toBeGreaterThanOrEqual(2 * 16384)
    expect(runs).toBeLessThan(1_000_000)
    expect(stdout).toMatch(new RegExp(`^ *lr +runs .*\n *0\\.1 +${runs} `))
  })
})

test('antigrad sweep ends without an error if the reader of its output closes the pipe', async () => {
  const args = words('--json --lr 1e-4..1:log:5000 --starts 512 --tolerance 0')
  const child = spawn(process.execPath, [cli, 'sweep', ...args], { env })
  child.stdout.once('data', () => child.stdout.destroy())
  let stderr = ''
  child.stderr.on('data', (text) => {
    stderr += text
  })
  const status = await new Promise((resolve) => child.on('close', resolve))
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})

describe('the plot of antigrad sweep', () => {
  function draw(...args: string[]): string {
    const file = join(folder, 'sweep.svg')
    rmSync(file, { force: true })
    const { status, stderr } = sweep(...args, '-o', 'sweep.svg')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const svg = readFileSync(file, 'utf8')
    const parser = new SaxesParser()
    parser.on('error', (error) => {
      throw error
    })
    parser.write(svg).close()
    expect(svg).not.toMatch(/NaN|Infinity|undefined/)
    return svg
  }

  test('has a line in both panels for each combination of options that are not on the x axis', () => {
    const svg = draw(...words('--lr 1e-3..1:log:7 --beta1 0.5,0.9 --starts 32'))
    expect(svg.match(/data-line="beta1 0\.5"/g)).toHaveLength(2)
    expect(svg.match(/data-line="beta1 0\.9"/g)).toHaveLength(2)
    expect(svg).toContain('adam on Rosenbrock, from 32 starts (sobol)')
    expect(svg).toContain('reached the target')
    for (const tick of ['0.001', '0.01', '0.1', '1', '100%']) expect(svg).toContain(`>${tick}</text>`)
    // The same command gives the same plot.
    expect(draw(...words('--lr 1e-3..1:log:7 --beta1 0.5,0.9 --starts 32'))).toBe(svg)
  })

  test('shows the share of converged runs with an accuracy of one pixel', () => {
    const args = words('--function booth --lr 1e-9,0.1 --starts 16')
    const svg = draw(...args)
    const first = /id="panel0"[\s\S]*?data-line="[^"]*"[^>]*><path d="M([\d. ]+)"/.exec(svg)?.[1]
    // The heights range from 0% on the lower line to 100%.
    expect(first).toBe('88 250 786 66')
  })

  test('places labels without overlap, and escapes names', () => {
    const svg = draw(
      '--expression',
      'x < 0 && x > -9 ? x^2 : x^2 + x',
      '--box',
      'x=-1:1',
      '--rule',
      'adagrad',
      '--form',
      'torch,essay',
      '--starts',
      '8',
    )
    expect(svg).toContain('adagrad on x &lt; 0 &amp;&amp; x > -9 ? x^2 : x^2 + x, from')
    expect(svg).toContain('>torch</text>')
    expect(svg).toContain('>essay</text>')
  })

  test('has no line in the second panel if no run converges', () => {
    expect(draw(...words('--lr 0.1,0.2 --starts 8 --max-iterations 2'))).toContain('id="panel1"')
  })

  test('equals the image in the docs', () => {
    const { scripts } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
    const [args] = /--.*(?= -o docs)/.exec(scripts['plot:sweep']) as RegExpExecArray
    expect(draw(...words(args)) === readFileSync(join(home, 'docs/sweep.svg'), 'utf8')).toBe(true)
    expect(readFileSync(join(home, 'docs/sweep.md'), 'utf8')).toContain(args)
  })

  test('can be written as a PNG image', () => {
    expect(sweep(...words('--lr 0.1,0.2 --starts 8 -o sweep.png')).status).toBe(0)
    expect(readFileSync(join(folder, 'sweep.png')).subarray(1, 4).toString()).toBe('PNG')
  })
})

describe('antigrad sweep ends with exit status 2, one line on stderr and no output for an invalid argument:', () => {
  test.each([
    ['--function bogus', 'Allowed choices are rosenbrock'],
    ['--function beal', 'Did you mean beale?'],
    ['--function beale --expression x', 'cannot be used with'],
    ['--expression x^ --box x=0:1', 'expected a number, a name or ( at character 3'],
    ['--expression 3 --box x=0:1', '--expression: expected an expression with parameters, got a constant'],
    ['--expression x+y --box x=0:1', '--box: expected one range for each of x, y, got a box without y'],
    ['--box z=0:1', '--box: expected one range for each of x, y, got "z"'],
    ['--box x=2:1', 'low ≤ high, got a range from 2 to 1'],
    ['--box x=0', 'Expected ranges as in x=-2:2,y=-1:3'],
    ['--box x=0:Infinity', 'Expected ranges as in'],
    ['--box x=0:1,x=0:2', 'Expected one range per parameter'],
    ['--condition 3', '--condition: expected no value without --function bowl, got 3'],
    ['--function bowl --condition 0', 'bowl: condition: expected a finite number ≥ 1'],
    ['--rule muon', 'Allowed choices are adabelief'],
    ['--rule amad', 'Did you mean adam?'],
    ['--rule nesterov --form shifted', 'expected an elementwise rule of one stage'],
    ['--cautious true', "unknown option '--cautious'"],
    ['--grams true', "unknown option '--grams'"],
    ['--cautious-weight-decay true', "unknown option '--cautious-weight-decay'"],
    ['--alpha 0.9', 'adam: options: expected one of lr, '],
    ['--lr fast', 'adam: lr: expected a finite number ≥ 0, got "fast"'],
    ['--lr 0.1,-1', 'adam: lr: expected a finite number ≥ 0, got -1'],
    ['--beta1 0..1:lin:3', 'adam: beta1: expected a number in [0, 1), got 1'],
    ['--amsgrad true,maybe', 'adam: amsgrad: expected true or false'],
    ['--rule sgd --nesterov true', 'sgd'],
    ['--lr 1..2', '--lr: expected values such as'],
    ['--lr 1..2:lin', '--lr: expected values such as'],
    ['--lr 1..x:lin:3', '--lr: expected values such as'],
    ['--lr 1,,2', '--lr: expected values such as'],
    ['--lr 0..1:log:3', '--lr: expected a logarithmic range between numbers > 0'],
    ['--lr 0..1:lin:1', '--lr: expected a range of 2 to 10000 values'],
    ['--lr 0..1:lin:2.5', '--lr: expected a range of 2 to 10000 values'],
    ['--lr 1..2:lin:9999,3..4:lin:9999', '--lr: expected at most 10000 values, got 19998'],
    ['--lr 0..1:lin:9999 --beta1 0..0.9:lin:999', 'options: expected at most 1000000 sets'],
    ['--starts 0', 'an integer from 1 to 10000000'],
    ['--starts 1e8', 'an integer from 1 to 10000000'],
    ['--sample halton', 'Allowed choices are sobol'],
    ['--sample grid --seed 1', '--seed: expected no value with --sample grid'],
    ['--sample grid --starts 4000', '--starts: expected a grid of at most 10000000 starts, got 16000000'],
    ['--seed -1', 'an integer from 0 to 4294967295'],
    ['--target low', 'Expected a finite number'],
    ['--clip 0', 'clip: value: expected a number > 0, got 0'],
    ['--engine gpu', 'native, wasm, typescript'],
    ['--threads 0', 'an integer from 1 to 256'],
    ['-o sweep.jpg', 'ends in .svg or .png'],
    ['-o none.svg', '--output: expected an option with several values (for the horizontal axis)'],
    [
      '--lr 0..1:lin:50 --beta1 0..0.9:lin:25 -o none.svg',
      '--output: expected at most 24 combinations of the options',
    ],
    ['bogus', 'too many arguments'],
  ])('%s', (args, message) => {
    const { status, stdout, stderr } = sweep(...words(args))
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/^antigrad: .*\n$/)
    expect(stderr).toContain(message)
    expect(existsSync(join(folder, 'none.svg'))).toBe(false)
  })
})

test('the command antigrad sweep --help prints all options', () => {
  const { status, stdout } = sweep('--help')
  expect(status).toBe(0)
  for (const part of ['--box <ranges>', '--lr <values>', '1e-4..1:log:100', '130 after Ctrl-C']) {
    expect(stdout).toContain(part)
  }
})

test('antigrad sweep --method runs every combination of the method’s options', () => {
  const sets = lines('--method lbfgs --history 1,5 --max-line-search 3,25 --starts 32')
  const starts = sobolStarts({ x: [-2, 2], y: [-1, 3] }, 32)
  const objective = expression(objectiveText('rosenbrock', undefined))
  expect(sets.map(({ options }) => [options.history, options.maxLineSearch])).toEqual([
    [1, 3],
    [1, 25],
    [5, 3],
    [5, 25],
  ])
  for (const { options, best } of sets) {
    const runs = minimizeManySync(objective, starts, lbfgs(options))
    expect(best.value).toBe(Math.min(...runs.value))
  }
})

test('antigrad sweep --method runs a method instead of a rule, with the results of minimizeMany', () => {
  const [line] = lines('--method newton --starts 64')
  const starts = sobolStarts({ x: [-2, 2], y: [-1, 3] }, 64)
  const runs = minimizeManySync(expression(objectiveText('rosenbrock', undefined)), starts, newton())
  const sorted = [...runs.iterations].sort((a, b) => a - b)
  expect(line).toMatchObject({ rule: 'newton', options: { radius: 3 }, runs: 64, reached: 64 })
  expect(line.best.value).toBe(Math.min(...runs.value))
  expect(line.medianIterations).toBe((sorted[31] + sorted[32]) / 2)
  for (const [args, message] of [
    ['--method lbfgs --lr 0.1', /^antigrad: lbfgs: options: .*"lr"/],
    ['--method newton --history 3', /^antigrad: newton: options: .*"history"/],
    ['--rule adam --history 3', /history/],
    ['--method lbfgs --history 0', /history: expected an integer ≥ 1/],
    ['--method lbfgs --c1 0.1,0.5 --c2 0.6,0.3', /c1: expected a number in \(0, c2 = 0.3\)/],
    ['--method lbfgs --rule adam', /cannot be used with option '--rule <name>'/],
    ['--method lbfgs --dtype float32', /dtype: expected 'float64'/],
  ] as const) {
    const { status, stdout, stderr } = sweep(...words(args))
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(message)
  }
})
