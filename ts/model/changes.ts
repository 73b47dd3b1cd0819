/** Changes of a running optimizer: options of rules, and the number of rows of a tensor. */

import { joinFirst, OptionError, TensorError } from '../core/errors.js'
import { getTypeName, isDetached, isFloatArray, readLength } from '../core/typed-arrays.js'
import { createRecord, isObject, ownProperties } from '../core/untrusted-input.js'
import type { RuleInUse } from '../rules/active-rule.js'
import type { ResolvedRule } from '../rules/resolve.js'
import { type AnyRule, changeRule } from '../rules/rule.js'
import { type Scheduled, scaled } from '../schedules/schedule.js'
import type { Model } from './model.js'
import type { Tensor } from './partition.js'
import { exactName, matches, readMatch } from './patterns.js'

/**
 * Selects the tensors that a match describes. The match may call user functions.
 *
 * @throws OptionError if the match is invalid, TensorError if the match selects no tensor
 */
export function selectTensors(call: string, given: unknown, model: Model): Tensor[] {
  const match = readMatch(`${call}: match`, given)
  // A shortcut for exact names, because thousands of calls may each name a tensor.
  const named = model.named(exactName(match) as string)
  if (named !== undefined) return [named]
  const tensors = model.all()
  const picked = tensors.filter((tensor) => matches(match, tensor))
  if (picked.length > 0) return picked
  const expected = `a match for some of ${joinFirst(tensors, ({ name }) => name)}`
  throw new TensorError(`${call}: match`, expected, typeof given === 'string' ? given : 'an empty match')
}

/**
 * Changes options of the optimizer's rule for all tensors, but does not change options that groups set. The returned
 * function applies the change.
 *
 * @throws OptionError if an option is unknown, is out of range, or would change the state arrays
 */
export function setAll(model: Model, given: object): () => void {
  const { base, uses } = model
  // Each property is read once, so that each getter runs once.
  const options = uses.length > 1 && isObject(given) ? ownProperties(given) : given
  const after = changedRule(base, options)
  const rules = new Map([[base, after]])
  for (const use of uses) {
    const { groupOptions, lrScale } = use
    if (use === base || groupOptions === null) continue
    const names = Object.keys(options).filter((name) => !groupOptions.includes(name))
    const left = createRecord(names, (name) => after[name])
    if (lrScale !== 1 && Object.hasOwn(left, 'lr')) left.lr = scaled(left.lr as Scheduled, lrScale)
    rules.set(use, changedRule(use, left))
  }
  return () => {
    for (const [use, rule] of rules) use.change(rule)
    model.settle()
    if (uses.some((use) => use !== base && use.definition.estimateShared)) {
      // Rules with equal options are merged. The tensors of merged rules share one estimate, as in a loaded run.
      model.restart(uses)
      for (const tensor of model.tensors) tensor.part.assign(tensor, model.used(tensor.use.resolved))
      model.update()
    }
    model.reschedule()
  }
}

/** Like {@link setAll}, but changes options of the selected tensors, even if groups have set other values. */
export function setSelected(model: Model, picked: readonly Tensor[], given: object): () => void {
  const before = [...new Set(picked.map(({ use }) => use))]
  const options = before.length > 1 && isObject(given) ? ownProperties(given) : given
  const after = new Map(before.map((use) => [use, { ...use.resolved, rule: changedRule(use, options) }]))
  return () => {
    for (const tensor of picked) tensor.part.assign(tensor, model.used(after.get(tensor.use) as ResolvedRule))
    model.update()
    // Rules without tensors must not be found again, because the shared estimate of such a rule is outdated.
    if (before.some((use) => use.definition.estimateShared)) model.reschedule()
  }
}

function changedRule(use: RuleInUse, options: object): AnyRule {
  const rule = changeRule(use.definition, use.rule, options)
  if (use.keepsState(rule)) return rule
  const expected = `options that keep the state arrays of ${rule.name}`
  throw new OptionError('set: options', expected, options)
}

/**
 * Appends rows to a tensor. The returned function applies the change.
 *
 * @throws TensorError if the tensor does not exist or has no rows, or if the given rows are invalid; MemoryError if
 * memory cannot be allocated
 */
export function appendTensorRows(model: Model, name: unknown, rows: unknown): () => void {
  const tensor = typeof name === 'string' ? model.named(name) : undefined
  if (tensor === undefined) throw new TensorError('appendRows: name', "a tensor's name", name)
  const { shape } = tensor
  if (shape === undefined || shape.length === 0) {
    throw new TensorError('appendRows: name', `a tensor with rows (${tensor.name} has no shape)`, name)
  }
  const [count, ...inner] = shape
  const size = inner.reduce((product, n) => product * n, 1)
  const type = model.settings.dtype === 'float32' ? 'Float32Array' : 'Float64Array'
  const isRows = isFloatArray(rows) && getTypeName(rows) === type && !isDetached(rows)
  const length = isRows ? readLength(rows) : 0
  if (!isRows || length === 0 || length % size !== 0) {
    throw new TensorError('appendRows: rows', `a ${type} of rows of length ${size}`, rows)
  }
  return () => model.appendRows(tensor, Object.freeze([count + length / size, ...inner]), rows)
}
