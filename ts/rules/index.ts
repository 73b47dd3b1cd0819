/**
 * Update rules. A rule defines how one step changes the parameters, given the gradient. Every function in this module
 * makes a rule, for example `adam({ lr: 1e-3 })`.
 *
 * A rule is a plain, frozen object with a `name` and a value for each option. A rule can be compared, stored as JSON or
 * sent to a worker. The behavior of a rule follows from its declaration, which `define` (define.ts) registers by the
 * name of the rule:
 *
 * - `options`: names, ranges and defaults. options.ts declares the options that many rules share.
 * - `kernels`: the loops that update parameters and state. Each kernel exists twice: in Rust
 *   (crates/kernels/src/rules), and in TypeScript as `twice((f) => loop)`, where f rounds to the dtype. The Rust kernel
 *   and the TypeScript kernel perform the same operations in the same order, so their results are bit-identical.
 * - `stages`: the kernels that run in one step, in order. An elementwise rule has one stage. A rule that needs norms or
 *   other sums has several stages, and `between` computes one rate per tensor from the sums of the previous stage.
 * - `coefficients` and `corrections` fill a row of float64 coefficients, which the kernels read. `advance` updates the
 *   counters on which the coefficients depend, such as the products of β₁ and β₂ (moments.ts).
 *
 * A step uses a rule as follows. `resolve` validates the user's rule, and `RuleInUse` (active-rule.ts) stores the
 * validated rule for a group of tensors. A step evaluates the schedules (values.ts) and writes the row of coefficients.
 * The engine then runs the stages over the segments of the flat parameter array.
 *
 * The following example is a minimal declaration. In the example, the kernel reads η from the coefficient `lr`, and the
 * pipeline multiplies θ by `decay`.
 *
 * ```ts
 * export const definition = defineDirection('gradientDescent', {
 *   options: { lr: 1e-3, maximize: false },
 *   kernels: [kernel(GradientDescentKernel, GradientDescentLoop)],
 *   stages: () => [GradientDescentKernel],
 *   coefficients({ lr }, row) {
 *     row[GradientDescentKernel.row.lr] = lr
 *   },
 * })
 * export const gradientDescent = rule<GradientDescent>(definition)
 * ```
 *
 * contributing/extending.md shows how to add a rule.
 */

export { type AdaBelief, adabelief } from './adabelief.js'
export { type Adadelta, adadelta } from './adadelta.js'
export { type Adafactor, adafactor } from './adafactor.js'
export { type Adagrad, adagrad } from './adagrad.js'
export { type Adam, adam } from './adam.js'
export { type Adamax, adamax } from './adamax.js'
export { type AdamW, adamw } from './adamw.js'
export { type Adan, adan } from './adan.js'
export { type AdEMAMix, ademamix } from './ademamix.js'
export { type Adopt, adopt } from './adopt.js'
export { type Asgd, asgd } from './asgd.js'
export { type GradientDescent, gradientDescent } from './gradient-descent.js'
export { type Lamb, lamb } from './lamb.js'
export { type LaProp, laprop } from './laprop.js'
export { type Lars, lars } from './lars.js'
export { type Lion, lion } from './lion.js'
export { type Mars, mars } from './mars.js'
export { type Momentum, momentum } from './momentum.js'
export { type Muon, muon } from './muon.js'
export { type NAdam, nadam } from './nadam.js'
export { type Nesterov, nesterov } from './nesterov.js'
export { type NovoGrad, novograd } from './novograd.js'
export { type Prodigy, prodigy } from './prodigy.js'
export { type RAdam, radam } from './radam.js'
export { type RmsProp, rmsprop } from './rmsprop.js'
export { type Rprop, rprop } from './rprop.js'
export { type ScheduleFreeAdamW, scheduleFreeAdamW } from './schedule-free-adamw.js'
export { type ScheduleFreeRAdam, scheduleFreeRAdam } from './schedule-free-radam.js'
export { type ScheduleFreeSgd, scheduleFreeSgd } from './schedule-free-sgd.js'
export { type Sgd, sgd } from './sgd.js'
export { type SignSgd, signSgd } from './sign-sgd.js'
export { type Sm3, sm3 } from './sm3.js'
export { type StableAdamW, stableAdamW } from './stable-adamw.js'
export { type Yogi, yogi } from './yogi.js'
