/** `antigrad fit --model a --model b`: fits of several models to the same rows, ranked by AICc. */

import { plural, toPrintable } from '../../core/text.js'
import { compare, type RankedModel } from '../../fits/analysis/compare.js'
import type { Fit } from '../../fits/fit/result.js'
import { toJson } from '../../jobs/fits.js'
import { columns } from '../report.js'
import { describeFit, short } from './describe.js'

/** The fits of one model: one fit per group. */
export interface FitsOfModel {
  readonly text: string
  readonly fits: readonly Fit[]
}

/** Difference of AICc below which the data do not decide between two models (Burnham and Anderson, 2002). */
const CLEAR_DIFFERENCE = 2

/** Label of a model in tables: a, b, …, z, m27, … */
export const labelOf = (index: number) => (index < 26 ? String.fromCharCode(97 + index) : `m${index + 1}`)

/** Ranks the models of each group. */
export const rankPerGroup = (models: readonly FitsOfModel[]): RankedModel[][] =>
  models[0].fits.map((_, k) => compare(models.map(({ fits }) => fits[k])))

/** Tables of all models, followed by the ranking. */
export function describeRivals(
  models: readonly FitsOfModel[],
  ranking: readonly RankedModel[],
  { isProfiled, hasCorrelations }: { readonly isProfiled: boolean; readonly hasCorrelations: boolean },
): string {
  const tables = models.map(
    ({ text, fits: [fit] }, k) =>
      `${labelOf(k)}: ${toPrintable(text)}\n${describeFit(fit, isProfiled, hasCorrelations, undefined)}\n`,
  )
  const head = ['', 'model', 'parameters', 'χ²', 'AICc', 'ΔAICc', 'weight', 'BIC', 'reason']
  const rows = ranking.map(({ index, parameters, chiSquared, aicc, deltaAicc, akaikeWeight, bic }) => [
    labelOf(index),
    toPrintable(models[index].text),
    `${parameters}`,
    ...[chiSquared, aicc, deltaAicc, akaikeWeight, bic].map((x) => short(x)),
    models[index].fits[0].reason,
  ])
  return [...tables, columns([head, ...rows], [2, 3, 4, 5, 6, 7]), '', ...concludeRanking(ranking)].join('\n')
}

/** The ranking in sentences, and the tests of nested models. */
function concludeRanking(ranking: readonly RankedModel[]): string[] {
  const [best, ...others] = ranking
  return [verdictOf(ranking), ...others.flatMap((other) => testOf(best, other))]
}

/** The ranking as a sentence. */
export function verdictOf(ranking: readonly Pick<RankedModel, 'index' | 'aicc' | 'deltaAicc'>[]): string {
  const [best, ...others] = ranking
  if (Number.isNaN(best.aicc)) return 'No model has an AICc, so no model is preferred.'
  const close = others
    .filter(({ deltaAicc }) => deltaAicc < CLEAR_DIFFERENCE)
    .map(({ index }) => labelOf(index))
  const [next] = others
  const name = labelOf(best.index)
  return Number.isNaN(next.deltaAicc)
    ? `Model ${name} is the only model with an AICc.`
    : close.length > 0
      ? `Model ${name} has the lowest AICc, but the data do not decide between ${[name, ...close].join(' and ')}.`
      : `Model ${name} is preferred: its AICc is ${short(next.deltaAicc, 4)} lower than the AICc of ${labelOf(next.index)}.`
}

/** The test of two models of which one is nested in the other. */
function testOf(best: RankedModel, { index, comparison }: RankedModel): string[] {
  if (comparison === null || comparison.test === null) return []
  const { test, statistic, degreesOfFreedom, pValue, fullModel, message } = comparison
  const [above, below] = degreesOfFreedom
  const [first, second] = [best.index, index].map(labelOf)
  const [full, reduced] = fullModel === 'a' ? [first, second] : [second, first]
  const what = test === 'F' ? `F(${above}, ${below})` : `Δχ² of ${above}`
  const verdict = `${what} = ${short(statistic)}, p = ${short(pValue, 3)}`
  const warning = message === '' ? '' : ` (${message})`
  return [
    `${reduced} is nested in ${full}, which has ${plural(above, 'more parameter')}: ${verdict}${warning}`,
  ]
}

/** One line per group: the preferred model, its weight, and AICc of all models. */
export function describeRivalGroups(
  by: string,
  groups: readonly string[],
  models: readonly FitsOfModel[],
  rankings: readonly (readonly RankedModel[])[],
): string {
  const labels = models.map((_, k) => labelOf(k))
  const head = [
    toPrintable(by),
    'rows',
    'preferred',
    'weight',
    ...labels.map((label) => `AICc ${label}`),
    'reason',
  ]
  const lines = rankings.map((ranking, k) => {
    const [best] = ranking
    const aicc = models.map((_, i) => ranking.find(({ index }) => index === i)?.aicc ?? NaN)
    const failed = models.flatMap(({ fits }, i) =>
      fits[k].reason === 'converged' ? [] : [`${labels[i]}: ${fits[k].reason}`],
    )
    return [
      toPrintable(groups[k]),
      `${models[0].fits[k].observations}`,
      Number.isNaN(best.aicc) ? '–' : labels[best.index],
      short(best.akaikeWeight),
      ...aicc.map((x) => short(x)),
      failed.length === 0 ? 'converged' : failed.join(', '),
    ]
  })
  const counts = labels.map(
    (_, i) => rankings.filter(([best]) => best.index === i && !Number.isNaN(best.aicc)).length,
  )
  const wins = labels.map((label, i) => `${label} in ${plural(counts[i], 'group')}`)
  return [
    ...models.map(({ text }, k) => `${labels[k]}: ${toPrintable(text)}`),
    '',
    columns(
      [head, ...lines],
      head.map((_, i) => i).filter((i) => i === 1 || (i > 2 && i < head.length - 1)),
    ),
    '',
    `The lowest AICc: ${wins.join(', ')}`,
  ].join('\n')
}

/** One line of JSON per model and group, with the rank of the model. */
export function* rivalsInJson(
  models: readonly FitsOfModel[],
  rankings: readonly (readonly RankedModel[])[],
  labels: readonly (string | undefined)[],
  { isProfiled, dates }: { readonly isProfiled: boolean; readonly dates: Readonly<Record<string, string>> },
): Generator<string> {
  for (const [k, ranking] of rankings.entries()) {
    for (const [i, { text, fits }] of models.entries()) {
      const rank = ranking.findIndex(({ index }) => index === i)
      const { aicc, deltaAicc, akaikeWeight, comparison } = ranking[rank]
      yield toJson(fits[k], labels[k], isProfiled, undefined, {
        ...(Object.keys(dates).length > 0 && { dates }),
        model: text,
        rank: rank + 1,
        aicc,
        deltaAicc,
        akaikeWeight,
        ...(comparison && { comparedToBest: comparison }),
      })
    }
  }
}
