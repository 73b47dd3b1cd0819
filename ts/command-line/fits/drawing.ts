/** The plot of `antigrad fit --plot`. */

import { OptionError } from '../../core/errors.js'
import { formatCount, toPrintable } from '../../core/text.js'
import type { LikelihoodView } from '../../fits/likelihood/view.js'
import { isColumn } from '../../jobs/fits.js'
import type { ModelInput } from '../../jobs/model.js'
import type { Table } from '../../tables/read-csv.js'
import { writer } from '../plot/file.js'
import type { DrawableFit } from '../plot/fit.js'
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
  // The other columns of differential equations are doses and constants, which are not axes.
  if (column === undefined || (others.length > 0 && options.ode === undefined)) {
    throw new OptionError(
      '--plot',
      'exactly one --x column (the horizontal axis)',
      column === undefined ? 0 : others.length + 1,
    )
  }
  const write = await writer(output)
  const { drawFits } = await import('../plot/fit.js')
  const { MAX_LINES } = await import('../plot/picture.js')
  return {
    check({ groups, columns }: Table): void {
      if (groups.length > MAX_LINES) {
        throw new OptionError('--plot', `at most ${MAX_LINES} groups in a plot`, groups.length)
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
      const all = fits.map((fit, k) => {
        const name = group === undefined ? '' : toPrintable(`${group} ${groups[k]}`)
        const bars = hasBars ? Array.from(columns[2 + others.length][k]) : null
        return {
          name,
          x: Array.from(columns[0][k]),
          y: Array.from(columns[1 + others.length][k]),
          bars,
          fit,
          column: Object.keys(models[k].x)[0],
        }
      })
      write(
        drawFits(all, {
          title: shorten(
            `${toPrintable(y)}${given === model.text ? ' = ' : ': '}${toPrintable([given, ...rivals].join('; '))}`,
          ),
          x: toPrintable(Object.hasOwn(units, x) ? `${x} (${units[x]})` : x),
          y: toPrintable(y),
          logX: logX === true,
          logY: logY === true,
        }),
      )
    },
  }
}

export type FitDrawing = Awaited<ReturnType<typeof drawing>>

/** Number of characters of a title that fit into the picture. */
const MAX_TITLE = 90

const shorten = (title: string) => (title.length > MAX_TITLE ? `${title.slice(0, MAX_TITLE - 1)}…` : title)
