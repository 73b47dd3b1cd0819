/**
 * Extensions: code that becomes part of the core only if a program imports it.
 *
 * A page that never calls `sparseRows` should not load the code for sparse gradients. The core therefore calls such
 * code through {@link extensions}. The module of an extension assigns the extension when the module is loaded:
 *
 * ```ts
 * extensions.rows = { read(value, index, model) { … }, … } // ts/step/rows.ts
 * extensions.rows?.read(value, index, model) // ts/gradients/read.ts
 * ```
 *
 * The module also adds the type of its extension to {@link Extensions} by declaration merging, so that this file
 * imports nothing. All extensions:
 *
 * | extension | module | loaded with |
 * |---|---|---|
 * | `rows` | `ts/step/rows.ts` | `sparseRows` |
 * | `writeUnitClips` | `ts/gradients/unitwise.ts` | `unitwise`, `centralized`, `noise` |
 * | `noise` | `ts/gradients/noise.ts` | `noise` |
 * | `adviseMemory` | `ts/engines/native.ts` | the native engine |
 * | `matrices` | `ts/expressions/matrices.ts` | programs with matrices |
 * | `readRows` | `ts/expressions/recurrences.ts` | `recurrence` |
 * | `defineFromEquations` | `ts/equations/equations.ts` | `defineRule` |
 * | `evaluateLong` | `ts/many/evaluate.ts` | Node's file of the package, after 4 million operations in long evaluations |
 * | `shortenLifetimes` | `ts/many/recompute.ts` | Node's file of the package, for programs of 1,024 slots or more |
 * | `continueRun` | `ts/many/continue-run.ts` | Node's file of the package, after 4,096 updates of runs |
 * | `odeLanes` | `ts/fits/odes/ode-lanes.ts` | Node's file of the package |
 */

// biome-ignore lint/suspicious/noEmptyInterface: other modules add members
export interface Extensions {}

/** The extensions whose modules are loaded. */
export const extensions: Partial<Extensions> = {}
