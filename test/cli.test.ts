/** The built command line. */

import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { adam, engines, minimize, rosenbrock } from 'antigrad'
import { beforeAll, describe, expect, test } from 'vitest'
import { home } from './children.js'
import { antigrad as runCommand } from './command-line.js'

const cli = fileURLToPath(new URL('../dist/command-line/cli.js', import.meta.url))
const { ANTIGRAD_ENGINE: _, NODE_OPTIONS: __, ...env } = process.env
const available = Object.entries(engines()).flatMap(([name, { available }]) => (available ? [name] : []))

/** Runs the command line. Code of the test, and a setting, need a process. */
function antigrad(args: string[], { before = '', engine = '', threads = '' } = {}) {
  if (before === '' && engine === '' && threads === '') return runCommand(args, home)
  const preload = `data:text/javascript;base64,${Buffer.from(before).toString('base64')}`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', preload, cli, ...args], {
    encoding: 'utf8',
    env: { ...env, ANTIGRAD_ENGINE: engine, ANTIGRAD_THREADS: threads },
  })
  return { status, stdout, stderr }
}

// biome-ignore lint/suspicious/noExplicitAny: what JSON.parse gives
function json(args: string, more: Parameters<typeof antigrad>[1] = {}): any {
  const { status, stdout, stderr } = antigrad(['race', '--json', ...args.split(' ').filter(Boolean)], more)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return JSON.parse(stdout)
}

describe('a race of all rules', () => {
  // biome-ignore lint/suspicious/noExplicitAny: what JSON.parse gives
  let whole: any
  // biome-ignore lint/suspicious/noExplicitAny: what JSON.parse gives
  const of = (name: string) => whole.rules.find((rule: any) => rule.name === name)
  beforeAll(() => {
    whole = json('')
  })

  test('runs every rule on every engine, and all engines compute the same bits', () => {
    expect(available).toContain('wasm')
    expect(whole.sameBits).toBe(true)
    expect(whole.rules.length).toBe(22)
    for (const { name, sameBits, engines: laps, iterations, reason } of whole.rules) {
      expect(sameBits, name).toBe(true)
      expect(Object.keys(laps), name).toEqual(available)
      for (const engine of available) {
        expect(laps[engine], name).toMatchObject({ iterations, reason, differsAt: null })
        expect(laps[engine].nanosecondsPerUpdate).toBeGreaterThan(1)
        expect(laps[engine].nanosecondsPerUpdate).toBeLessThan(1e6)
      }
    }
    expect(whole.engines).toEqual(engines())
    expect(whole).toMatchObject({
      start: [-1.5, 2],
      dtype: 'float64',
      tolerance: 1e-9,
      maxIterations: 50_000,
    })
  })

  test('ends near the minimum for all rules except RMSProp and signSGD', () => {
    for (const { name, rule, iterations, reason, x, value, distance } of whole.rules) {
      const oscillates = rule === 'rmsprop' || rule === 'signSgd'
      expect(reason, name).toBe(oscillates ? 'max-iterations' : 'converged')
      if (oscillates) expect(iterations).toBe(50_000)
      else expect(iterations, name).toBeLessThan(50_000)
      // Decay that is added to the gradient moves the minimum.
      const about = oscillates || name === 'adam-l2' ? 2e-3 : 1e-5
      expect(distance, name).toBeLessThan(rule === 'signSgd' ? 0.12 : about)
      expect(distance).toBe(Math.sqrt((x[0] - 1) * (x[0] - 1) + (x[1] - 1) * (x[1] - 1)))
      expect(value).toBe((1 - x[0]) * (1 - x[0]) + 100 * ((x[1] - x[0] * x[0]) * (x[1] - x[0] * x[0])))
    }
  })

  test('visits the same points with gradient descent as a plain loop', () => {
    let [x, y, iterations, change] = [-1.5, 2, 0, 1]
    while (change >= 1e-9) {
      const off = y - x * x
      const dx = 1e-3 * (-2 * (1 - x) - 400 * x * off)
      const dy = 1e-3 * (200 * off)
      change = Math.max(Math.abs(x - dx - x), Math.abs(y - dy - y))
      ;[x, y] = [x - dx, y - dy]
      iterations++
    }
    expect(of('gradient-descent')).toMatchObject({ iterations, x: [x, y] })
  })

  test('visits the same points with Adam as the function minimize', () => {
    const { x, iterations, value } = minimize(rosenbrock(), [-1.5, 2], adam({ lr: 0.1 }))
    expect(of('adam')).toMatchObject({ x: [...x], iterations, value, options: { lr: 0.1, eps: 1e-8 } })
  })

  test('makes the same number of updates with two rules that have the same equation', () => {
    expect(of('sgd-momentum').iterations).toBe(of('momentum').iterations)
    expect(of('sgd-nesterov').iterations).toBe(of('nesterov').iterations)
    expect(Math.abs(of('nesterov-shifted').iterations - of('nesterov').iterations)).toBeLessThanOrEqual(1)
  })

  test("records the optimizer's options in JSON", () => {
    expect(of('delayed-start').delayedStart).toBe(10)
    expect(of('warm-up').options.lr).toEqual({ schedule: 'warmup', value: 0.1, steps: 100, from: null })
    expect(of('clip-norm').clip).toEqual({ norm: 1 })
    expect(of('clip-value').clip).toEqual({ value: 1 })
    expect(of('rmsprop-essay').options).toMatchObject({ form: 'essay', eps: 0 })
  })
})

test('the table of a race has one line per rule, and states that all engines compute the same bits', () => {
  const args = ['race', '--rule', 'adam', 'rmsprop', 'clip-norm', '--max-iterations', '3000']
  const { status, stdout, stderr } = antigrad(args)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  const [head, ...lines] = stdout.split('\n')
  for (const title of ['rule', 'options', 'updates', 'stopped', 'x', 'y', 'F', 'distance', ...available]) {
    expect(head.split(/\s+/)).toContain(title)
  }
  expect(lines[0]).toMatch(/^rmsprop +lr 0\.001 +3000 +max-iterations .* yes$/)
  expect(lines[1]).toMatch(/^adam +lr 0\.1 +1659 +converged +1 +1 +5\.6e-16 +5\.3e-8( +\d+ ns)+ +yes$/)
  expect(lines[2]).toMatch(/^clip-norm +lr 0\.0019, clip norm 1 +3000 /)
  expect(stdout).toContain('the same bits after every one of 7659 updates.')
  for (const engine of available) expect(stdout).toMatch(new RegExp(`^${engine} +available`, 'm'))
})

describe('the options of antigrad race', () => {
  test('select several rules with --rule, and the rules run in a fixed order', () => {
    const { rules } = json('--rule radam adam --rule momentum --max-iterations 3')
    expect(rules.map(({ name }: { name: string }) => name)).toEqual(['momentum', 'adam', 'radam'])
  })

  test('include --start, --tolerance and --max-iterations', () => {
    expect(json('--rule adam --start 1,1').rules[0]).toMatchObject({ iterations: 1, x: [1, 1], distance: 0 })
    expect(json('--rule adam --start -0.5,1e0 --max-iterations 0').rules[0]).toMatchObject({
      iterations: 0,
      reason: 'max-iterations',
      x: [-0.5, 1],
    })
    expect(json('--rule adam --max-iterations 7').rules[0]).toMatchObject({
      iterations: 7,
      reason: 'max-iterations',
    })
    const { iterations } = json('--rule adam --tolerance 1e-3').rules[0]
    expect(iterations).toBeGreaterThan(10)
    expect(iterations).toBeLessThan(1659)
  })

  test('override the default options of the rules', () => {
    const short = (args: string) => json(`${args} --max-iterations 3`).rules[0].options
    expect(short('--rule adam --lr 1e-2 --beta1 .8 --beta2 0.99 --eps 0 --amsgrad')).toMatchObject({
      lr: 0.01,
      beta1: 0.8,
      beta2: 0.99,
      eps: 0,
      amsgrad: true,
    })
    expect(short('--rule amsgrad --amsgrad false').amsgrad).toBe(false)
    expect(short('--rule adamw --weight-decay 0.5').weightDecay).toBe(0.5)
    expect(short('--rule adagrad --form essay')).toMatchObject({ form: 'essay', eps: 0 })
    expect(short('--rule rmsprop --alpha .5 --momentum .25')).toMatchObject({ alpha: 0.5, momentum: 0.25 })
    // The schedule is still a warm-up.
    expect(short('--rule warm-up --lr .5').lr).toMatchObject({ value: 0.5, steps: 100 })
    const slow = json('--rule adam --lr 0.01').rules[0]
    expect(slow.iterations).toBe(
      minimize(rosenbrock(), [-1.5, 2], adam({ lr: 0.01 }), { maxIterations: 50_000 }).iterations,
    )
  })

  test('include --dtype float32', () => {
    const { dtype, rules, sameBits } = json('--dtype float32 --rule gradient-descent adam clip-norm')
    expect({ dtype, sameBits }).toEqual({ dtype: 'float32', sameBits: true })
    for (const { x, reason } of rules) {
      expect(x).toEqual(x.map(Math.fround))
      expect(reason).toBe('converged')
    }
  })

  test('include --engine, which selects one engine, as the variable ANTIGRAD_ENGINE does', () => {
    for (const alone of [json('--rule adam --engine wasm'), json('--rule adam', { engine: 'wasm' })]) {
      expect(Object.keys(alone.rules[0].engines)).toEqual(['wasm'])
      expect(alone.raced).toEqual(['wasm'])
      expect(alone.rules[0].iterations).toBe(1659)
    }
    const two = json('--rule adam --engine typescript --engine wasm', { engine: 'native' })
    expect(two.raced).toEqual(['wasm', 'typescript'])
    expect(antigrad(['race', '--rule', 'adam', '--engine', 'wasm']).stdout).toContain(
      'its results were not compared',
    )
  })

  test('can let a run diverge, and the table shows the divergence', () => {
    const { rules, sameBits } = json('--rule gradient-descent --lr 1')
    expect(sameBits).toBe(true)
    expect(json('--rule gradient-descent --lr 0').rules[0].reason).toBe('stalled')
    expect(rules[0]).toMatchObject({ reason: 'diverged', iterations: 6, x: [null, null] })
    expect(antigrad(['race', '--rule', 'gradient-descent', '--lr', '1']).stdout).toMatch(/diverged .* yes\n/)
  })
})

describe('an invalid antigrad command', () => {
  test.each([
    ['race --rule bogus', 'nesterov-shifted'],
    ['race --engine gpu', 'native, wasm, typescript'],
    ['race --bogus', "unknown option '--bogus'"],
    ['race bogus', 'too many arguments'],
    ['bogus', "unknown command 'bogus'"],
    ['race --rule', 'argument missing'],
    ['race --start 1', 'two finite numbers'],
    ['race --start 1,2,3', 'two finite numbers'],
    ['race --start 1,', 'two finite numbers'],
    ['race --start 1,NaN', 'two finite numbers'],
    ['race --start Infinity,1', 'two finite numbers'],
    ['race --tolerance -1', 'a finite number ≥ 0'],
    ['race --tolerance NaN', 'a finite number ≥ 0'],
    ['race --tolerance Infinity', 'a finite number ≥ 0'],
    ['race --tolerance small', 'a finite number ≥ 0'],
    ['race --max-iterations -1', 'an integer'],
    ['race --max-iterations 1.5', 'an integer'],
    ['race --max-iterations 1e12', 'an integer from 0 to 10000000'],
    ['race --max-iterations many', 'an integer'],
    ['race --dtype float16', 'float64, float32'],
    ['race --lr NaN', 'gradientDescent: lr: expected a finite number ≥ 0'],
    ['race --lr -0.1', 'gradientDescent: lr: expected a finite number ≥ 0'],
    ['race --rule adam --lr fast', 'adam: lr: expected a finite number ≥ 0'],
    ['race --rule adam --beta1 1', 'adam: beta1: expected a number in [0, 1)'],
    ['race --rule adam --amsgrad maybe', 'adam: amsgrad: expected true or false'],
    ['race --rule adam rmsprop --alpha 0.9', 'adam: options: expected one of lr, '],
    ['race --rule warm-up --lr -1', 'adam: lr: expected a finite number ≥ 0, got -1'],
    ['race --rule adam --lr abc', 'adam: lr: expected a finite number ≥ 0, got "abc"'],
    [
      'race --rule adma',
      "argument 'adma' is invalid. Did you mean adam? Allowed choices are gradient-descent,",
    ],
    ['race --rule adam gradientDescent', 'Did you mean gradient-descent?'],
    ['race --engine wsam', 'Did you mean wasm?'],
    ['plot -o x.svg --function rosenbrok', 'Did you mean rosenbrock?'],
    ['race --rule sophia-g', "argument 'sophia-g' is invalid. Allowed choices are gradient-descent,"],
    ['race --rule warm-up --lr fast', 'adam: lr: expected a finite number ≥ 0'],
    ['race --rule sgd-nesterov --momentum 0', 'sgd: nesterov'],
    ['race --rule radam --form essay', "radam: form: expected 'torch' or 'optax'"],
  ])('ends with exit status 2, one line on stderr and no output: antigrad %s', (args, expected) => {
    const { status, stdout, stderr } = antigrad(args.split(' '))
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/^antigrad: [^\n]+\n$/)
    expect(stderr).toContain(expected)
  })

  test('ends with exit status 2 if the environment names an unknown engine', () => {
    const { status, stdout, stderr } = antigrad(['race'], { engine: 'gpu' })
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/^antigrad: the environment variable ANTIGRAD_ENGINE: .*"gpu"\n$/)
  })

  test('ends with exit status 2 if the requested engine cannot load', () => {
    const before = "WebAssembly.Module = function () { throw new Error('forbidden here') }"
    const { status, stdout, stderr } = antigrad(['race', '--engine', 'wasm'], { before })
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/^antigrad: the engine wasm .*forbidden here\n$/)
    // Without a requested engine, the other engines run, and the report explains the missing engine.
    const { raced, engines: report } = json('--rule adam', { before })
    expect(raced).toEqual(available.filter((name) => name !== 'wasm'))
    expect(report.wasm).toMatchObject({
      available: false,
      reasons: ['the module does not compile: forbidden here'],
    })
    expect(antigrad(['doctor'], { before }).stdout).toMatch(/^wasm +not available +.*forbidden here$/m)
  })

  test('ends with exit status 2 if the command is missing', () => {
    const { status, stdout, stderr } = antigrad([])
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain('Usage: antigrad')
  })
})

test('antigrad race ends with exit status 1 if engines disagree, and names the first update that differs', () => {
  // A constant of an integrator takes one root at the start. The distance of momentum takes one root, and each
  // update of RMSProp takes two roots. The changed root number 104 belongs to update 51.
  const before = `
    const { sqrt } = Math
    let calls = 0
    Math.sqrt = (x) => (++calls === 104 ? sqrt(x) * (1 + 2 ** -30) : sqrt(x))`
  const args = 'race --rule rmsprop momentum --max-iterations 60 --engine wasm typescript'.split(' ')
  const asTable = antigrad(args, { before })
  expect(asTable.status).toBe(1)
  expect(asTable.stderr).toBe('antigrad: rmsprop: typescript differs from wasm at update 51\n')
  expect(asTable.stdout).toMatch(/^momentum .* yes$/m)
  expect(asTable.stdout).toMatch(/^rmsprop .* NO$/m)
  expect(asTable.stdout).toContain('NOT the same bits in rmsprop.')
  const asJson = antigrad([...args, '--json'], { before })
  expect(asJson.status).toBe(1)
  const { sameBits, rules } = JSON.parse(asJson.stdout)
  expect(sameBits).toBe(false)
  expect(rules.map((rule: { sameBits: boolean }) => rule.sameBits)).toEqual([true, false])
  expect(rules[1].engines.typescript.differsAt).toBe(51)
})

test('an antigrad command ends without an error if the reader of its output closes the pipe', async () => {
  const child = spawn(process.execPath, [cli, 'race', '--rule', 'adam'], { env })
  child.stdout.destroy()
  let stderr = ''
  child.stderr.on('data', (text) => {
    stderr += text
  })
  const status = await new Promise((resolve) => child.on('close', resolve))
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})

describe('the command doctor', () => {
  test('prints the data for a bug report, and checks that all engines compute the same bits', () => {
    const { status, stdout, stderr } = antigrad(['doctor'], { engine: 'wasm' })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/^antigrad +\d+\.\d+\.\d+$/m)
    expect(stdout).toContain(`node ${process.versions.node}, v8 ${process.versions.v8}`)
    expect(stdout).toMatch(new RegExp(`^platform +${process.platform}-${process.arch}, `, 'm'))
    expect(stdout).toMatch(/^memory +WebAssembly\.Memory, huge pages \w/m)
    expect(stdout).toMatch(/^environment +ANTIGRAD_ENGINE=wasm$/m)
    const compared = engines().native.instructionSets.map((set) => `native ${set}, `)
    expect(stdout).toContain(
      `the same bits as TypeScript, in 22 rules × 2 dtypes, on ${compared.join('')}wasm\n`,
    )
    expect(stdout).toMatch(/^wasm +available +simd128$/m)
    const { threads } = engines().native
    if (threads > 1) expect(stdout).toMatch(new RegExp(`^native +available +.*, ${threads} threads$`, 'm'))
  })

  test('reports an environment in which no optimizer can be created', () => {
    const { status, stdout, stderr } = antigrad(['doctor'], { engine: 'fast', threads: 'many' })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(
      /^environment +ANTIGRAD_ENGINE=fast, ANTIGRAD_THREADS=many; .*ANTIGRAD_ENGINE: expected 'native' or .*, got "fast"; .*ANTIGRAD_THREADS: expected an integer from 1 to 256, got "many"$/m,
    )
    expect(stdout).toContain('the same bits as TypeScript, in 22 rules × 2 dtypes')
  })

  test('ends with exit status 1 if engines compute different bits', () => {
    const before = `
      const { sqrt } = Math
      Math.sqrt = (x) => sqrt(x) * (1 + 2 ** -22)`
    const { status, stdout } = antigrad(['doctor'], { before })
    expect(status).toBe(1)
    expect(stdout).toMatch(/adam DIFFERS in float32 on wasm$/m)
    expect(stdout).not.toMatch(/gradient-descent DIFFERS/)
  })

  test('succeeds without WebAssembly', () => {
    const { status, stdout } = antigrad(['doctor'], { before: 'delete globalThis.WebAssembly' })
    expect(status).toBe(0)
    expect(stdout).toMatch(/^memory +ArrayBuffer: there is no WebAssembly here$/m)
  })
})

test('the command doctor --json prints the same data as doctor, in JSON', () => {
  const { status, stdout } = antigrad(['doctor', '--json'])
  expect(status).toBe(0)
  const { differences, engines: seen, runtime } = JSON.parse(stdout)
  expect({ differences, seen: Object.keys(seen) }).toEqual({
    differences: [],
    seen: ['native', 'wasm', 'typescript'],
  })
  expect(runtime).toContain(process.versions.node)
})

describe('the command `rules`', () => {
  test('lists all rules with their defaults', () => {
    const { status, stdout, stderr } = antigrad(['rules'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/^adam +lr=0\.001 beta1=0\.9 beta2=0\.999 eps=1e-8 /m)
    const { adam, lion } = JSON.parse(antigrad(['rules', 'adam', 'lion', '--json']).stdout)
    expect(adam.lr).toMatchObject({
      default: 0.001,
      schedulable: true,
      documentation: 'learning rate η ≥ 0; may be scheduled',
    })
    expect(lion.beta2.default).toBe(0.99)
    expect(antigrad(['rules', 'adamw']).stdout).toMatch(/^ {2}weightDecay +0\.01 +weight decay λ ≥ 0/m)
    // A default that is a rule has a separate table.
    expect(antigrad(['rules', 'muon']).stdout).toMatch(/^ {2}fallback +adamw\(\) /m)
  })

  test('suggests the correct name for a misspelled rule name', () => {
    const { status, stdout, stderr } = antigrad(['rules', 'adma'])
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/Did you mean adam\?/)
  })
})

test.each(['bash', 'zsh', 'fish'])(
  'the shell completion for %s contains all commands and options',
  (shell) => {
    const { status, stdout } = antigrad(['completion', shell])
    expect(status).toBe(0)
    for (const word of ['race', 'sweep', 'completion', '--max-iterations', 'rmsprop'])
      expect(stdout).toContain(word)
  },
)

test('the shell completion for bash completes a partly typed word', () => {
  const { stdout: script } = antigrad(['completion', 'bash'])
  const completed = (...words: string[]) =>
    spawnSync(
      'bash',
      [
        '-c',
        `${script}\nCOMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _antigrad; echo "\${COMPREPLY[@]}"`,
      ],
      {
        encoding: 'utf8',
      },
    ).stdout.trim()
  expect(completed('antigrad', 'ra')).toBe('race')
  expect(completed('antigrad', 'race', '--max-it')).toBe('--max-iterations')
})

test('antigrad prints its help with --help and its version with --version', () => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  expect(antigrad(['--version'])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' })
  expect(antigrad(['--help']).stdout).toContain('race')
  const help = antigrad(['race', '--help'])
  expect(help).toMatchObject({ status: 0, stderr: '' })
  for (const option of ['--start <x,y>', '--json', '--weight-decay <value>', '--amsgrad [true|false]']) {
    expect(help.stdout).toContain(option)
  }
})
