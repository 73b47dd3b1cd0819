/** Weights by the model, of groups that share parameters. */

import { Machine } from '../../expressions/run.js'
import { type Column, numbersOf } from '../../many/data.js'
import { columnsOfModel, programOfModel } from '../curve.js'
import { isSame, WEIGHTS } from '../weighing.js'
import type { Arrow, Point } from './arrow.js'
import type { Ended, Unweighed } from './ending.js'
import { type Family, numberAt } from './family.js'
import type { FamilyRead } from './read.js'

/** Whether some weights are made of the model. */
export const isWeighed = (families: readonly FamilyRead[]) =>
  families.some(({ weighs }) => weighs.some((weigh) => weigh !== null))

/** Writes weights where all have ended, unless one is none, which is told. */
export function setWeights(
  read: readonly FamilyRead[],
  families: readonly Family[],
  { shared, own }: Point,
): Unweighed | null {
  for (const [f, { weighs, outputs, given, constants }] of read.entries()) {
    const { groups, places } = families[f]
    for (const [k, weigh] of weighs.entries()) {
      if (weigh === null) continue
      const { problem } = outputs[k].compiled
      const machine = new Machine(programOfModel(problem), 'float64')
      const names = [problem.y, ...columnsOfModel(problem)]
      const weightsOf = (columns: ReadonlyMap<string, Column>, group: number) =>
        numbersOf(columns.get(WEIGHTS) as Column, group)
      for (const [at, group] of groups.entries()) {
        const [y, ...columns] = names.map((name) => numbersOf(given[k].get(name) as Column, group))
        const point = [
          ...own[f].map((column) => column[at]),
          ...places.map((place) => shared[numberAt(place, at)]),
          ...problem.fixed.map((name) => constants.get(name)?.[group] as number),
        ]
        const [all, counted] = [given[k], outputs[k].columns].map((of) => weightsOf(of, group))
        let next = 0
        for (let row = 0; row < y.length; row++) {
          const numbers = columns.map((column) => column[row])
          if (Number.isNaN(y[row]) || numbers.some(Number.isNaN)) continue
          machine.run([...point, ...numbers], [], 0)
          const value = weigh(machine.slots[machine.program.outputs[0]], numbers)
          if (!(value > 0 && value < Infinity)) return { group, value }
          all[row] = value
          counted[next++] = value
        }
      }
    }
  }
  return null
}

/** Whether a round has moved nothing, beside standard errors. */
export function isSettled(arrow: Arrow, before: Ended, now: Ended, tolerance: number): boolean {
  const { covariance, values } = now
  const shared = values.shared.every((x, k) => {
    const factor = arrow.shared[k].isLogarithmic ? x : 1
    const variance = covariance[k * arrow.size + k] * factor * factor
    return isSame(before.values.shared[k], x, variance, tolerance)
  })
  const isOwn = (f: number, i: number, at: number) => {
    const error = now.ownErrors[f][i][at]
    return isSame(before.values.own[f][i][at], values.own[f][i][at], error * error, tolerance)
  }
  return shared && values.own.every((of, f) => of.every((own, i) => own.every((_, at) => isOwn(f, i, at))))
}
