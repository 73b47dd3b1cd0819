/** Models with names, whose parameters are guessed from the data. */

import { line } from './line.js'

export const models = { line } as const

/** The name of a model. */
export type ModelName = keyof typeof models
