/** The table of rules and of the option forms of rules. Every parametrized test runs all cases of the table. */

import {
  adabelief,
  adadelta,
  adafactor,
  adagrad,
  adam,
  adamax,
  adamw,
  adan,
  ademamix,
  adopt,
  asgd,
  delayedStart,
  gradientDescent,
  lamb,
  laprop,
  lars,
  lion,
  mars,
  momentum,
  muon,
  nadam,
  nesterov,
  novograd,
  type OptimizerOptions,
  prodigy,
  type Rule,
  radam,
  rmsprop,
  rprop,
  scheduleFreeAdamW,
  scheduleFreeRAdam,
  scheduleFreeSgd,
  sgd,
  signSgd,
  sm3,
  sparseRows,
  stableAdamW,
  warmup,
  yogi,
} from 'antigrad'

export interface Case {
  readonly name: string
  readonly rule: Rule
  readonly options: Pick<OptimizerOptions, 'clip' | 'zeroGrads'>
}

/** The use of the name sparseRows includes the modules of sparse gradients in a bundle. */
const perRow = sparseRows.length > 0

/** A user-defined schedule that rises and falls. */
const sawtooth = (t: number) => 0.05 / (1 + (t % 4))

const table: readonly (readonly [name: string, rule: Rule, options?: Case['options']])[] = [
  ['gradientDescent', gradientDescent({ lr: 0.05 })],
  ['gradientDescent maximize', gradientDescent({ lr: 0.05, maximize: true })],
  ['gradientDescent cautious', gradientDescent({ lr: 0.05, cautious: true })],
  ['gradientDescent grams', gradientDescent({ lr: 0.05, grams: true })],

  ['momentum', momentum({ lr: 0.05 })],
  ['momentum .5 maximize', momentum({ lr: 0.05, momentum: 0.5, maximize: true })],
  ['momentum cautious', momentum({ lr: 0.05, cautious: true })],
  ['momentum grams', momentum({ lr: 0.05, grams: true })],

  ['nesterov', nesterov({ lr: 0.05 })],
  ['nesterov .8 maximize', nesterov({ lr: 0.05, momentum: 0.8, maximize: true })],
  ['nesterov shifted', nesterov({ lr: 0.05, form: 'shifted' })],
  ['nesterov shifted maximize', nesterov({ lr: 0.05, form: 'shifted', maximize: true })],

  ['sgd', sgd({ lr: 0.05 })],
  ['sgd l2', sgd({ lr: 0.05, weightDecay: 0.1 })],
  ['sgd l2 maximize', sgd({ lr: 0.05, weightDecay: 0.1, maximize: true })],
  ['sgd momentum', sgd({ lr: 0.05, momentum: 0.9 })],
  ['sgd momentum l2 maximize', sgd({ lr: 0.05, momentum: 0.9, weightDecay: 0.1, maximize: true })],
  ['sgd momentum dampening', sgd({ lr: 0.05, momentum: 0.9, dampening: 0.1 })],
  ['sgd nesterov', sgd({ lr: 0.05, momentum: 0.9, nesterov: true })],
  ['sgd nesterov l2', sgd({ lr: 0.05, momentum: 0.9, nesterov: true, weightDecay: 0.1 })],
  ['sgd momentum l2 cautious', sgd({ lr: 0.05, momentum: 0.9, weightDecay: 0.1, cautious: true })],
  ['sgd nesterov cautious', sgd({ lr: 0.05, momentum: 0.9, nesterov: true, cautious: true })],
  ['sgd momentum l2 grams', sgd({ lr: 0.05, momentum: 0.9, weightDecay: 0.1, grams: true })],

  [
    'sgdw momentum maximize',
    sgd({ lr: 0.05, momentum: 0.9, weightDecay: 0.1, decoupledWeightDecay: true, maximize: true }),
  ],
  [
    'sgdw nesterov cautious',
    sgd({
      ...{ lr: 0.05, momentum: 0.9, nesterov: true, weightDecay: 0.1 },
      ...{ decoupledWeightDecay: true, cautious: true },
    }),
  ],
  [
    'sgdw momentum corrected cautiousWeightDecay',
    sgd({
      ...{ lr: sawtooth, momentum: 0.9, weightDecay: 0.5, decoupledWeightDecay: true },
      ...{ maxLr: 0.1, cautiousWeightDecay: true },
    }),
  ],

  ['asgd', asgd({ lr: 0.05 })],
  ['asgd l2 maximize', asgd({ lr: sawtooth, lambda: 0.1, alpha: 0.5, weightDecay: 0.1, maximize: true })],
  ['asgd cautious', asgd({ lr: 0.05, cautious: true })],
  ['asgd grams', asgd({ lr: 0.05, grams: true })],

  ['rprop', rprop()],
  [
    'rprop factors maximize',
    rprop({ lr: 0.1, etaMinus: 0.25, etaPlus: 2, minStep: 0.03, maxStep: 0.3, maximize: true }),
  ],
  ['rprop cautious', rprop({ cautious: true })],
  ['rprop grams', rprop({ grams: true })],

  ['signSgd', signSgd({ lr: 0.05 })],
  ['signSgd maximize', signSgd({ lr: 0.05, maximize: true })],
  ['signSgd cautious', signSgd({ lr: 0.05, cautious: true })],
  ['signum', signSgd({ lr: 0.05, momentum: 0.9 })],
  ['signum maximize', signSgd({ lr: 0.05, momentum: 0.5, maximize: true })],
  ['signum cautious', signSgd({ lr: 0.05, momentum: 0.9, cautious: true })],
  ['signum grams', signSgd({ lr: 0.05, momentum: 0.9, grams: true })],

  ['adagrad', adagrad({ lr: 0.1 })],
  ['adagrad eps 0', adagrad({ lr: 0.1, eps: 0 })],
  ['adagrad essay', adagrad({ form: 'essay', lr: 0.1 })],
  ['adagrad lrDecay initial', adagrad({ lr: 0.1, lrDecay: 0.01, initialAccumulator: 0.1 })],
  ['adagrad l2 maximize', adagrad({ lr: 0.1, weightDecay: 0.1, maximize: true })],
  ['adagrad l2 cautious', adagrad({ lr: 0.1, weightDecay: 0.1, cautious: true })],
  ['adagrad l2 grams', adagrad({ lr: 0.1, weightDecay: 0.1, grams: true })],

  ['rmsprop', rmsprop({ lr: 0.01 })],
  ['rmsprop .9', rmsprop({ lr: 0.01, alpha: 0.9, eps: 1e-6 })],
  ['rmsprop essay', rmsprop({ form: 'essay', lr: 0.01 })],
  ['rmsprop momentum', rmsprop({ lr: 0.01, momentum: 0.9 })],
  ['rmsprop essay momentum', rmsprop({ form: 'essay', lr: 0.01, momentum: 0.9 })],
  ['rmsprop l2 maximize', rmsprop({ lr: 0.01, weightDecay: 0.1, maximize: true })],
  ['rmsprop momentum l2', rmsprop({ lr: 0.01, momentum: 0.9, weightDecay: 0.1 })],
  ['rmsprop momentum cautious', rmsprop({ lr: 0.01, momentum: 0.9, cautious: true })],
  ['rmsprop momentum grams', rmsprop({ lr: 0.01, momentum: 0.9, grams: true })],
  ['rmsprop optax', rmsprop.optax({ lr: 0.01 })],
  ['rmsprop optax momentum', rmsprop.optax({ lr: sawtooth, momentum: 0.9 })],
  ['rmsprop tfjs', rmsprop.tfjs({ lr: 0.01, momentum: 0.5, centered: true })],
  ['rmsprop centered', rmsprop({ lr: 0.01, alpha: 0.9, centered: true })],
  ['rmsprop centered eps 0', rmsprop({ lr: 0.01, alpha: 0.5, eps: 0, centered: true })],
  ['rmsprop centered inside cautious', rmsprop.optax({ lr: 0.01, centered: true, cautious: true })],
  ['rmsprop centered momentum', rmsprop({ lr: 0.01, momentum: 0.9, centered: true, weightDecay: 0.1 })],
  ['rmsprop essay centered', rmsprop({ form: 'essay', lr: 0.01, momentum: 0.9, centered: true })],

  ['adadelta', adadelta()],
  ['adadelta l2 maximize', adadelta({ lr: 0.5, rho: 0.8, eps: 1e-4, weightDecay: 0.1, maximize: true })],
  ['adadelta cautious', adadelta({ cautious: true })],
  ['adadelta grams', adadelta({ grams: true })],

  ['adam', adam({ lr: 0.01 })],
  ['adam eps 0', adam({ lr: 0.01, eps: 0 })],
  ['adam betas', adam({ lr: 0.01, beta1: 0.8, beta2: 0.99, eps: 1e-6 })],
  ['adam beta1 0', adam({ lr: 0.01, beta1: 0, beta2: 0 })],
  ['adam amsgrad', adam({ lr: 0.01, beta2: 0.9, amsgrad: true })],
  ['adam amsgrad eps 0', adam({ lr: 0.01, beta2: 0.9, amsgrad: true, eps: 0 })],
  ['adam amsgrad optax', adam({ lr: 0.01, beta2: 0.9, amsgrad: true, amsgradMoment: 'corrected' })],
  ['adam raw', adam.sparse({ lr: 0.01, beta2: 0.9 })],
  ['adam by row', adam({ lr: 0.01, perRow })],
  ['adam l2', adam({ lr: 0.01, weightDecay: 0.1 })],
  ['adam maximize', adam({ lr: 0.01, maximize: true })],
  ['adam amsgrad cautious maximize', adam({ lr: 0.01, amsgrad: true, cautious: true, maximize: true })],
  ['adam amsgrad grams maximize', adam({ lr: 0.01, amsgrad: true, grams: true, maximize: true })],

  ['adamw', adamw({ lr: 0.01 })],
  ['adamw by row, cautious', adamw({ lr: 0.01, perRow, cautious: true })],
  ['adamw betas maximize', adamw({ lr: 0.01, weightDecay: 0.1, beta1: 0.8, beta2: 0.9, maximize: true })],
  ['adamw amsgrad', adamw({ lr: 0.01, beta2: 0.9, amsgrad: true })],
  ['adamw eps 0', adamw({ lr: 0.01, eps: 0 })],
  ['adamw cautious', adamw({ lr: 0.01, weightDecay: 0.1, cautious: true })],
  ['adamw grams', adamw({ lr: 0.01, weightDecay: 0.1, grams: true })],
  ['adamw corrected', adamw({ lr: sawtooth, weightDecay: 0.5, maxLr: 0.05 })],
  ['adamw cautiousWeightDecay', adamw({ lr: 0.01, weightDecay: 10, cautiousWeightDecay: true })],
  [
    'adamw cautious cautiousWeightDecay maximize',
    adamw({ lr: 0.01, weightDecay: 10, cautious: true, cautiousWeightDecay: true, maximize: true }),
  ],

  ['adamax', adamax({ lr: 0.01 })],
  ['adamax tfjs', adamax.tfjs({ lr: 0.01, beta1: 0.8, beta2: 0.9 })],
  ['adamax eps 0', adamax({ lr: 0.01, beta2: 0.5, eps: 0 })],
  ['adamax l2 maximize', adamax({ lr: 0.01, weightDecay: 0.1, maximize: true })],
  ['adamax cautious', adamax({ lr: 0.01, cautious: true })],
  ['adamax grams', adamax({ lr: 0.01, grams: true })],

  ['nadam', nadam({ lr: 0.01 })],
  ['nadam optax', nadam.optax({ lr: 0.01, weightDecay: 0.1 })],
  ['nadam l2 maximize', nadam({ lr: 0.01, momentumDecay: 0.1, weightDecay: 0.1, maximize: true })],
  ['nadam betas eps 0', nadam({ lr: 0.01, beta1: 0.8, beta2: 0.9, eps: 0 })],
  ['nadam cautious', nadam({ lr: 0.01, cautious: true })],
  [
    'nadam all decays grams',
    nadam.optax({ lr: 0.01, weightDecay: 10, maxLr: 0.02, cautiousWeightDecay: true, grams: true }),
  ],

  // With the default β₂, the first five updates are not rectified, and the next five updates are rectified.
  ['radam', radam({ lr: 0.01 })],
  ['radam optax', radam.optax({ lr: 0.01 })],
  ['radam threshold 4', radam({ lr: 0.01, threshold: 4 })],
  ['radam beta2 .9', radam({ lr: 0.01, beta1: 0.8, beta2: 0.9 })],
  ['radam beta2 .5', radam({ lr: 0.01, beta2: 0.5 })],
  ['radam eps 0', radam({ lr: 0.01, eps: 0 })],
  ['radam l2 maximize', radam({ lr: 0.01, weightDecay: 0.05, maximize: true })],
  ['radam cautious', radam({ lr: 0.01, cautious: true })],
  [
    'radam all decays grams',
    radam({
      ...{ lr: 0.01, weightDecay: 10, decoupledWeightDecay: true, maxLr: 0.02, cautiousWeightDecay: true },
      grams: true,
    }),
  ],
  ['radam decoupled', radam({ lr: 0.01, weightDecay: 0.05, decoupledWeightDecay: true })],

  ['lion', lion({ lr: 0.01 })],
  ['lion betas decay maximize', lion({ lr: 0.01, beta1: 0.5, beta2: 0.8, weightDecay: 0.1, maximize: true })],
  ['lion cautious', lion.optax({ lr: 0.01, cautious: true })],
  [
    'lion all decays grams',
    lion({ lr: 0.01, weightDecay: 10, maxLr: 0.02, cautiousWeightDecay: true, grams: true }),
  ],

  ['adabelief', adabelief({ lr: 0.01 })],
  [
    'adabelief betas maximize',
    adabelief({
      lr: 0.01,
      beta1: 0.8,
      beta2: 0.9,
      eps: 1e-8,
      epsRoot: 1e-6,
      weightDecay: 0.1,
      maximize: true,
    }),
  ],
  ['adabelief eps 0 cautious', adabelief({ lr: 0.01, eps: 0, epsRoot: 0, cautious: true })],
  [
    'adabelief all decays grams',
    adabelief({ lr: 0.01, weightDecay: 10, maxLr: 0.02, cautiousWeightDecay: true, grams: true }),
  ],

  ['yogi', yogi()],
  [
    'yogi betas maximize',
    yogi({ lr: 0.1, beta1: 0.8, beta2: 0.9, initialAccumulator: 0.1, weightDecay: 0.1, maximize: true }),
  ],
  ['yogi eps 0 cautious', yogi({ eps: 0, cautious: true })],
  [
    'yogi all decays grams',
    yogi({ lr: 0.01, weightDecay: 10, maxLr: 0.02, cautiousWeightDecay: true, grams: true }),
  ],

  ['laprop', laprop({ lr: 0.01 })],
  ['laprop betas maximize', laprop({ lr: 0.01, beta1: 0.8, beta2: 0.9, weightDecay: 0.1, maximize: true })],
  ['laprop scheduled', laprop({ lr: sawtooth, eps: 0 })],
  ['laprop cautious', laprop({ lr: 0.01, weightDecay: 0.1, cautious: true })],
  ['laprop grams', laprop({ lr: 0.01, weightDecay: 0.1, grams: true })],

  ['adopt', adopt({ lr: 0.01 })],
  ['adopt timm l2 maximize', adopt.timm({ lr: 0.01, beta1: 0.8, weightDecay: 0.1, maximize: true })],
  [
    'adopt decoupled',
    adopt({ lr: 0.01, beta2: 0.9, eps: 0, weightDecay: 0.1, decoupledWeightDecay: true, clipExponent: null }),
  ],
  ['adopt cautious', adopt({ lr: 0.01, cautious: true })],
  [
    'adopt all decays grams',
    adopt({
      ...{ lr: 0.01, weightDecay: 10, decoupledWeightDecay: true, maxLr: 0.02, cautiousWeightDecay: true },
      grams: true,
    }),
  ],

  ['adan', adan({ lr: 0.01 })],
  ['adan betas maximize', adan({ lr: 0.01, beta1: 0.9, beta2: 0.5, beta3: 0.8, eps: 0, maximize: true })],
  ['adan decay', adan({ lr: 0.01, weightDecay: 0.1 })],
  ['adan decoupled cautious', adan({ lr: 0.01, weightDecay: 0.1, proximal: false, cautious: true })],
  ['adan grams', adan({ lr: 0.01, weightDecay: 0.1, grams: true })],

  ['ademamix', ademamix({ lr: 0.01 })],
  [
    'ademamix betas maximize',
    ademamix({ lr: 0.01, beta1: 0.8, beta2: 0.9, beta3: 0.99, alpha: 2, eps: 0, maximize: true }),
  ],
  [
    'ademamix warmups cautious',
    ademamix({ lr: 0.01, alphaWarmup: 6, beta3Warmup: 4, weightDecay: 0.1, cautious: true }),
  ],
  [
    'ademamix all decays grams',
    ademamix({ lr: 0.01, weightDecay: 10, maxLr: 0.02, cautiousWeightDecay: true, grams: true }),
  ],
  ['ademamix warmup from 0', ademamix({ lr: 0.01, beta1: 0, beta3Warmup: 20 })],

  ['adafactor', adafactor({ lr: 0.05 })],
  [
    'adafactor optax momentum maximize',
    adafactor.optax({ lr: 0.05, beta1: 0.8, beta2Decay: -0.5, d: 2, weightDecay: 0.01, maximize: true }),
  ],
  ['adafactor unfactored', adafactor({ factored: false, weightDecay: 0.1 })],
  ['adafactor keras', adafactor.keras({ eps2: 0.1, scaleParameter: false })],
  ['adafactor eps 0 momentum', adafactor({ eps1: 0, d: null, beta1: 0.5 })],
  ['lamb', lamb({ lr: 0.01, weightDecay: 0.1 })],
  ['lamb timm', lamb.timm({ lr: 0.01, trustClip: true, gradAveraging: false })],
  ['lamb timm without decay', lamb.timm({ lr: 0.01, weightDecay: 0 })],
  [
    'lamb decoupled maximize',
    lamb({ lr: 0.01, weightDecay: 0.1, beta1: 0.8, beta2: 0.9, eps: 1e-4, decoupled: true, maximize: true }),
  ],
  ['lars', lars({ lr: 0.5, momentum: 0.8, weightDecay: 0.1 })],
  ['lars timm', lars.timm({ lr: 0.5, momentum: 0.9, weightDecay: 0.1, dampening: 0.1 })],
  [
    'lars nesterov clip maximize',
    lars({ lr: 0.5, nesterov: true, trustClip: true, trustCoefficient: 0.1, maximize: true }),
  ],
  ['mars', mars({ lr: 0.01 })],
  [
    'mars betas decay maximize',
    mars({ lr: 0.01, beta1: 0.8, beta2: 0.5, gamma: 0.5, eps: 0, weightDecay: 0.1, maximize: true }),
  ],
  ['mars lion', mars({ form: 'lion', lr: sawtooth, gamma: sawtooth, weightDecay: 0.1 })],
  ['mars lion clip zeroGrads', mars({ form: 'lion', lr: 0.01 }), { clip: { norm: 1 }, zeroGrads: true }],
  ['novograd', novograd({ lr: 0.01, weightDecay: 0.1 })],
  ['novograd timm averaging maximize', novograd.timm({ lr: 0.01, gradAveraging: true, maximize: true })],
  ['sm3', sm3()],
  ['sm3 without momentum', sm3({ lr: 0.05, momentum: 0, eps: 0, weightDecay: 0.1 })],
  ['sm3 single maximize', sm3({ lr: 0.05, momentum: 0.5, factored: false, maximize: true })],
  ['stableAdamW', stableAdamW({ lr: 0.01 })],
  [
    'stableAdamW betas maximize',
    stableAdamW({ lr: 0.01, weightDecay: 0.1, beta1: 0.8, beta2: 0.5, eps: 0, maximize: true }),
  ],
  // Matrices of one column. test/muon-bits.test.ts covers all other matrices.
  ['muon', muon()],
  [
    'muon all options',
    muon({
      ...{ lr: 0.1, momentum: 0.9, nesterov: false, weightDecay: 0, nsSteps: 3, coefficients: 'quintic' },
      ...{
        scale: 'matchRmsAdamW',
        eps: 0,
        precision: 'bfloat16',
        fallback: sgd({ lr: 0.1 }),
        maximize: true,
      },
    }),
  ],

  ['delayedStart lamb', delayedStart(2, lamb({ lr: 0.01 })), { clip: { norm: 1 }, zeroGrads: true }],

  ['prodigy', prodigy()],
  [
    'prodigy optax decay',
    prodigy.optax({ lr: 0.5, weightDecay: 0.1, d0: 1e-3, dCoef: 2, growthRate: 1.1, safeguardWarmup: true }),
  ],
  [
    'prodigy betas maximize',
    prodigy({ beta1: 0, beta2: 0.9, beta3: 0.8, eps: 0, growthRate: 1.01, maximize: true }),
  ],

  ['scheduleFreeSgd', scheduleFreeSgd({ lr: 0.05 })],
  [
    'scheduleFreeSgd weights',
    scheduleFreeSgd({ lr: 0.05, momentum: 0.5, weightDecay: 0.1, warmupSteps: 3, r: 1, weightLrPower: 1.5 }),
  ],
  ['scheduleFreeSgd maximize', scheduleFreeSgd({ lr: 0.05, momentum: 0, maximize: true })],
  ['scheduleFreeAdamW', scheduleFreeAdamW()],
  [
    'scheduleFreeAdamW eps 0',
    scheduleFreeAdamW({ lr: 0.01, eps: 0, beta1: 0.8, beta2: 0.9, maximize: true }),
  ],
  [
    'scheduleFreeAdamW weights',
    scheduleFreeAdamW({ lr: 0.01, weightDecay: 0.1, warmupSteps: 4, r: 0.5, weightLrPower: 1 }),
  ],
  ['scheduleFreeRAdam', scheduleFreeRAdam({ lr: 0.01 })],
  [
    'scheduleFreeRAdam loud',
    scheduleFreeRAdam({ lr: 0.01, beta1: 0.8, beta2: 0.9, weightDecay: 0.1, silentSgdPhase: false }),
  ],
  [
    'scheduleFreeRAdam weights maximize',
    scheduleFreeRAdam({ lr: 0.01, eps: 0, r: 2, weightLrPower: 0, maximize: true }),
  ],

  ['delayedStart gradientDescent', delayedStart(3, gradientDescent({ lr: 0.05 }))],
  ['delayedStart nesterov', delayedStart(4, nesterov({ lr: 0.05 }))],
  ['delayedStart adam amsgrad', delayedStart(2, adam({ lr: 0.01, amsgrad: true }))],
  ['delayedStart cautious', delayedStart(2, adamw({ lr: 0.01, cautious: true }))],
  [
    'delayedStart grams cautiousWeightDecay',
    delayedStart(2, adamw({ lr: 0.01, grams: true, cautiousWeightDecay: true })),
  ],
  [
    'clip both zeroGrads delayedStart cautious',
    delayedStart(2, adamw({ lr: 0.01, cautious: true, maximize: true })),
    { clip: { norm: 5, value: 0.1 }, zeroGrads: true },
  ],
  ['delayedStart radam', delayedStart(3, radam({ lr: 0.01 }))],
  ['delayedStart adagrad essay', delayedStart(5, adagrad({ form: 'essay', lr: 0.1 })), { zeroGrads: true }],

  ['warmup adam', adam({ lr: warmup(0.01, { steps: 4 }) })],
  ['warmup from 0 sgd', sgd({ lr: warmup(0.05, { steps: 4, from: 0 }), momentum: 0.9 })],
  ['warmup of momentum', momentum({ lr: 0.05, momentum: warmup(0.9, { steps: 6, from: 0.5 }) })],
  ['warmup decay adamw', adamw({ lr: sawtooth, weightDecay: warmup(0.1, { steps: 5 }) })],
  ['function rmsprop', rmsprop({ lr: sawtooth, momentum: (t) => 0.9 - 0.5 / (t + 1) })],
  ['delayedStart warmup adamw', delayedStart(2, adamw({ lr: warmup(0.01, { steps: 6 }) }))],

  ['clip norm gradientDescent', gradientDescent({ lr: 0.05 }), { clip: { norm: 1 } }],
  ['clip norm adam', adam({ lr: 0.01 }), { clip: { norm: 1 } }],
  ['clip norm out of reach', sgd({ lr: 0.05, momentum: 0.9 }), { clip: { norm: 1e300 } }],
  ['clip value nesterov', nesterov({ lr: 0.05 }), { clip: { value: 0.5 } }],
  ['clip value radam', radam({ lr: 0.01 }), { clip: { value: 0.5 } }],
  // In float32, the limit is rounded to 0.
  ['clip value of nothing', gradientDescent({ lr: 0.05 }), { clip: { value: 1e-60 } }],
  ['clip tensorNorm adam', adam({ lr: 0.01 }), { clip: { tensorNorm: 1 } }],
  ['clip rms nesterov shifted', nesterov({ lr: 0.05, form: 'shifted' }), { clip: { rms: 0.5 } }],
  ['clip adaptive adamw', adamw({ lr: 0.01 }), { clip: { adaptive: 0.1 }, zeroGrads: true }],
  ['clip adaptive lamb', lamb({ lr: 0.01 }), { clip: { adaptive: { factor: 0.1, eps: 0.1 } } }],
  ['clip tensorNorm prodigy', prodigy(), { clip: { tensorNorm: 1 } }],
  [
    'clip all sgd l2 cautious maximize',
    sgd({ lr: 0.05, momentum: 0.9, weightDecay: 0.1, cautious: true, maximize: true }),
    { clip: { tensorNorm: 4, rms: 0.7, adaptive: 0.5, norm: 1, value: 0.5 }, zeroGrads: true },
  ],
  ['zeroGrads gradientDescent', gradientDescent({ lr: 0.05 }), { zeroGrads: true }],
  ['zeroGrads adam', adam({ lr: 0.01 }), { zeroGrads: true }],
  [
    'function scheduleFreeSgd',
    scheduleFreeSgd({ lr: sawtooth, weightDecay: sawtooth }),
    { clip: { norm: 1 } },
  ],
  ['zeroGrads shifted', nesterov({ lr: 0.05, form: 'shifted' }), { zeroGrads: true }],
  [
    'clip both zeroGrads sgd nesterov l2 maximize',
    sgd({ lr: 0.05, momentum: 0.9, nesterov: true, weightDecay: 0.1, maximize: true }),
    { clip: { norm: 5, value: 0.1 }, zeroGrads: true },
  ],
  [
    'clip both zeroGrads delayedStart adamw amsgrad',
    delayedStart(2, adamw({ lr: 0.01, amsgrad: true })),
    { clip: { norm: 5, value: 0.1 }, zeroGrads: true },
  ],
]

export const cases: readonly Case[] = table.map(([name, rule, options = {}]) => ({ name, rule, options }))
