/** Properties of Object.prototype are not options: runs have the same bits with the properties and without them. */

import {
  adam,
  adamw,
  centralized,
  checkGradient,
  cosine,
  delayedStart,
  ema,
  evaluateSchedule,
  expression,
  gridStarts,
  latinHypercubeStarts,
  lbfgs,
  Minimization,
  minimize,
  minimizeManySync,
  muon,
  noise,
  Optimizer,
  objectives,
  observeMetric,
  oneCycle,
  reduceOnPlateau,
  rosenbrock,
  sgd,
  sobolStarts,
  swa,
  uniformStarts,
  unitwise,
  warmup,
} from 'antigrad'
import { fitManySync, fit as fitted, models, ruleMethod } from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { definitions } from '../dist/rules/definitions.js'
import * as rules from '../dist/rules/index.js'
import { kinds } from '../dist/schedules/schedule.js'
import { home, inChild } from './children.js'

const params = () => ({ w: Float64Array.of(1, -2, 3, 0.5, -1, 2), b: Float64Array.of(0.5, -0.5) })
const shapes = { w: [2, 3] }
const objective = rosenbrock()
const bowl = expression('(x - 1)^2 + 2*(y + 1)^2')
const t = [0, 1, 2, 3, 4, 5]
const y = [3.1, 2.2, 1.6, 1.3, 1.05, 0.95]
const decay = expression('a*exp(-b*t) + c')
const start = { a: 2, b: 0.5, c: { start: 0.5 } }

/** The visible results of three steps. */
function trained(optimizer: unknown): unknown {
  const one = optimizer as Optimizer<ReturnType<typeof params>>
  for (let k = 1; k < 4; k++) {
    one.gradientPoint()
    one.step({ w: Float64Array.of(1, 2, 3, 4, 5, 6).map((g) => g / k), b: Float64Array.of(-k, k) })
  }
  const { rule, updates } = one
  return structuredClone({ params: one.params, state: one.state, rule: JSON.stringify(rule), updates })
}

const run = (rule: unknown, options?: object) =>
  trained(new Optimizer(params(), rule as never, options as never))

/** Calls that omit some options. */
const calls: Readonly<Record<string, () => unknown>> = {
  'every rule': () =>
    Object.keys(definitions).map((name) =>
      run((rules as never as Record<string, () => unknown>)[name](), { shapes }),
    ),
  'rules from JSON': () => [
    run({ name: 'adam' }),
    run({ name: 'delayedStart', updates: 1, rule: { name: 'sgd' } }),
  ],
  'no rule': () => run({}),
  'a delayed start of nothing': () => run({ name: 'delayedStart' }),
  'Optimizer: clip': () => run(adam(), { clip: { norm: 1 } }),
  'Optimizer: no clip': () => run(adam(), { clip: {} }),
  'Optimizer: clip by tensor': () => run(adam(), { clip: { adaptive: { factor: 0.1 } } }),
  'Optimizer: clip by unit': () =>
    run(adam(), {
      clip: { adaptive: unitwise({ factor: 0.1 }), centralized: centralized(), noise: noise() },
      shapes,
    }),
  'Optimizer: accumulate, average, lookahead': () =>
    run(adam(), { accumulate: { batches: 2 }, average: ema(), lookahead: {} }),
  'Optimizer: swa': () => run(adam(), { average: swa() }),
  'Optimizer: groups': () =>
    run(muon(), {
      groups: [{ match: 'b' }, { match: { maxRank: 1 }, clip: {}, lrScale: 2 }],
      shapes: { ...shapes, b: [2] },
    }),
  'add, set, freeze, unfreeze, save, load, restore': () => {
    const optimizer = new Optimizer(params(), adam(), {
      groups: [{ match: 'b', lrScale: 2 }],
      clip: { rms: 1 },
    })
    optimizer.set({})
    optimizer.set({ beta1: 0.5 })
    optimizer.set('w', { lr: 0.1 })
    optimizer.freeze('b')
    optimizer.unfreeze('b')
    trained(optimizer)
    optimizer.add({ c: Float64Array.of(1) }, {})
    const saved = structuredClone(optimizer.save())
    const loaded = Optimizer.load(saved, {})
    const differences = loaded.restore(saved, {})
    return [trained(loaded), differences, optimizer.report()]
  },
  schedules: () => {
    const all = [
      cosine(1, { steps: 5 }),
      warmup(1, { steps: 2 }),
      oneCycle(1, { steps: 5 }),
      reduceOnPlateau(1),
    ]
    const values = all.map((schedule) => t.map((at) => evaluateSchedule(schedule, at)))
    return [
      values,
      observeMetric(reduceOnPlateau(1), 2),
      run(adam({ lr: warmup(cosine(0.1, { steps: 3 }), { steps: 2 }) })),
    ]
  },
  'a schedule from JSON': () => run(adam({ lr: { schedule: 'cosine', value: 1, steps: 3 } as never })),
  'an object that is no schedule': () => run(adam({ lr: {} as never })),
  minimize: () => minimize(objective, [-1.5, 2], adam({ lr: 0.1 }), { maxIterations: 20 }),
  'minimize, as it is': () => minimize({ value: (x) => x[0] * x[0] }, [2], sgd({ lr: 0.1 })),
  'minimize, a function': () => minimize((x) => x[0] * x[0], [2], sgd({ lr: 0.1 }), {}),
  'minimize, bounds': () =>
    minimize(objective, [-1.5, 2], adam({ lr: 0.1 }), {
      bounds: [{ min: -1 }, null],
      maxIterations: 9,
      clip: {},
    }),
  'minimize, lbfgs': () => minimize(objective, [-1.5, 2], lbfgs({}), {}),
  Minimization: () => {
    const minimization = new Minimization(objective, [-1.5, 2], adamw())
    while (minimization.iterations < 5) minimization.step()
    return [...minimization.params, minimization.gradientNorm]
  },
  checkGradient: () => checkGradient(objective, [0.5, -1], {}),
  minimizeMany: () => minimizeManySync(bowl, { x: [0, 3], y: [0, -2] }, adam({ lr: 0.1 })),
  'minimizeMany, options': () =>
    minimizeManySync(bowl, [0, 0, 3, -2], delayedStart(2, adam({ lr: 0.1 })), {
      ...{ bounds: { x: { max: 0.5 } }, clip: {}, maxIterations: 20, recordEvery: 5 },
    }),
  'minimizeMany, each': () => minimizeManySync(bowl, [0, 0, 3, -2], adam(), { perRun: { lr: [0.1, 0.2] } }),
  'minimizeMany, methods': () =>
    minimizeManySync(bowl, [0, 0, 3, -2], lbfgs(), { perRun: { history: [1, 2] }, recordEvery: 1 }),
  'minimizeMany without a column': () => minimizeManySync(bowl, { x: [0] } as never, adam()),
  starts: () => [
    gridStarts({ x: [0, 1], y: [0, 2] }, { x: 2, y: 3 }),
    gridStarts({ x: [0, 1] }, 3, {}),
    uniformStarts({ x: [0, 1] }, 3),
    latinHypercubeStarts({ x: [0, 1] }, 3, {}),
    sobolStarts({ x: [0, 1] }, 3, {}),
  ],
  'gridStarts without a count': () => gridStarts({ x: [0, 1], y: [0, 2] }, { x: 2 } as never),
  fit: () => {
    const found = fitted(decay, { t, y }, { start })
    const { values, errors, reason, chiSquared } = found
    return [values, errors, reason, chiSquared, found.band(undefined, {}), found.predict({ t: [6] })]
  },
  'fit, predict without a column': () => fitted(decay, { t, y }, { start }).predict({}),
  'fit without a start': () => fitted(decay, { t, y }, {}),
  'fitMany, by a rule, from several starts': () => {
    const box = { a: { start: 2, min: 0, max: 5 }, b: 0.5, c: 0.5 }
    const bounded = { ...box, b: { min: 0, max: 2, start: 1 }, c: { min: 0, max: 2, start: 1 } }
    const byRule = fitManySync(
      decay,
      { t, y },
      { start: box, method: ruleMethod(adam({ lr: 0.1 })), maxIterations: 20 },
    )
    const several = fitManySync(decay, { t, y }, { start: bounded, multiStart: { count: 3 } })
    return [byRule.values, byRule.evaluations, several.values, several.evaluations]
  },
  models: () => {
    const { polynomial, peaks, line, pseudoVoigt } = models
    const texts = [polynomial(), peaks({}), line({}), pseudoVoigt()].map(({ text, x, parameters }) => [
      text,
      x,
      parameters,
    ])
    return [texts, fitted(line(), { x: t, y }).values]
  },
  objectives: () => [objectives.bowl().value([1, 2]), objectives.rosenbrock({}).value([1, 2])],
  expressions: () => [bowl.value([1, 2]), decay.with({ t }).value([1, 2, 3])],
}

/** All option names, except options of rules and schedules. */
const others = [
  ...[
    'accumulate',
    'adaptive',
    'alpha',
    'average',
    'batches',
    'bounds',
    'callback',
    'centralized',
    'clip',
    'clock',
  ],
  ...[
    'condition',
    'corrected',
    'count',
    'data',
    'decay',
    'degree',
    'dtype',
    'each',
    'engine',
    'eta',
    'every',
    'expr',
  ],
  ...[
    'factor',
    'fixed',
    'frozen',
    'gradient',
    'groups',
    'guess',
    'history',
    'instructionSet',
    'kind',
    'level',
    'loss',
  ],
  ...[
    'lossScale',
    'lrScale',
    'match',
    'max',
    'maxIterations',
    'maxLineSearch',
    'maxRank',
    'maxConsecutiveSkips',
    'method',
    'min',
  ],
  ...[
    'multiStart',
    'name',
    'noise',
    'norm',
    'recordNorms',
    'onNonFinite',
    'onProgress',
    'onWarning',
    'own',
    'parameters',
  ],
  ...[
    'partial',
    'path',
    'reduce',
    'rms',
    'rtol',
    'atol',
    'rule',
    'sample',
    'schedule',
    'seed',
    'shape',
    'shapes',
  ],
  ...[
    'sigma',
    'signal',
    'start',
    'step',
    'steps',
    'tensorNorm',
    'text',
    'threads',
    'tolerance',
    'unit',
    'updates',
  ],
  ...[
    'value',
    'weights',
    'x',
    'y',
    'zeroGrads',
    'absoluteSigma',
    'lookahead',
    'missing',
    'a',
    'b',
    'c1',
    'c2',
    't',
  ],
  ...[
    'product',
    'values',
    'present',
    'state',
    'params',
    'average',
    'slow',
    'accumulated',
    'byTensor',
    'structure',
  ],
]
const ofRules = Object.values(definitions).flatMap(({ options }) => Object.keys(options))
const ofSchedules = [...kinds.values()].flatMap((kind) =>
  Object.keys((kind as never as { fields: object }).fields),
)
const names = [...new Set([...others, ...ofRules, ...ofSchedules])].sort()

/** The result of a call, or the error. */
function outcome(call: () => unknown): unknown {
  try {
    return call()
  } catch (thrown) {
    return `${thrown}`
  }
}

describe('options that a program adds to Object.prototype', () => {
  const expected = Object.entries(calls).map(([, call]) => outcome(call))

  test('do not exist during the reference calls, which succeed', () => {
    const thrown = Object.keys(calls).filter((_, k) => typeof expected[k] === 'string')
    expect(thrown).toEqual([
      ...[
        'no rule',
        'a delayed start of nothing',
        'an object that is no schedule',
        'minimizeMany without a column',
      ],
      ...['gridStarts without a count', 'fit, predict without a column', 'fit without a start'],
    ])
  })

  // Several properties are added at once, because each property is invalid.
  const some = Array.from({ length: 12 }, (_, k) => names.filter((_, i) => i % 12 === k))

  test.each(some.map((names) => [names.join(), names] as const))(
    'do not affect %s',
    (_, names) => {
      for (const value of [3, true, { min: 0.3, value: 0.25 }]) {
        const found: unknown[] = []
        const prototype = Object.prototype as unknown as Record<string, unknown>
        for (const name of names) prototype[name] = value
        try {
          for (const call of Object.values(calls)) found.push(outcome(call))
        } finally {
          for (const name of names) delete prototype[name]
        }
        for (const [k, call] of Object.keys(calls).entries()) {
          expect(found[k], `${call}, where those are ${JSON.stringify(value)}`).toEqual(expected[k])
        }
      }
    },
    60_000,
  )
})

describe('a property on Object.prototype that exists before the package is loaded', () => {
  const entries = ['index', 'files/index', 'math/index', 'tfjs/index', 'chunks/index', 'bullmq/index']

  test.each(['intruder', 'lr', 'min', 'names'])('affects no entry point and no export: %s', (name) => {
    const body = `
      const found = []
      for (const entry of ${JSON.stringify(entries)}) {
        const module = await import(\`${home}dist/node/\${entry}.mjs\`)
        found.push(Object.keys(module))
      }
      const { adam, expression, fit, minimize } = antigrad
      const [t, y] = [[0, 1, 2, 3], [3, 2, 1.5, 1.3]]
      const { values } = fit(expression('a*exp(-b*t) + c'), { t, y }, { start: { a: 1, b: 1, c: 0 } })
      const { x } = minimize(expression('(x - 1)^2'), [3], adam({ lr: 0.1 }))
      return { found, values, x }`
    const before = `Object.prototype[${JSON.stringify(name)}] = 3`
    expect(inChild(body, { folder: home, before })).toEqual(inChild(body, { folder: home }))
  })
})
