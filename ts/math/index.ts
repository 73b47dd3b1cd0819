/**
 * The entry `antigrad/math`: elementary and special functions of numbers and arrays, and a seeded generator of random
 * numbers. Results are bit-identical in every browser and in Node.
 */

export { type ChooseEngineOptions, type ChosenEngine, chooseEngine } from './engines.js'
export * from './functions.js'
export { RandomGenerator, type SavedGenerator } from './generator.js'
