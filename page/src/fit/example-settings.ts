/** The settings and the tables of the examples. */

import { example } from './example.js'
import type { ExampleName } from './example-list.js'
import type { FitPageState } from './state.js'

/** The settings with which each example begins. */
export const exampleSettings: Readonly<Record<ExampleName, Partial<FitPageState>>> = {
  decay: { derive: 'half_life = log(2)/b' },
  doses: { model: 'fourPL', logX: true, outliers: 'drop' },
  plate: { model: 'logistic' },
  spectrum: { model: 'peaks' },
  standards: { model: 'fourPL', logX: true, unknowns: 'S1 0.83 0.87\nS2 1.62 1.58\nS3 2.60' },
}

/** The table of an example. */
export async function exampleTable(name: ExampleName): Promise<string> {
  return name === 'decay' ? example() : (await import('./examples.js')).tables[name]()
}
