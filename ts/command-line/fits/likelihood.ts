/** Fits by likelihood of `antigrad fit`: runs, tables, rankings and JSON. */

import { toPrintable } from '../../core/text.js'
import { createRecord, omitUndefined } from '../../core/untrusted-input.js'
import { compare } from '../../fits/analysis/compare.js'
import { profile } from '../../fits/analysis/profile.js'
import { createAnyFits } from '../../fits/fit/fit-many.js'
import type { RankedLikelihood } from '../../fits/likelihood/comparison.js'
import type { LikelihoodFit } from '../../fits/likelihood/result.js'
import {
  type ErrorModel,
  type FitColumns,
  makeFitSettings,
  type ResolvedFits,
  withoutDerived,
} from '../../jobs/fits.js'
import type { ModelInput } from '../../jobs/model.js'
import type { PerRunData } from '../../many/batch/data.js'
import { execute } from '../../many/engines/execute.js'
import type { Table } from '../../tables/read-csv.js'
import { columns } from '../report.js'
import { describeRate } from '../sweep/progress.js'
import { print, reporter, STOPPED, say } from '../terminal.js'
import { printComparisonAsCsv, printFitsAsCsv } from './csv.js'
import { correlated, formatError, short } from './describe.js'
import { drawable, type FitDrawing } from './drawing.js'
import { type DateUnits, describeDates, sayDates } from './input.js'
import type { FitCommandOptions } from './options.js'
import { labelOf, verdictOf } from './rivals.js'
import { describeUnknowns, estimateUnknowns, type UnknownTable } from './unknowns.js'
import { reportFailures, untilStopped } from './until-stopped.js'

type Fits = readonly LikelihoodFit[]

interface Extras {
  readonly draw: FitDrawing | null
  readonly dates: DateUnits
  readonly unknown: UnknownTable | undefined
}

/** Runs the fits of all models, and prints them. */
export async function fitByLikelihood(
  table: Table,
  { model, rivals, x }: ResolvedFits,
  options: FitCommandOptions,
  errorModel: ErrorModel,
  { draw, dates, unknown }: Extras,
): Promise<void> {
  const models = [model, ...rivals]
  const texts = [options.model, ...options.rivals]
  const found: Fits[] = []
  for (const [k, each] of models.entries()) {
    const fits = await fitModel(table, each, x, k === 0 ? options : withoutDerived(options), errorModel)
    if (fits === undefined) {
      say('stopped before the fits were done')
      process.exitCode = STOPPED
      return
    }
    found.push(fits)
  }
  const { group, json, csv } = options
  const unknowns = unknown && estimateUnknowns(unknown, table.groups, found[0])
  const rankings = table.groups.map((_, k) =>
    rivals.length === 0 ? undefined : compare(found.map((fits) => fits[k])),
  )
  if (csv) {
    const all = rankings.filter((ranking) => ranking !== undefined)
    // A table of rankings of fits by likelihood has no column of groups.
    if (all.length === 0) await printFitsAsCsv(found[0], table.groups, options)
    else for (const ranking of all) await printComparisonAsCsv(ranking, undefined)
    sayDates(dates)
  } else if (json) {
    for (const [k, label] of table.groups.entries()) {
      for (const [i, fits] of found.entries()) {
        const more = { ...rankInJson(texts[i], i, rankings[k]), unknowns: unknowns?.[k] }
        await print(`${toJson(fits[k], group === undefined ? undefined : label, options, dates, more)}\n`)
      }
    }
  } else {
    const ofModels = found.map((fits, i) => {
      const head = rivals.length === 0 ? '' : `${labelOf(i)}: ${toPrintable(texts[i])}\n`
      return `${head}${group === undefined ? describe(fits[0], options) : describeGroups(group, table.groups, fits, options)}\n`
    })
    const ranked = rankings.flatMap((ranking, k) =>
      ranking ? [describeRanking(ranking, texts, group === undefined ? '' : table.groups[k])] : [],
    )
    const inverted = unknowns ? [`${describeUnknowns(unknowns, group, table.groups)}\n`] : []
    await print(`${[...ofModels, ...ranked, ...inverted].join('\n')}${describeDates(dates)}`)
  }
  const preferred = rankings.map((ranking) => ranking?.[0].index ?? 0)
  draw?.now(
    table,
    preferred.map((i, k) => drawable(found[i][k])),
    dates,
    preferred.map((i) => models[i]),
  )
  reportFailures(found.flat())
}

async function fitModel(
  table: FitColumns,
  model: ModelInput,
  x: readonly string[],
  asked: FitCommandOptions | ReturnType<typeof withoutDerived>,
  errorModel: ErrorModel,
): Promise<Fits | undefined> {
  const stop = new AbortController()
  const { engine, threads } = asked as FitCommandOptions
  const given = table.columns.map((lists) => (lists.length === 1 ? lists[0] : lists))
  const { data, settings } = makeFitSettings(given, x, model, asked, {
    engine,
    threads,
    signal: stop.signal,
    errorModel,
  })
  const { derive, multiStart } = asked
  const call: object = {
    ...settings,
    ...omitUndefined<unknown>({ derive, multiStart }),
    distribution: errorModel.distribution,
    onProgress: reporter((seconds, done: number, total: number) =>
      describeRate('fits', done, total, seconds),
    ),
  }
  const fits = createAnyFits(model.model as Parameters<typeof createAnyFits>[0], data as PerRunData, call)
  return untilStopped(stop, async () => {
    await execute(fits.choice, fits.calls(), stop.signal, () => fits.release())
    const result = fits.result()
    return Array.from({ length: result.length }, (_, k) => result.at(k) as LikelihoodFit)
  })
}

/** Lower and upper limits of the intervals of all free parameters, by name. */
function endsOf(
  fit: LikelihoodFit,
  isProfiled: boolean,
): Readonly<Record<string, readonly [number, number]>> {
  if (!isProfiled || fit.reason !== 'converged') return fit.intervals(0.95)
  const free = fit.free.filter((name) => !fit.atBound.includes(name))
  const profiles = profile(fit, free)
  return createRecord(free, (name) => [profiles[name].low, profiles[name].high] as const)
}

function describe(fit: LikelihoodFit, { profile: isProfiled, correlations }: FitCommandOptions): string {
  const { values, errors, free, censoredRows } = fit
  const ends = endsOf(fit, isProfiled === true)
  const rows = Object.keys(values).map((name) => {
    const interval = errors[name] === 0 ? [] : (ends[name] ?? [])
    return [name, short(values[name], 8), formatError(fit, name), ...interval.map((end) => short(end))]
  })
  const head = ['', 'value', 'error', isProfiled ? 'profile 95% from' : '95% from', 'to']
  const censored = censoredRows > 0 ? ` (${censoredRows} censored)` : ''
  return [
    columns([head, ...rows], [1, 2, 3, 4]),
    '',
    `${fit.distribution}: −2 log L ${short(fit.minus2LogLikelihood)}, AIC ${short(fit.aic)}, BIC ${short(fit.bic)}`,
    `${fit.observations} rows${censored}, ${free.length} parameters; ${fit.reason} after ${fit.evaluations} evaluations`,
    ...(fit.message === '' ? [] : [fit.message]),
    ...(correlations ? correlated(fit) : []),
  ].join('\n')
}

function describeGroups(
  by: string,
  groups: readonly string[],
  fits: Fits,
  { profile: isProfiled }: FitCommandOptions,
): string {
  const names = Object.keys(fits[0].values)
  const head = [
    toPrintable(by),
    'rows',
    ...names.flatMap((name) => (isProfiled ? [name, 'from', 'to'] : [name, '±'])),
    '−2 log L',
    'reason',
  ]
  const lines = fits.map((fit, k) => {
    const ends = isProfiled ? endsOf(fit, true) : undefined
    return [
      toPrintable(groups[k]),
      `${fit.observations}`,
      ...names.flatMap((name) => [
        short(fit.values[name]),
        ...(ends ? (ends[name] ?? [NaN, NaN]).map((end) => short(end)) : [formatError(fit, name)]),
      ]),
      short(fit.minus2LogLikelihood),
      [fit.reason, fit.message].filter(Boolean).join(': '),
    ]
  })
  return columns([head, ...lines], [...head.keys()].slice(1, -1))
}

function describeRanking(
  ranking: readonly RankedLikelihood[],
  texts: readonly string[],
  label: string,
): string {
  const head = ['', 'model', 'parameters', '−2 log L', 'AICc', 'ΔAICc', 'weight', 'BIC']
  const rows = ranking.map((one) => [
    labelOf(one.index),
    toPrintable(texts[one.index]),
    `${one.parameters}`,
    ...[one.minus2LogLikelihood, one.aicc, one.deltaAicc, one.akaikeWeight, one.bic].map((x) => short(x)),
  ])
  const title = label === '' ? '' : `${toPrintable(label)}\n`
  return `${title}${columns([head, ...rows], [2, 3, 4, 5, 6, 7])}\n\n${verdictOf(ranking)}\n`
}

function rankInJson(model: string, index: number, ranking: readonly RankedLikelihood[] | undefined) {
  if (ranking === undefined) return {}
  const rank = ranking.findIndex((one) => one.index === index)
  const { aicc, deltaAicc, akaikeWeight } = ranking[rank]
  return { model, rank: rank + 1, aicc, deltaAicc, akaikeWeight }
}

const FIELDS = [
  ...(['reason', 'message', 'values', 'errors', 'free', 'atBound', 'unidentifiable', 'covariance'] as const),
  ...(['distribution', 'minus2LogLikelihood', 'aic', 'bic', 'observations', 'censoredRows'] as const),
  ...(['degreesOfFreedom', 'evaluations'] as const),
] as const

function toJson(
  fit: LikelihoodFit,
  group: string | undefined,
  { profile: isProfiled }: FitCommandOptions,
  dates: DateUnits,
  more: object,
): string {
  const free = fit.free.filter((name) => !fit.atBound.includes(name))
  return JSON.stringify({
    group,
    ...createRecord(FIELDS, (name) => fit[name]),
    ...(isProfiled && fit.reason === 'converged' && { profile: profile(fit, free) }),
    ...(Object.keys(dates).length > 0 && { dates }),
    ...more,
  })
}
