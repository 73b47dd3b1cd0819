/** Systems of differential equations with reference solutions, as in `test/data/odes*.json`. */

import { ode } from 'antigrad/fit'

export interface OdeCase {
  readonly name: string
  readonly equations: Record<string, string>
  readonly parameters: Record<string, number>
  readonly initial: Record<string, number>
  readonly start: number
  readonly times: number[]
  readonly states: Record<string, number[]>
  readonly inputs?: Record<string, [number, number][]>
  readonly doses?: [number, string, number][]
}

/** The model of a system. It observes the first state. */
export const modelOf = (one: OdeCase, options: object) =>
  ode({
    states: one.initial,
    rates: one.equations,
    observe: Object.keys(one.initial)[0],
    doses: (one.doses ?? []).map(([time, state, amount]) => ({ time, state, amount })),
    inputs: Object.fromEntries(
      Object.entries(one.inputs ?? {}).map(([name, list]) => [
        name,
        { times: list.map(([time]) => time), values: list.map(([, value]) => value) },
      ]),
    ),
    initialTime: one.start,
    ...options,
  })
