/** `derive`: quantities that combine parameters of several groups, such as relative potencies. */

import { ArgumentError, OptionError } from '../../core/errors.js'
import { createRecord, isRecord, ownProperties } from '../../core/untrusted-input.js'
import { differentiate } from '../../expressions/differentiate.js'
import { Graph } from '../../expressions/graph.js'
import { parse } from '../../expressions/parse.js'
import { compile } from '../../expressions/program.js'
import { ProgramRunner } from '../../expressions/run.js'
import type { GivenOf } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import type { FitManyResult } from '../fit/result.js'
import type { LikelihoodFit, LikelihoodResult } from '../likelihood/result.js'
import type { SharedLikelihoodFit } from '../likelihood/shared-result.js'
import { probability } from '../problem/confidence-level.js'
import { sharedName } from '../problem/shared-parameters.js'
import type { SharedFit } from '../shared/result.js'
import { type SharedSource, sharedSources } from '../shared/result-source.js'
import { crossCovariance, type ParameterLocation } from '../shared-solve/cross-covariance.js'
import { getIndex } from '../shared-solve/group-batch.js'
import { likelihoodOf } from '../solve/distribution.js'
import {
  type EstimateSource,
  type Reference,
  readFitIndex,
  refuseDerived,
  unknownReference,
} from '../solve/estimate-source.js'
import { computeDegreesOfFreedom, type FitContext, hasBit } from '../solve/fit-context.js'
import { fitManySources } from '../solve/result-source.js'
import { confidenceQuantile } from '../uncertainty/bands.js'
import { covarianceEntry } from '../uncertainty/estimates.js'
import { checkResult } from './computation.js'

const table = {
  /** Confidence level, between 0 and 1. Default 0.95. */
  level: probability,
}

/** Options of `derive`. */
export interface DeriveOptions extends GivenOf<typeof table> {}

/** A quantity that combines parameters of several groups. */
export interface DerivedQuantity {
  readonly value: number
  /** Standard error by the delta method, with the joint covariance of all groups. */
  readonly error: number
  /** Endpoints of the confidence interval, value ± t·error. */
  readonly low: number
  readonly high: number
}

/**
 * Computes quantities that combine parameters of several groups, with standard errors and intervals by the delta
 * method. In an expression, `ec50[B06]` is the parameter ec50 of the group B06, and `ec50[3]` the parameter of the
 * fourth fit of `fitMany`. A shared parameter has no brackets, and a parameter of a subset has the label of the subset.
 * Groups of `fitShared` vary together, because they share parameters. Fits of `fitMany` are independent, and the degrees
 * of freedom of their intervals follow Satterthwaite's formula, rounded down.
 *
 * With a distribution, the covariance is the inverse of the observed information, the quantiles of intervals are normal,
 * and a result of `fit` has parameters without brackets.
 *
 * @param found a result of `fitShared` or `fitMany`, or of any fit with a distribution
 * @param quantities expressions by name
 * @throws OptionError, ExpressionError if an expression is invalid or names an unknown parameter or group
 * @example
 * const { potency } = derive(found, { potency: 'ec50[B06]/ec50[A01]' })
 */
export function derive<Names extends string>(
  found: SharedFit | FitManyResult | SharedLikelihoodFit | LikelihoodResult | LikelihoodFit,
  quantities: Readonly<Record<Names, string>>,
  options: DeriveOptions = {},
): Record<Names, DerivedQuantity> {
  const likelihood = likelihoodOf(found)
  if (!likelihood) checkResult(found, 'a result of fitShared or fitMany', sharedSources, fitManySources)
  if (!isRecord(quantities)) throw new ArgumentError('quantities', 'expressions by name', quantities)
  const { level } = readOptions('options', options, table)
  const source =
    likelihood?.estimates() ??
    (sharedSources.has(found) ? sharedEstimates(found as SharedFit) : manyEstimates(found as FitManyResult))
  const given = ownProperties(quantities)
  return createRecord(Object.keys(given) as Names[], (name) => {
    const text = given[name]
    if (typeof text !== 'string') throw new OptionError(`quantities: ${name}`, 'an expression', text)
    return evaluate(readExpression(name, text), source, level)
  })
}

interface ParsedQuantity {
  readonly argument: string
  readonly references: readonly Reference[]
  readonly run: (values: readonly number[]) => { readonly value: number; readonly slopes: readonly number[] }
}

/** Parses an expression in which parameters may have labels in brackets. */
function readExpression(name: string, text: string): ParsedQuantity {
  // Labeled parameters become names that the expression does not contain.
  let prefix = 'p'
  while (text.includes(`${prefix}_`)) prefix += 'p'
  const labeled = new Map<string, Reference>()
  const replace = (_: string, name: string, label: string) => {
    const key = `${name} ${label.trim()}`
    const known = [...labeled.entries()].find(([, one]) => `${one.name} ${one.label}` === key)
    const alias = known?.[0] ?? `${prefix}_${labeled.size}`
    labeled.set(alias, { name, label: label.trim() })
    return alias
  }
  // Without the lookbehind, or after the last bracket, a search would take time proportional to the square of the length.
  const end = text.lastIndexOf(']') + 1
  const plain = text.slice(0, end).replace(/(?<!\w)([A-Za-z_]\w*)\s*\[([^\]]*)\]/g, replace) + text.slice(end)
  const graph = new Graph()
  const { root, names } = parse(plain, graph)
  graph.linkedRows?.refuse(`quantities: ${name}`)
  const { gradient } = differentiate(graph, root, names, () => false)
  const machine = new ProgramRunner(compile(graph, [root, ...gradient], names, []), 'float64')
  return {
    argument: `quantities: ${name}`,
    references: names.map((name) => labeled.get(name) ?? { name, label: null }),
    run: (values) => {
      machine.run(values, [], 0)
      const [value, ...slopes] = machine.program.outputs.map((slot) => machine.slots[slot])
      return { value, slopes }
    },
  }
}

function evaluate(
  { argument, references, run }: ParsedQuantity,
  { read, isAbsolute }: EstimateSource,
  level: number,
): DerivedQuantity {
  const { values, covariance, degreesOfFreedom } = read(argument, references)
  const { value, slopes } = run(values)
  let variance = 0
  for (const [i, a] of slopes.entries())
    for (const [j, b] of slopes.entries()) if (a !== 0 && b !== 0) variance += a * b * covariance[i][j]
  const error = Math.sqrt(variance)
  const half = error * confidenceQuantile({ isAbsolute, degreesOfFreedom: degreesOfFreedom(slopes) }, level)
  return { value, error, low: value - half, high: value + half }
}

/** The estimates of a shared fit. */
function sharedEstimates(found: SharedFit): EstimateSource {
  const { run, statistics, locate } = sharedSources.get(found) as SharedSource
  const { batches } = run.solver
  const labels = found.groups.map(String)
  /** The group in which a parameter is looked up. Shared parameters have the same value in all their groups. */
  const groupOf = (argument: string, reference: Reference): number => {
    const { name, label } = reference
    const { shared, sharedBy, local } = found.values
    const has = (group: number) => found.at(group).free.includes(name)
    if (Object.hasOwn(shared, name)) {
      if (label !== null)
        throw unknownReference(argument, reference, `${name} without a group (it is shared)`)
      return found.groups.findIndex((_, group) => has(group))
    }
    if (Object.hasOwn(sharedBy, name)) {
      const subset = found.subsetLabels[name].map(String).indexOf(label ?? '')
      if (subset < 0)
        throw unknownReference(argument, reference, `${name}[label] with a label of its subsets`)
      const own = run.parsed.shared.findIndex((one) => sharedName(one) === `${name}[${label}]`)
      return found.groups.findIndex((_, group) => {
        const { batch, index } = locate(group)
        return batches[batch].sharedPlaces.some((place) => getIndex(place, index) === own)
      })
    }
    if (run.parsed.parameters.some((one) => one.name === name && one.expr !== null))
      refuseDerived(argument, name)
    const group = labels.indexOf(label ?? '')
    if (group < 0 || !Object.hasOwn(found.at(group).values, name)) {
      const names = [shared, sharedBy, local].flatMap(Object.keys).join(', ')
      throw unknownReference(
        argument,
        reference,
        `name[group] of the parameters ${names} and a group of the fit`,
      )
    }
    return group
  }
  return {
    isAbsolute: run.isAbsolute,
    read: (argument, references) => {
      const groups = references.map((reference) => groupOf(argument, reference))
      const free = references.map(({ name }, k) => found.at(groups[k]).free.indexOf(name))
      const locations = references.flatMap((_, k): ParameterLocation[] => {
        const { batch, index } = locate(groups[k])
        return free[k] < 0 ? [] : [{ batch, index, parameter: free[k] }]
      })
      const known = crossCovariance(batches, statistics, locations)
      const places = free.map((at, k) =>
        at < 0 ? -1 : free.slice(0, k).filter((other) => other >= 0).length,
      )
      const isFixed = references.map(
        ({ name }, k) => free[k] < 0 || found.at(groups[k]).atBound.includes(name),
      )
      return {
        values: references.map(({ name }, k) => found.at(groups[k]).values[name]),
        covariance: places.map((i, a) => places.map((j, b) => (isFixed[a] || isFixed[b] ? 0 : known[i][j]))),
        degreesOfFreedom: () => found.degreesOfFreedom,
      }
    },
  }
}

/** The estimates of independent fits, whose labels are their indices. */
function manyEstimates(found: FitManyResult): EstimateSource {
  const context = fitManySources.get(found) as FitContext
  const { problem, solved, isAbsolute } = context
  return {
    isAbsolute,
    read: (argument, references) => {
      const fits = references.map((reference) => {
        if (problem.derived.has(reference.name)) refuseDerived(argument, reference.name)
        return readFitIndex(argument, reference, Object.keys(found.values), found.length)
      })
      const places = references.map(({ name }) => problem.free.indexOf(name))
      const entry = (a: number, b: number) => {
        const [i, j] = [places[a], places[b]]
        if (fits[a] !== fits[b] || i < 0 || j < 0) return 0
        const isFixed = hasBit(solved.atBound, fits[a], i) || hasBit(solved.atBound, fits[a], j)
        return isFixed ? 0 : covarianceEntry(context, fits[a], i, j)
      }
      const covariance = references.map((_, a) => references.map((_, b) => entry(a, b)))
      return {
        values: references.map(({ name }, k) => found.values[name][fits[k]]),
        covariance,
        degreesOfFreedom: (slopes) => {
          let [sum, squares] = [0, 0]
          for (const fit of new Set(fits)) {
            const own = [...fits.keys()].filter((k) => fits[k] === fit)
            const part = own.reduce(
              (all, a) => own.reduce((all, b) => all + slopes[a] * slopes[b] * covariance[a][b], all),
              0,
            )
            sum += part
            squares += part === 0 ? 0 : (part * part) / computeDegreesOfFreedom(context, fit)
          }
          // Rounding must not lower an integer.
          return Math.floor(((sum * sum) / squares) * (1 + 1e-12))
        },
      }
    },
  }
}
