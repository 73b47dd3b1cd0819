/**
 * The rules match PyTorch and Optax on every engine. `data/golden.json` contains open loops: fourteen given gradients
 * (some zero, late, tiny or oscillating) and the parameters after each gradient. The file also contains closed loops on
 * Rosenbrock's function, with every hundredth point of 5000 updates.
 */

import { readFileSync } from 'node:fs'
import {
  adabelief,
  adadelta,
  adagrad,
  adam,
  adamax,
  adamw,
  adan,
  ademamix,
  adopt,
  asgd,
  type Clip,
  gradientDescent,
  lamb,
  laprop,
  lars,
  lion,
  mars,
  momentum,
  nadam,
  nesterov,
  novograd,
  Optimizer,
  type Rule,
  radam,
  rmsprop,
  rosenbrock,
  rprop,
  sgd,
  signSgd,
  yogi,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import type { Dtype } from './helpers.js'
import { array, variants } from './support.js'

interface Entry {
  readonly system: string
  readonly name: string
  readonly options: Readonly<Record<string, unknown>>
  readonly dtype?: Dtype
}

interface OpenLoop extends Entry {
  readonly dtype: Dtype
  readonly shape?: readonly number[]
  readonly initial: readonly number[]
  readonly gradients: readonly (readonly number[])[]
  readonly parameters: readonly (readonly number[])[]
}

interface ClosedLoop extends Entry {
  readonly start: readonly number[]
  readonly everyNth: number
  readonly points: readonly (readonly number[])[]
}

const golden: { openLoop: OpenLoop[]; rosenbrock: ClosedLoop[] } = JSON.parse(
  readFileSync(new URL('data/golden.json', import.meta.url), 'utf8'),
)

type MakeRule = (options: never) => Rule

const rules: Readonly<Record<string, MakeRule>> = {
  'torch.optim.SGD': sgd,
  'torch.optim.Adagrad': adagrad,
  'torch.optim.RMSprop': rmsprop,
  'torch.optim.Adam': adam,
  'torch.optim.AdamW': adamw,
  'torch.optim.RAdam': radam,
  'torch.optim.Adamax': adamax,
  'torch.optim.NAdam': nadam,
  'torch.optim.Adadelta': adadelta,
  'torch.optim.Rprop': rprop,
  'torch.optim.ASGD': asgd,
  'optax rmsprop+epsInSqrt': rmsprop.optax,
  'optax rmsprop+momentum': rmsprop.optax,
  'optax amsgrad': (options: object) => adam({ amsgrad: true, amsgradMoment: 'corrected', ...options }),
  'optax signSgd': signSgd,
  'optax signum': ({ beta, ...options }: { beta: number }) => signSgd({ momentum: beta, ...options }),
  'optax nadamw': nadam.optax,
  'optax radam': (options: object) => radam({ form: 'optax', ...options }),
  'optax adam+clipByGlobalNorm': adam,
  'optax sgd+clipByValue': sgd,
  'optax lamb': lamb,
  'timm lamb+globalClip': lamb.timm,
  'timm adamw+cautious': (options: object) => adamw({ cautious: true, ...options }),
  'optax lars': lars,
  'timm lars': lars.timm,
  'optax novograd': novograd,
  'optax lion': lion.optax,
  'timm lion+cautious': (options: object) => lion({ cautious: true, ...options }),
  'optax adabelief': adabelief,
  'optax yogi': yogi,
  'timm laprop': laprop,
  'optax adopt': adopt,
  'timm adopt+clipExp.333': adopt.timm,
  'timm mars': mars.timm,
  'pytorch_optimizer adan': adan,
  'optax ademamix': ademamix,
  'pytorch_optimizer ademamix': ademamix,
  'pytorch_optimizer ademamix+schedules': ({ t_alpha_beta3, ...options }: { t_alpha_beta3: number }) =>
    ademamix({ alphaWarmup: t_alpha_beta3, beta3Warmup: t_alpha_beta3, ...options }),
  'optax sgd+clipByBlockRms': sgd,
  'optax adamw+agc': adamw,
}

/**
 * The essay's forms visit the same points as PyTorch's SGD while the learning rate is constant. The essay's forms round
 * v instead of b, and are therefore compared only in float64.
 */
const essayRules: Readonly<Record<string, readonly MakeRule[]>> = {
  gradientDescent: [gradientDescent],
  momentum: [momentum],
  nesterov: (['reparametrized', 'shifted'] as const).map(
    (form) =>
      ({ lr, momentum }: { lr: number; momentum: number }) =>
        nesterov({ lr, momentum, form }),
  ),
}

const newNames: Readonly<Record<string, string>> = {
  b1: 'beta1',
  b2: 'beta2',
  b3: 'beta3',
  eps_root: 'epsRoot',
  weight_decay: 'weightDecay',
  decoupled_weight_decay: 'decoupledWeightDecay',
  momentum_decay: 'momentumDecay',
  decay: 'alpha',
  lr_decay: 'lrDecay',
  initial_accumulator: 'initialAccumulator',
  initial_accumulator_value: 'initialAccumulator',
  trust_coefficient: 'trustCoefficient',
}

/** The corresponding rules of the library, and the clip of the entry. */
function translated({ system, name, options, dtype }: Entry): { ours: Rule[]; clip: Clip } {
  // timm's LAMB includes clipping. In antigrad, the optimizer clips.
  const {
    betas,
    max_norm: norm = name === 'lamb+globalClip' ? 1 : undefined,
    max_delta: value,
    agc: adaptive,
    ...rest
  } = options
  const rms = name === 'sgd+clipByBlockRms' ? options.threshold : undefined
  const left = Object.entries(rest).filter(
    ([key, x]) => !(key === 'eps_root' && x === 0) && (key !== 'threshold' || rms === undefined),
  )
  const renamed = Object.fromEntries(left.map(([key, x]) => [newNames[key] ?? key, x]))
  for (const [i, beta] of ((betas ?? []) as number[]).entries()) renamed[`beta${i + 1}`] = beta
  const essay = dtype === 'float32' ? undefined : essayRules[name]
  const makers = [rules[system] ?? rules[`${system} ${name}`], ...(essay ?? [])]
  return {
    ours: makers.map((make) => make(renamed as never)),
    clip: Object.fromEntries(
      Object.entries({ norm, value, rms, adaptive }).filter(([, x]) => x !== undefined),
    ),
  }
}

/**
 * In float32, larger differences are allowed for some rules. Optax includes the norms of an adaptive clip, and other
 * rules round θ or a larger momentum at other places. Both libraries differ from float64 by up to 7 units.
 */
const far = ['optax adamw+agc', 'optax nadamw', 'optax rmsprop+momentum'].concat(
  ['NAdam nadam', 'NAdam nadam+decoupled', 'ASGD asgd'].map((name) => `torch.optim.${name}`),
)
/** Optax adds Lion's decay to the direction, and does not round d = 1 − ηλ. */
const wide: Readonly<Record<string, number>> = { adan: 8, lion: 12 }

/** The allowed difference between valid implementations, given the largest |θᵢ| so far. */
function tolerance(
  { dtype, system, name }: { dtype: Dtype; system: string; name: string },
  largest: number,
): number {
  if (dtype === 'float32') {
    const units = far.includes(`${system} ${name}`) ? 8 : (wide[name] ?? 4)
    return units * 2 ** (Math.floor(Math.log2(largest)) - 23)
  }
  // RAdam's ρ is a small difference of large numbers.
  return largest * (name.startsWith('radam') ? 1e-10 : 1e-12)
}

// Points are compared at gradientPoint(), because the parameters of the shifted form differ.
describe.each(variants)('recorded trajectories of other libraries on $name', ({ name: _, ...engine }) => {
  test.each(golden.openLoop)('are reproduced for recorded gradients: $system $name $dtype', (entry) => {
    const { ours, clip } = translated(entry)
    for (const rule of ours) {
      // Optax clips the columns of a matrix. In the test, the columns are tensors.
      const columns = clip.adaptive === undefined ? 1 : (entry.shape?.at(-1) as number)
      const units = (values: readonly number[]) =>
        Array.from({ length: columns }, (_, c) =>
          array(
            entry.dtype,
            values.filter((_, i) => i % columns === c),
          ),
        )
      const optimizer = new Optimizer(units(entry.initial), rule, { clip, ...engine })
      const largest = entry.initial.map(Math.abs)
      entry.gradients.forEach((gradient, step) => {
        optimizer.step(units(gradient))
        const point = optimizer.gradientPoint()
        entry.parameters[step].forEach((expected, i) => {
          largest[i] = Math.max(largest[i], Math.abs(expected))
          const place = `${rule.name}, step ${step}, index ${i}`
          const actual = point[i % columns][Math.floor(i / columns)]
          expect(Math.abs(actual - expected), place).toBeLessThanOrEqual(tolerance(entry, largest[i]))
        })
      })
    }
  })

  test.each(golden.rosenbrock)(
    "are reproduced on Rosenbrock's function: $system $name",
    ({ start, points, everyNth, ...entry }) => {
      const objective = rosenbrock()
      for (const rule of translated(entry).ours) {
        const optimizer = new Optimizer(Float64Array.from(start), rule, engine)
        // RMSProp's steps do not decrease, so its late points depend on rounding.
        const [count, error] = rule.name === 'rmsprop' ? [20, 1e-6] : [points.length, 1e-10]
        for (const [number, point] of points.entries()) {
          for (let t = 0; number > 0 && t < everyNth; t++) {
            objective.gradient(optimizer.gradientPoint(), optimizer.grads)
            optimizer.step()
          }
          const off = distance(optimizer.gradientPoint(), point)
          if (number < count) expect(off, `${rule.name}, point ${number}`).toBeLessThanOrEqual(error)
        }
        // A start that differs by 1e-14 changes RMSProp's final distance from the minimum by 4e-4.
        const [ours, theirs] = [optimizer.gradientPoint(), points[points.length - 1]].map((x) =>
          distance(x, [1, 1]),
        )
        expect(Math.abs(ours - theirs)).toBeLessThanOrEqual(1e-3)
      }
    },
  )
})

const distance = (a: ArrayLike<number>, b: ArrayLike<number>) => Math.hypot(a[0] - b[0], a[1] - b[1])
