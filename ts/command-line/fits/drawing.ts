/** The plot of `antigrad fit --plot`. */

import { OptionError } from '../../core/errors.js'
import { formatCount, toPrintable } from '../../core/text.js'
import type { LikelihoodView } from '../../fits/likelihood/view.js'
import { isColumn } from '../../jobs/fits.js'
import type { ModelInput } from '../../jobs/model.js'
import type { Table } from '../../tables/read-csv.js'
import { writer } from '../plot/file.js'
import type { DrawableFit, DrawnFit } from '../plot/fit-marks.js'
import { levelsOf, splitByLevel } from '../plot/levels.js'
import { say } from '../terminal.js'
import { usesLikelihood } from './error-model.js'
import type { DateUnits } from './input.js'
import type { FitCommandOptions } from './options.js'

/** A fit by likelihood with the residuals that the plot shows. */
export const drawable = (fit: LikelihoodView): DrawableFit => ({
  values: fit.values,
  errors: fit.errors,
  reason: fit.reason,
  residuals: fit.residualsOf('pearson'),
  predict: fit.predict.bind(fit),
  band: fit.band.bind(fit),
})

/** Prepares the plot of the fits. Errors that would prevent the plot are reported before any fit runs. */
export async function drawing(
  output: string,
  model: ModelInput,
  [x, ...others]: readonly string[],
  options: FitCommandOptions,
) {
  const { model: given, rivals, y, group, sigma, logX, logY } = options
  const hasBars = isColumn(sigma) && !usesLikelihood(options)
  const [column] = Object.keys(model.x)
  if (model.observables)
    throw new OptionError('--plot', 'a model with one observed quantity', model.observables)
  if (column === undefined) throw new OptionError('--plot', 'an --x column (the horizontal axis)', 0)
  // The other columns of differential equations are doses and constants, which have no levels.
  const levelColumns = options.ode === undefined ? others : []
  const write = await writer(output)
  const { drawFits } = await import('../plot/fit.js')
  const { drawPanels } = await import('../plot/fit-panels.js')
  const { MAX_LINES } = await import('../plot/picture.js')
  return {
    check({ groups, columns }: Pick<Table, 'groups' | 'columns'>): void {
      const levels = new Set(groups.flatMap((_, k) => levelsOf(levelColumns.length, columns, k)))
      if (levels.size > MAX_LINES) {
        const expected = `at most ${MAX_LINES} levels of ${levelColumns.join(', ')} (one curve per level)`
        throw new OptionError('--plot', expected, levels.size)
      }
      for (const [is, option, lists] of [
        [logX, '--log-x', columns[0]],
        [logY, '--log-y', columns[1 + others.length]],
      ] as const) {
        const below = lists.reduce(
          (sum, list) => sum + list.reduce((count, x) => count + Number(x <= 0), 0),
          0,
        )
        if (is !== true || below === 0) continue
        if (lists.every((list) => list.every((x) => x <= 0))) {
          throw new OptionError(option, 'at least one positive value to draw', 'none')
        }
        say(
          `${option}: ${formatCount(below)} ${below === 1 ? 'value is' : 'values are'} not positive and cannot be drawn`,
        )
      }
    },
    /** @param models the model of each fit; by default the model of `--model` */
    now(
      { columns, groups }: Pick<Table, 'columns' | 'groups'>,
      fits: readonly DrawableFit[],
      units: DateUnits,
      models: readonly ModelInput[] = fits.map(() => model),
    ): void {
      const drawn = fits.map((fit, k): DrawnFit => {
        const name = group === undefined ? '' : toPrintable(`${group} ${groups[k]}`)
        const bars = hasBars ? columns[2 + others.length][k] : null
        const data = { x: columns[0][k], y: columns[1 + others.length][k], bars }
        const levels = levelsOf(levelColumns.length, columns, k)
        return { name, curves: splitByLevel(data, fit, levels, levelColumns, models[k].x) }
      })
      const titles = {
        title: shorten(
          `${toPrintable(y)}${given === model.text ? ' = ' : ': '}${toPrintable([given, ...rivals].join('; '))}`,
        ),
        x: toPrintable(Object.hasOwn(units, x) ? `${x} (${units[x]})` : x),
        y: toPrintable(y),
        logX: logX === true,
        logY: logY === true,
      }
      const all = drawn.flatMap(({ name, curves }) =>
        curves.map((curve) => ({ ...curve, name: [name, curve.name].filter(Boolean).join(', ') })),
      )
      write(all.length > MAX_LINES ? drawPanels(drawn, titles) : drawFits(all, titles))
    },
  }
}

export type FitDrawing = Awaited<ReturnType<typeof drawing>>

/** Number of characters of a title that fit into the picture. */
const MAX_TITLE = 90

const shorten = (title: string) => (title.length > MAX_TITLE ? `${title.slice(0, MAX_TITLE - 1)}…` : title)
