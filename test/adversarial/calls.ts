/** Every public call with the places of its arguments: valid values, and the names in messages. */

import * as core from 'antigrad'
import { adam, expression, Minimization, objectives, sqp } from 'antigrad'
import * as fits from 'antigrad/fit'
import { fitManySync, fitSharedSync } from 'antigrad/fit'
import { definitions } from '../../dist/rules/definitions.js'
import { kinds as schedules } from '../../dist/schedules/schedule.js'
import { inBits } from '../helpers.js'
import {
  any,
  anyNumber,
  at,
  callback,
  count,
  everywhere,
  finite,
  flag,
  fraction,
  from,
  type Kind,
  match,
  names,
  no,
  numbers,
  only,
  optional,
  or,
  orNull,
  part,
  positive,
  record,
  scheduled,
  tensor,
  tensors,
  text,
  word,
} from './argument-places.js'
import { type Anything, everything, gradients, rich, underWay } from './subject.js'

const antigrad = { ...core, ...fits }

export interface Call {
  /**
   * Exports such as 'minimize', 'models.line' and 'Optimizer.load', or methods of a subject such as 'Optimizer#step'.
   */
  readonly of: readonly string[]
  /** Arguments by name, in order. */
  readonly args: Readonly<Record<string, Anything>>
  /** The beginning of all messages of the call. */
  readonly says: string
  /** A subject that replaces the usual subject of the class. */
  readonly subject?: () => Anything
}

/** The objects on which methods are called. */
export const subjects: Readonly<Record<string, () => Anything>> = {
  Optimizer: underWay,
  Minimization: () => new Minimization(objectives.bowl(), [1, 2], adam()),
  Expression: () => expression('a*x'),
  BoundExpression: () => expression('a*x').with({ x: [1, 2] }),
  Fit: () => antigrad.fit(expression('a*x'), { x: [1, 2, 3], y: [1, 2, 4] }, { start: { a: 1 } }),
  FitManyResult: () => fitManySync(expression('a*x'), { x: [1, 2, 3], y: [1, 2, 4] }, { start: { a: 1 } }),
  SharedFit: () =>
    fitSharedSync(
      expression('a*exp(-b*x)'),
      {
        x: [0, 1, 2, 3],
        y: [
          [4, 2, 1, 0.4],
          [2, 1, 0.6, 0.2],
        ],
      },
      { shared: ['b'], start: { a: 4, b: 1 } },
    ),
  SharedGroup: () => subjects.SharedFit().at(0),
  SharedBootstrap: () => fits.bootstrapSync(subjects.SharedFit(), { count: 9 }),
  Bootstrap: () => fits.bootstrap(subjects.Fit(), { count: 9 }),
  BootstrapMany: () => fits.bootstrapSync(subjects.FitManyResult(), { count: 9 }),
  TestObjective: () => objectives.beale(),
}

/** Everything in a subject that a call might change. */
export const seen = (subject: Anything): string =>
  subject instanceof antigrad.Optimizer ? everything(subject) : inBits(subject)

/** The result of further use of the subject. */
export function afterwards(subject: Anything): string {
  if (subject instanceof antigrad.Optimizer)
    for (let k = 0; k < 4; k++) subject.step(subject.params as Anything)
  return seen(subject)
}

/** Calls one of the functions in `of` with a subject and arguments. */
export function run(name: string, subject: Anything, args: readonly unknown[]): unknown {
  const method = name.split('#')[1]
  if (method !== undefined) return subject[method](...args)
  const called = name.split('.').reduce<Anything>((inner, key) => inner[key], antigrad)
  if (/^class\b/.test(String(called))) return new called(...args)
  const [owner] = name.split('.')
  return called.apply((antigrad as Anything)[owner], args)
}

const calls: Call[] = []
const add = (of: string, says: string, args: Call['args'], subject?: Call['subject']) =>
  calls.push({ of: of.split(' '), args, says, ...(subject && { subject }) })

// Each declared option of a rule: in the rule's function, in `set`, and in a rule that is plain data.

for (const { name, options } of Object.values(definitions)) {
  const ofRule = Object.fromEntries(
    Object.entries(options).map(([key, { accepts, read, schedulable, default: good }]) => {
      // The call itself decides conflicts between options, and options with a reader.
      const kind: Kind = (x) => x === undefined || accepts(x) || (read !== undefined && typeof x === 'object')
      return [key, at(schedulable ? or(kind, callback) : kind, good)]
    }),
  )
  // Presets for other libraries.
  const presets = Object.keys((antigrad as Anything)[name]).map((preset) => `${name}.${preset}`)
  add([name, ...presets].join(' '), name, { options: at(record, ofRule) })
}

const ofAdam = {
  name: at(no, 'adam', 'rule'),
  lr: at(scheduled(from(0)), 0.1, 'adam: lr'),
  beta2: at(scheduled(fraction), 0.999, 'adam: beta2'),
  amsgrad: at(optional(flag), false, 'adam: amsgrad'),
}
/** The inner rule has a different name. */
const aRule = only('rules, 100,000 deep')
const rule = at(aRule, ofAdam, 'rule')
add('delayedStart', 'delayedStart', {
  updates: at(count(0), 2),
  rule: at(no, { ...ofAdam, name: at(no, 'adam', 'delayedStart: rule') }),
})

// Schedules

const whole = count(1)
const orWhole = count(0)
const value = at(or(finite, callback), 1)
const level = at(optional(finite), 0.5)
const steps = at(whole, 4)
const begin = at(optional(orWhole), 1)
const factor = at(optional(from(0)), 0.5)
const gamma = at(from(0), 0.5)
const list = only(
  'an empty list',
  'a list of one number',
  'a list of zeros',
  'a proxy of a list',
  'a list of it',
)
const boundaries = at(list, [at(orWhole, 2), at(count(3), 4)])
const scales = at(list, [at(from(0), 0.5), at(from(0), 0.1)])
const two = at(list, [1, at(or(finite, callback), 2)])

const fieldsOf: Readonly<Record<string, Anything>> = {
  chained: { schedules: two },
  constant: { value, factor, steps: begin },
  cosine: { value, steps, endValue: level, exponent: factor, periodic: at(optional(flag), true) },
  cosineRestarts: { value, steps, factor: at(optional(whole), 2), endValue: level },
  cyclic: {
    ...{
      value,
      maxValue: at(finite, 2),
      stepSizeUp: at(optional(whole), 4),
      stepSizeDown: at(orNull(whole), 4),
    },
    ...{ mode: at(optional(word()), 'triangular'), gamma: factor },
  },
  exponential: {
    value,
    gamma,
    steps: at(optional(whole), 4),
    begin,
    staircase: at(optional(flag), true),
    endValue: at(orNull(finite), 0.5),
  },
  inverseSqrt: { value, warmupSteps: begin, timescale: at(orNull(whole), 2) },
  inverseTime: {
    value,
    decayRate: gamma,
    steps: at(optional(whole), 4),
    begin,
    staircase: at(optional(flag), true),
  },
  joined: { schedules: two, boundaries: at(list, [at(whole, 2)]) },
  linear: { value, endValue: level, steps, begin },
  multiStep: { value, milestones: boundaries, gamma: factor },
  noam: { value, modelSize: steps, warmupSteps: at(optional(whole), 4) },
  oneCycle: {
    ...{ value, steps, pctStart: at(optional(from(0, 1)), 0.3), annealStrategy: at(optional(word()), 'cos') },
    ...{ divFactor: at(optional(positive), 25), finalDivFactor: at(optional(positive), 25) },
    ...{
      threePhase: at(optional(flag), false),
      form: at(optional(word()), 'torch'),
      pctFinal: at(optional(from(0, 1)), 0.9),
    },
  },
  piecewiseConstant: { value, boundaries, scales },
  piecewiseInterpolate: { value, boundaries, scales, interpolation: at(optional(word()), 'linear') },
  polynomial: { value, endValue: level, power: factor, steps, begin },
  reduceOnPlateau: {
    ...{
      value,
      factor: at(optional(from(0, 1)), 0.5),
      patience: begin,
      threshold: factor,
      thresholdMode: at(optional(word()), 'rel'),
    },
    ...{
      mode: at(optional(word()), 'min'),
      cooldown: begin,
      minValue: level,
      best: at(orNull(finite), 1),
      badCount: begin,
      cooldownCounter: begin,
    },
  },
  step: { value, stepSize: steps, gamma: factor },
  warmup: { value, steps, from: at(orNull(finite), 0.5) },
  warmupStableDecay: {
    ...{ value, warmupSteps: at(orWhole, 2), stableSteps: at(orWhole, 2), decaySteps: steps },
    ...{ decayType: at(optional(word()), 'cosine'), endValue: level },
  },
}
for (const name of schedules.keys()) {
  const [[first, place], ...others] = Object.entries(fieldsOf[name] ?? {})
  add(name, name, { [first]: place, options: at(record, Object.fromEntries(others)) })
}
const warm = {
  schedule: at(no, 'warmup', null),
  value: at(or(finite, callback), 1, null),
  steps: at(whole, 4, null),
  from: null,
}
add('evaluateSchedule', 'evaluateSchedule', { schedule: at(or(finite, callback), warm), t: at(orWhole, 3) })
add('observeMetric', 'observeMetric', {
  schedule: at(no, antigrad.reduceOnPlateau(1)),
  metric: at(anyNumber, 1),
})

// Objectives

for (const name of Object.keys(objectives)) {
  const own = {
    rosenbrock: { a: at(optional(finite), 1), b: at(optional(finite), 100) },
    bowl: { condition: at(optional(from(1)), 10) },
  }
  const options = own[name as keyof typeof own]
  add(name, name, options ? { options: at(record, options) } : {})
}
const point = at(only('an array that lies'), [1, 2])
add('TestObjective#value', 'beale', { x: point })
add('TestObjective#gradient', 'beale', { x: point, out: [0, 0] })
add('TestObjective#minima', 'beale', { dimensions: at(any, 2) })

// Options outside of rules

const noises = {
  eta: at(optional(from(0)), 0.01),
  gamma: at(optional(from(0)), 0.5),
  seed: at(optional(orWhole), 3),
}
add('noise', 'noise', { options: at(record, noises, 'noise') })
add('unitwise', 'unitwise', {
  options: at(record, { factor: at(positive, 0.1), eps: at(optional(positive), 1e-3) }),
})
add('centralized engines', '', {})
add('ema', 'ema', {
  decay: at(optional(fraction), 0.5),
  options: at(record, { corrected: at(optional(flag), true) }),
})
add('swa', 'swa', { options: at(record, { start: at(optional(orWhole), 2), every: at(optional(whole), 3) }) })
add('layerDecay', 'layerDecay', {
  layers: at(only('an empty list', 'a list of it'), ['w']),
  decay: at(part, 0.5),
})
add('noDecay', '', { also: at(any, 'embed') })
add('lbfgs', 'lbfgs', {
  options: at(record, {
    history: at(orNull(whole), 3),
    c1: at(optional(fraction), 1e-4),
    c2: at(optional(fraction), 0.9),
    maxLineSearch: at(optional(whole), 9),
  }),
})
add('nelderMead', 'nelderMead', {
  options: at(record, {
    adaptive: at(optional(flag), false),
    restarts: at(optional(orWhole), 2),
    step: at(optional(positive), 0.5),
  }),
})
add('newton', 'newton', { options: at(record, { radius: at(optional(positive), 2) }) })

add('sqp', 'sqp', { options: at(record, {}) })

// Minimizations

const bowl = objectives.bowl()
const functions = {
  value: at(callback, bowl.value, 'objective'),
  gradient: at(optional(callback), bowl.gradient),
}
const tolerance = at(optional(from(0)), 1e-3)
const maxIterations = at(optional(orWhole), 5)
const dtype = at(optional(word('float32', 'float64')), 'float32')
const running = {
  engine: at(optional(word()), 'native', 'the option engine'),
  instructionSet: at(optional(word()), 'scalar', 'instructionSet'),
  threads: at(optional(count(1, 256)), 1, 'threads'),
}
const limits = (low: string, high: string) => [
  at(orNull(record), [at(anyNumber, 0, low), at(anyNumber, 9, high)], 'bounds: 0'),
  null,
]
add('minimize Minimization', '', {
  objective: at(or(callback, only('holes with its names')), functions),
  x: at(numbers, [1, 2]),
  rule,
  options: at(record, {
    ...{ tolerance, maxIterations, dtype, callback: at(optional(callback), () => false) },
    bounds: at(word(undefined), limits('bounds: 0: min', 'bounds: 0: max')),
    clip: at(record, { norm: at(optional(positive), 4), value: at(optional(positive), 4) }),
    ...running,
  }),
})
const constraint = (name: string, definition: Record<string, unknown>) => ({
  ...definition,
  min: at(optional(anyNumber), 0, `constraints: ${name}: min`),
  max: at(optional(anyNumber), 9, `constraints: ${name}: max`),
  name,
})
add('minimize Minimization', '', {
  objective: at(or(callback, only('holes with its names')), functions),
  x: at(numbers, [1, 2]),
  rule: at(only('rules, 100,000 deep', 'holes with its names'), sqp(), 'rule'),
  options: at(record, {
    ...{ tolerance, maxIterations, callback: at(optional(callback), () => false) },
    constraints: [constraint('a', { expr: at(callback, bowl.value, 'constraints: a: expr') })],
  }),
})
add('qp', '', {
  problem: at(
    no,
    {
      hessian: [at(no, [2, 0], 'hessian'), at(no, [0, 1], 'hessian')],
      gradient: at(
        or(
          numbers,
          only(
            'a list of one number',
            'a list of zeros',
            'a proxy of a list',
            'the other dtype',
            'a Float32Array of another length',
            'an array that lies',
          ),
        ),
        [1, 2],
        'gradient',
      ),
      constraints: [constraint('a', { coefficients: at(no, [1, 1], 'constraints: a: coefficients') })],
      bounds: at(word(undefined), limits('bounds: 0: min', 'bounds: 0: max'), 'bounds'),
    },
    'qp',
  ),
})
add('Minimization#step', '', {})
add('Minimization#finish', '', {})
add('standardErrors', '', {
  objective: at(or(callback, only('holes with its names')), functions),
  x: at(numbers, [1, 2]),
  options: at(record, {
    kind: at(no, 'sum-of-squares'),
    observations: at(count(1), 5),
    bounds: at(word(undefined), limits('bounds: 0: min', 'bounds: 0: max')),
  }),
})
add('checkGradient', '', {
  objective: at(only('holes with its names'), functions),
  x: at(numbers, [1, 2]),
  options: at(record, {
    rtol: at(optional(from(0)), 1e-5),
    atol: at(optional(from(0)), 1e-8),
    step: at(optional(positive), 1e-6),
  }),
})

// Batches of runs

const signal = at(optional(no), undefined)
const workers = at(optional(no), undefined)
const onProgress = at(optional(callback), () => {})
const column: Kind = (x, ...rest) => numbers(x, ...rest) && x.length === 2
add('minimizeMany minimizeManySync', '', {
  objective: at(no, expression('(a*x - y)^2 + b^2')),
  starts: at(numbers, { a: at(numbers, [1, 2]), b: at(numbers, [2, 1]) }),
  rule,
  options: at(record, {
    data: at(orNull(record), { x: at(numbers, [1, 2]), y: at(numbers, [2, 1]) }),
    perRun: at(record, { eps: at(column, [0.1, 0.2]) }),
    bounds: at(record, {
      a: at(orNull(record), { min: at(optional(anyNumber), 0), max: at(optional(anyNumber), 9) }),
    }),
    ...{ tolerance, maxIterations, recordEvery: at(optional(whole), 2), dtype },
    clip: at(record, { value: at(optional(anyNumber), 4) }),
    ...{ ...running, workers, signal, onProgress },
  }),
})
add('minimizeMany minimizeManySync', '', {
  objective: at(no, expression('(a*x - y)^2 + b^2')),
  starts: at(numbers, { a: at(numbers, [1, 2]), b: at(numbers, [2, 1]) }),
  rule: at(only('rules, 100,000 deep', 'holes with its names'), core.lbfgs(), 'rule'),
  options: at(record, {
    data: { x: [1, 2], y: [2, 1] },
    perRun: at(record, { history: at(column, [2, 5]) }),
    ...{ maxIterations, recordEvery: at(optional(whole), 2) },
  }),
})
add('minimizeMany minimizeManySync', '', {
  objective: at(no, expression('(a*x - y)^2 + b^2')),
  starts: at(numbers, { a: at(numbers, [1, 2]), b: at(numbers, [2, 1]) }),
  rule: at(only('rules, 100,000 deep', 'holes with its names'), sqp(), 'rule'),
  options: at(record, {
    data: at(orNull(record), { x: at(numbers, [1, 2], 'data'), y: at(numbers, [2, 1], 'data') }),
    constraints: [constraint('a', { expr: at(or(callback, text), bowl.value, 'constraints: a: expr') })],
    ...{ tolerance, maxIterations, signal, onProgress },
  }),
})
add('findMinima findMinimaSync', '', {
  objective: at(or(callback, only('holes with its names')), functions),
  options: at(record, {
    bounds: at(no, [
      at(
        orNull(record),
        [at(anyNumber, 0, 'bounds: 0: min'), at(anyNumber, 9, 'bounds: 0: max')],
        'bounds: 0',
      ),
      [0, 1],
    ]),
    starts: at(optional(count(1, 2 ** 20)), 4),
    seed: at(optional(count(0, 2 ** 32 - 1)), 3),
    method: at(optional(no), core.lbfgs(), null),
    distance: at(optional(positive), 1e-3),
    ...{ tolerance, maxIterations, signal, onProgress },
    ...{ data: signal, engine: signal, instructionSet: signal, threads: signal, workers },
  }),
})
add('workers', 'workers', { options: at(record, { url: at(optional(text), '/worker.js') }) })
const box = at(no, { x: at(no, [at(finite, -2, 'box: x'), at(finite, 2, 'box: x')]), y: [0, 1] })
const few = count(1, 2 ** 20)
add('gridStarts', '', {
  box,
  counts: at(few, { x: at(few, 2), y: at(few, 3) }),
  options: at(record, { dtype }),
})
add('uniformStarts latinHypercubeStarts sobolStarts', '', {
  box,
  count: at(few, 4),
  options: at(record, { seed: at(optional(count(0, 2 ** 32 - 1)), 3), dtype }),
})

// Fits

const t = [0, 1, 2, 3, 4, 5]
const y = [5, 3.2, 2.3, 1.7, 1.4, 1.2]
/** Numbers, or one array of numbers per fit. */
const ofEach = (good: number[]) =>
  at(
    or(
      numbers,
      only('undefined', 'an empty list', 'a list of null', 'a list of it', 'integers', 'many bytes'),
    ),
    good,
  )
const bounded = (start: number) => ({ start, min: 0, max: 9 })
const multiStart = at(optional(count(1, 100)), {
  count: at(count(1, 100), 2),
  sample: at(word(undefined), 'sobol'),
  seed: at(optional(count(0, 2 ** 32 - 1)), 3),
})
add('fit fitMany fitManySync', '', {
  model: at(only('holes with its names', 'a function'), expression('a*exp(-b*t) + c')),
  data: at(names, { t: ofEach(t), y: ofEach(y) }),
  options: at(record, {
    start: at(word(), {
      a: at(numbers, {
        start: at(or(optional(finite), numbers, list), 4),
        min: at(optional(anyNumber), 0),
        max: at(optional(anyNumber), 9),
        positive: at(optional(flag), false),
        fixed: at(optional(flag), false),
        expr: at(optional(text), undefined),
      }),
      b: at(or(finite, numbers), bounded(1)),
      c: bounded(1),
    }),
    derive: at(optional(names), { double: at(text, '2*a') }),
    y: at(orNull(text), 'y'),
    sigma: at(
      or(
        numbers,
        only('undefined', 'an empty list', 'a list of null', 'a list of it', 'integers', 'many bytes'),
        word('1'),
      ),
      y,
    ),
    missing: at(word(undefined), 'drop'),
    absoluteSigma: at(optional(flag), true),
    loss: at(word(undefined), 'huber'),
    lossScale: at(optional(positive), 1),
    ...{ tolerance, maxIterations: at(optional(whole), 50) },
    multiStart,
    intervals: at(word(undefined), fits.profileIntervals({ level: 0.9, restart: true })),
    method: at(word(undefined), fits.ruleMethod(antigrad.adam({ lr: 0.1 }))),
    ...{ ...running, workers, signal, onProgress },
  }),
})
add('fit fitMany fitManySync', '', {
  model: at(only('holes with its names'), {
    text: at(text, 'a*x', null),
    x: at(text, 'x', null),
    parameters: at(names, { a: at(or(finite, record), bounded(1), null) }, null),
    guess: at(optional(callback), () => ({ a: 1 })),
  }),
  data: { x: t, y },
})
const shared = t.map((_, i) => t.map((_, j) => Number(i === j) + 1))
add('fit fitMany fitManySync', '', {
  model: expression('a*exp(-b*t) + c'),
  data: { t, y },
  options: {
    start: { a: 4, b: 1, c: 1 },
    covariance: at(word(undefined), fits.covarianceMatrix(shared)),
  },
})
add('fitStream', '', {
  rows: [],
  options: at(
    record,
    {
      model: expression('a*exp(-b*t)'),
      group: at(optional(text), 'g'),
      start: { a: 1, b: 1 },
      sigma: at(optional(text), 's'),
      missing: at(word(undefined), 'drop'),
      absoluteSigma: at(optional(flag), true),
      loss: at(word(undefined), 'huber'),
      lossScale: at(optional(positive), 1),
      ...{ tolerance, maxIterations: at(optional(whole), 50) },
      ...{ multiStart, signal },
    },
    null,
  ),
})
add('covarianceMatrix', '', { covariance: at(no, shared) })
add('fitShared fitSharedSync', '', {
  model: at(only('holes with its names', 'a list of it'), expression('a*exp(-b*t) + c')),
  data: at(names, {
    t,
    y,
    g: at(list, ['p', 'p', 'p', 'q', 'q', 'q'], null),
    plate: at(or(list, only('the other dtype')), [1, 1, 1, 2, 2, 2]),
  }),
  options: at(record, {
    group: at(word(), 'g', null),
    shared: at(optional(list), ['b'], null),
    local: at(optional(list), ['a']),
    sharedBy: at(no, { c: at(word(), 'plate', 'sharedBy') }, null),
    start: at(word(), { a: 4, b: bounded(1), c: bounded(1) }),
    y: at(orNull(text), 'y'),
    sigma: at(or(numbers, word(undefined, '1')), y),
    missing: at(word(undefined), 'drop'),
    absoluteSigma: at(optional(flag), true),
    loss: at(word(undefined), 'huber'),
    lossScale: at(optional(positive), 1),
    ...{ tolerance, maxIterations: at(optional(whole), 50) },
    ...{ multiStart, ...running, signal, onProgress },
  }),
})
add('SharedFit#at SharedBootstrap#at', '', { group: at(word(0, -0, 1), 0) })
for (const found of [subjects.SharedFit(), subjects.SharedGroup()]) {
  for (const name of ['profile', 'profileSync']) {
    add(name, '', {
      found: at(no, found),
      name: at(word(undefined), 'b'),
      options: at(record, { level: at(optional(anyNumber), 0.9), signal, onProgress }),
    })
  }
}
for (const name of ['compareSharing', 'compareSharingSync'])
  add(name, '', { found: at(no, subjects.SharedFit()), name: at(no, 'b') })
const quantity = at(text, 'a + 1')
add('derive', '', {
  found: at(no, subjects.FitManyResult()),
  quantities: at(record, { double: quantity }),
  options: at(record, { level: at(optional(anyNumber), 0.9) }),
})
add('inverse', '', {
  found: at(no, subjects.Fit()),
  y: at(or(numbers, only('an empty list', 'a list of null', 'a list of it')), [2, 3]),
  options: at(record, {
    level: at(optional(anyNumber), 0.9),
    replicates: at(optional(count(1)), 2),
    range: at(or(word(undefined), numbers), [1, 3]),
    sigma: at(or(word(undefined), positive, numbers), 1),
  }),
})
add('inverse', '', {
  found: at(
    no,
    antigrad.fit(
      expression('1/(1 + exp(-k*x))'),
      { x: [-1, 0, 1], y: [2, 5, 8] },
      { distribution: antigrad.binomial({ trials: 10 }), start: { k: 1 } },
    ),
  ),
  y: at(or(numbers, only('an empty list', 'a list of null', 'a list of it')), [4, 6]),
  options: at(record, { trials: at(or(word(undefined), positive, numbers), 10) }),
})
add('rout', '', {
  options: at(record, { q: at(optional(anyNumber), 0.02), refit: at(optional(flag), true) }),
})
const ofScale = optional(or(positive, text))
const marks = { below: at(optional(text), 'low'), above: at(optional(text), 'high') }
add('normal lognormal', '', {
  options: at(record, { sigma: at(ofScale, '0.1*f'), ...marks, estimate: at(word(undefined), 'reml') }),
})
add('student', '', { options: at(record, { sigma: at(ofScale, 's'), df: at(ofScale, 4), ...marks }) })
add('negativeBinomial', '', { options: at(record, { theta: at(ofScale, 'theta'), ...marks }) })
add('gamma', '', { options: at(record, { shape: at(ofScale, 2), ...marks }) })
add('binomial', '', { options: { trials: at(or(positive, text), 'n'), ...marks } })
add('poisson', '', { options: at(record, marks) })
add('ode', '', {
  options: at(record, {
    states: at(record, { y: at(or(finite, text), 1) }),
    rates: at(or(record, only('a record of a stranger')), { y: at(or(finite, text), '-k*y') }),
    observe: at(or(finite, text, only('a record of a stranger')), 'y'),
    initialTime: at(optional(finite), 0),
    maxSteps: at(optional(count(1)), 1000),
    controlSensitivities: at(optional(flag), true),
  }),
})
const decay = fits.ode({ states: { y: 1 }, rates: { y: '-k*y' }, observe: 'y' })
add('simulate', '', {
  model: at(no, decay),
  values: at(record, { k: at(anyNumber, 1) }),
  times: at(or(numbers, only('an empty list', 'integers')), [0, 1]),
  options: at(record, {}),
})
add('studentizedResiduals', '', { found: at(no, subjects.Fit()) })
const columns = at(word(undefined), { x: ofEach([1, 2]) })
const tableOptions = {
  contents: at(word(undefined), 'curve'),
  level: at(optional(anyNumber), 0.9),
  kind: at(word(undefined), 'prediction'),
  points: at(optional(count(2, 1_000_000)), 3),
  at: columns,
  groups: at(optional(only('a list of one number', 'a list of NaN', 'a proxy of a list')), ['p'], null),
}
add('toTable', '', { found: at(only('a list of it'), subjects.Fit()), options: at(record, tableOptions) })
const csvOptions = {
  ...tableOptions,
  delimiter: at(word(undefined), ';'),
  lineEnd: at(word(undefined), '\n'),
  header: at(optional(flag), true),
  escapeFormulas: at(optional(flag), true),
}
add('toCsv', '', { found: subjects.Fit(), options: at(record, csvOptions) })
add('toCsv', 'table', {
  found: at(record, { a: [1, 2] }, 'found'),
  options: {},
})
add('fromWide', '', {
  table: at(record, { a: [1, 2], b: [3, 4] }),
  options: at(record, {
    x: at(word(undefined), 'a'),
    y: at(word(undefined), ['b']),
    replicates: at(word(undefined), 'all'),
  }),
})
add('lackOfFit', '', { found: at(no, subjects.Fit()) })
add('report', '', {
  found: at(no, subjects.Fit()),
  options: at(record, { minCorrelation: at(optional(anyNumber), 0.5) }),
})
add('ruleMethod', '', { rule: at(aRule, ofAdam, 'rule') })
add('profileIntervals', '', {
  options: at(record, { level: at(optional(anyNumber), 0.9), restart: at(optional(flag), true) }),
})
add('SharedFit#intervals SharedGroup#intervals', '', { level: at(optional(anyNumber), 0.9) })
add('Fit#intervals', '', { level: at(optional(anyNumber), 0.9) })
add('Fit#predict SharedGroup#predict', '', { at: columns })
add('Fit#band SharedGroup#band', '', {
  at: columns,
  options: at(record, { level: at(optional(anyNumber), 0.9), kind: at(word(undefined), 'prediction') }),
})
add('compare', '', {
  a: at(no, antigrad.fit(expression('a*x'), { x: t, y }, { start: { a: 1 } })),
  b: at(no, antigrad.fit(expression('a*x + b'), { x: t, y }, { start: { a: 1, b: 1 } })),
  options: at(record, { nested: at(optional(flag), true) }),
})
add('FitManyResult#at BootstrapMany#at', '', { fit: at(word(0, -0), 0) })
const resampling = {
  kind: at(word(undefined), 'cases'),
  count: at(optional(count(1, 1_000_000)), 9),
  seed: at(optional(count(0, 2 ** 32 - 1)), 3),
  fitOffset: at(optional(count(0, 2 ** 32 - 1)), 1),
}
add('bootstrap', '', { found: at(no, subjects.Fit()), options: at(record, resampling) })
for (const found of [subjects.FitManyResult(), subjects.SharedFit()]) {
  for (const name of ['bootstrap', 'bootstrapSync']) {
    add(name, '', {
      found: at(no, found),
      options: at(record, { ...resampling, signal, onProgress }),
    })
  }
}
const byMethod = at(word(undefined), 'percentile')
add('Bootstrap#intervals BootstrapMany#intervals SharedBootstrap#intervals', '', {
  level: at(optional(anyNumber), 0.9),
  method: byMethod,
})
add('Bootstrap#band', '', {
  at: columns,
  options: at(record, { level: at(optional(anyNumber), 0.9), method: byMethod }),
})
/** The name of the only parameter, or an array that contains the name. */
const ofIts: Kind = (x) =>
  x === undefined || x === 'a' || (Array.isArray(x) && (x.length === 0 || (x.length === 1 && x[0] === 'a')))
add('profile', '', {
  found: at(no, subjects.Fit()),
  names: at(ofIts, ['a']),
  options: at(record, { level: at(optional(anyNumber), 0.9) }),
})
add('contour', '', {
  found: at(
    no,
    antigrad.fit(expression('a*x + b'), { x: [1, 2, 3], y: [1, 2, 4] }, { start: { a: 1, b: 1 } }),
  ),
  a: at(word('a'), 'a'),
  b: at(word('b'), 'b'),
  options: at(record, { level: at(optional(anyNumber), 0.9), points: at(optional(count(4, 4096)), 9) }),
})
for (const name of ['profile', 'profileSync']) {
  add(name, '', {
    found: at(no, subjects.FitManyResult()),
    names: at(ofIts, ['a']),
    options: at(record, { level: at(optional(anyNumber), 0.9), signal }),
  })
}
const originOf = at(or(optional(finite), word('auto')), 3)
const isBand: Kind = (x) =>
  Array.isArray(x) && x.length === 2 && x.every(Number.isFinite) && x[0] >= 0 && x[0] < x[1]
for (const name of Object.keys(antigrad.models)) {
  const own = {
    polynomial: { degree: at(optional(count(0, 15)), 3), origin: originOf },
    line: { origin: originOf },
    exponential: { origin: originOf },
    sinusoid: { origin: originOf, frequency: at(optional(isBand), [0, 1]) },
    fourPL: { logEC50: at(optional(flag), true) },
    fivePL: { logEC50: at(optional(flag), true) },
    inhibition: {
      kind: at(word(undefined, 'mixed'), 'mixed'),
      inhibitor: at(optional(text), 'i'),
    },
    peaks: {
      count: at(optional(count(1, 85)), 2),
      shape: at(word(undefined), 'gaussian'),
      baseline: at(word(undefined), 'line'),
    },
  }
  const options = { x: at(optional(text), 't'), ...own[name as keyof typeof own] }
  add(`models.${name}`, '', { options: at(record, options) })
}

// Expressions

const step = 'm = beta*m + (1 - beta)*g\ntheta = theta - lr*m'
const anything: Kind = () => true
const may = <T>(good: T) => at(anything, good, null)
const ofRule = {
  options: may({ lr: may(1e-3), beta: may({ default: may(0.9), min: may(0), below: may(1) }) }),
  state: may({ m: may(0) }),
  scalars: may({ p: may(1) }),
  step: may(step),
}
add('defineRule', '', {
  name: at(anything, 'tiger', 'equations: name'),
  given: at(no, ofRule, 'defineRule'),
})
const described = antigrad.defineRule('tiger', { step: 'theta = theta - g' })()
add('describeRule', '', { rule: at(anything, described, 'describeRule: rule') })
const constants = at(record, { a: at(finite, 2, 'constants: a') }, 'constants')
add('expression recurrence', '', {
  text: at(text, 'a*x', 'expression'),
  options: at(record, { constants }, 'options'),
})
for (const of of ['Expression', 'BoundExpression']) {
  const x = at(or(numbers, only('integers')), of === 'Expression' ? [1, 2] : [1])
  add(`${of}#value`, '', { x })
  add(`${of}#gradient`, '', { x, out: [0, 0] })
  add(`${of}#hessian`, '', { x, out: [0, 0, 0, 0] })
}
add('Expression#with', '', { data: at(record, { x: ofEach([1, 2]) }) })

// Optimizers

const shape = (good: number[], name: string) => at(orNull(only('a list of one number')), good, name)
const ofGroup = {
  match: at(match, 'w'),
  frozen: at(optional(flag), false),
  lrScale: at(optional(positive), 0.5),
  eps: at(or(optional(from(0)), callback), 1e-8),
  maximize: at(optional(flag), false),
  clip: at(record, { rms: at(optional(positive), 1), tensorNorm: at(optional(positive), 1) }),
}
const groups = at(only('undefined', 'an empty list'), [
  at(aRule, {
    match: at(match, 'none'),
    rule: at(or(word(undefined), aRule), { ...ofAdam, name: at(no, 'adam', 'groups[0]: rule') }),
  }),
  at(aRule, ofGroup),
])
const ema05 = {
  average: at(no, 'ema', 'average'),
  decay: at(optional(fraction), 0.5),
  corrected: at(optional(flag), true),
}
add('Optimizer', '', {
  params: at(or(tensor, only('a list of it')), {
    w: at(tensors, Float32Array.of(1, -0, 3, 4, 5, 6), 'params.w'),
    list: at(tensors, [at(tensors, Float32Array.of(7), 'params.list.0')], 'params.list'),
  }),
  rule,
  options: at(record, {
    groups,
    shapes: at(orNull(record), { w: shape([3, 2], 'shapes.w') }),
    clip: at(record, {
      ...{ norm: at(optional(positive), 4), value: at(optional(positive), 4) },
      ...{ tensorNorm: at(optional(positive), 4), rms: at(optional(positive), 4) },
      adaptive: at(optional(positive), {
        factor: at(positive, 0.1),
        eps: at(optional(positive), 1e-3),
        unit: at(word(undefined), 'row'),
      }),
      centralized: at(word(true, undefined), true),
      noise: at(record, noises),
    }),
    zeroGrads: at(optional(flag), true),
    accumulate: at(optional(whole), { batches: at(whole, 2), reduce: at(word(undefined), 'sum') }),
    average: at(orNull(no), ema05),
    lookahead: at(orNull(record), { steps: at(optional(whole), 2), alpha: at(optional(part), 0.5) }),
    onNonFinite: at(word(undefined), 'skip'),
    maxConsecutiveSkips: at(optional(orWhole), 3),
    recordNorms: at(optional(flag), true),
    ...running,
  }),
})
add('Optimizer', '', {
  params: Float32Array.of(1),
  rule: adam(),
  options: {
    average: at(orNull(no), {
      average: at(no, 'swa', 'average'),
      start: at(optional(orWhole), 1),
      every: at(optional(whole), 2),
    }),
  },
})
const given = gradients()
const orMissing = (good: Float32Array, name: string) =>
  at(
    orNull((x) => x instanceof Float32Array && x.length === good.length),
    good,
    name,
  )
add('Optimizer#step Optimizer#stepAsync', '', {
  gradients: at(orNull(record), {
    w: orMissing(given.w, 'gradients.w'),
    body: at(
      orNull(record),
      {
        b: orMissing(given.body.b, 'gradients.body.b'),
        list: at(
          only('undefined', 'null', 'a list of null', 'a list with a hole'),
          [orMissing(given.body.list[0], 'gradients.body.list.0')],
          'gradients.body.list',
        ),
      },
      'gradients.body',
    ),
  }),
})
const { name: _, ...options } = ofAdam
const indices = or(
  only('integers', 'many bytes', 'an empty list', 'a list of one number'),
  only('a list of zeros', 'a proxy of a list'),
)
add('sparseRows', 'sparseRows', {
  indices: at(indices, [at(count(0), 0, 'sparseRows: indices'), 2]),
  values: at(tensor, Float32Array.of(1, 2, 3, 4)),
})
const summand = or(tensors, only('a list with a hole', 'a list of null', 'a proxy of a list'))
add('sumGradients', 'sumGradients', {
  parts: at(only('a list of it', 'a proxy of a list'), [
    at(
      summand,
      { w: at(orNull(summand), Float32Array.of(1, 2), 'sumGradients: parts.0.w') },
      'sumGradients: parts.0',
    ),
  ]),
})
add('Optimizer#set', 'adam', { options: at(record, options) })
add('Optimizer#set', 'adam', { match: at(match, 'w', 'set: match'), options: at(record, options) })
add('Optimizer#freeze', 'freeze', { match: at(match, 'w') })
add('Optimizer#unfreeze', 'unfreeze', { match: at(match, ['w', at(match, 'cold', 'unfreeze: match')]) })
add('Optimizer#add', '', {
  params: at(or(tensor, only('a list of it')), { z: at(tensors, Float32Array.of(1, 2), 'params.z') }),
  options: at(record, { shapes: at(orNull(record), { z: shape([1, 2], 'shapes.z') }), groups }),
})
add('Optimizer#appendRows', 'appendRows', { name: at(word('w'), 'w'), rows: at(no, Float32Array.of(1, 2)) })
add('Optimizer#zeroGrad Optimizer#gradientPoint Optimizer#save Optimizer#report', '', {})
add('Optimizer#toJSON', '', {})

// Saved runs

/** Values that no place of a save accepts. */
const small: Kind = (x, title) =>
  !/holes|deep|times/.test(title) && !ArrayBuffer.isView(x) && !(x instanceof String)
/** Places of values that are not options. Other types and invalid counts are refused. */
const own: Kind = (x, title, good) => {
  if (good === null) return small(x, title, good)
  if (ArrayBuffer.isView(good)) return x instanceof Float32Array && x.length === (good as Anything).length
  if (Array.isArray(good)) return x === null || (small(x, title, good) && Array.isArray(x))
  if (typeof good === 'object') return record(x, title, good)
  if (typeof good === 'number') return from(0)(x, title, good)
  return typeof good === 'string' ? x === good : typeof x === typeof good
}
/** Values that a rule has measured may be any number. */
const measured = ['byTensor', 'd', 'dMax', 'numerator']
const counts = ['version', 'updates', 'batches', 'count', 't']
const counted: Kind = (x, title, good) =>
  typeof good === 'number' ? count(0, Number.MAX_SAFE_INTEGER)(x, title, good) : own(x, title, good)
const settings = ['rule', 'groups', 'options', 'clip', 'own']
const { equations, ...rest } = rich().save()
const parts = Object.entries(rest).map(([key, part]) => {
  const kindAt = (path: readonly string[]) => {
    if (path.some((name) => settings.includes(name))) return small
    if (path.some((name) => measured.includes(name))) return or(anyNumber, own)
    // A list of rows is also accepted.
    if (path.at(-1) === 'present')
      return or(own, only('an empty list', 'a list of one number', 'a proxy of a list'))
    return counts.includes(path.at(-1) ?? '') ? counted : own
  }
  return [key, everywhere(kindAt, part, [key])]
})
const saved = at(own, { ...Object.fromEntries(parts), equations: at(names, equations, null) }, null)
const onWarning = at(optional(callback), () => {})
add('Optimizer.load Optimizer#restore', '', { saved, options: { onWarning: () => {} } }, rich)
const rename = at(or(names, optional(callback)), { far: 'far' }, 'rename')
const partial = { partial: at(optional(flag), true), onWarning, rename }
add('Optimizer#restore', 'restore', { saved, options: at(record, partial) }, rich)
add('Optimizer.load', '', { saved: rich().save(), options: at(record, { ...running, onWarning, rename }) })

export { calls }
