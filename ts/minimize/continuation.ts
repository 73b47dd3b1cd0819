/**
 * Continues a run of `minimize` on an engine. An engine that performs many updates per call is several times faster
 * than calls of the objective from TypeScript. The extension `continueRun` (ts/many/continue-run.ts) contains the code
 * for objectives that are expressions. Only Node's file of the package loads the extension (scripts/build-ts.mjs),
 * because the code would make a page of `minimize` larger by a quarter.
 */

import type { FloatArray } from '../core/numbers.js'
import type { EngineName } from '../engines/engine.js'
import type { BoundsBox } from '../objectives/bounds.js'
import type { CustomRule, Rule } from '../rules/definitions.js'
import type { MinimizeReason } from './reasons.js'

/** The update at which steps became short although the gradient is not small. */
export interface ShortSteps {
  readonly iterations: number
  readonly change: number
  readonly gradientNorm: number
}

/** A run after some updates by a rule, without clipping or a callback. */
export interface RunInProgress {
  readonly objective: unknown
  readonly rule: Rule | CustomRule
  readonly params: FloatArray
  /** State of the rule by name. */
  readonly state: Readonly<Record<string, FloatArray>>
  readonly iterations: number
  readonly maxIterations: number
  readonly tolerance: number
  readonly box: BoundsBox | null
  readonly shortSince: ShortSteps | null
  readonly engine: EngineName
  readonly settings: { readonly instructionSet?: unknown; readonly threads?: unknown }
}

/** The end of a run, and the counts of evaluations since the continuation. */
export interface RunEnd {
  readonly x: FloatArray
  readonly value: number
  readonly gradientNorm: number
  readonly maxChange: number
  readonly iterations: number
  readonly reason: MinimizeReason
  readonly values: number
  readonly gradients: number
}
