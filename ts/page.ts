/**
 * Internal modules that the project's pages share with the command line and the documentation: texts, tables, plots,
 * and the declarations of rules. This file is not part of the package.
 */

export { type AxisScale, makeScales } from './axes/scale.js'
export { enter } from './command-line/race.js'
export { getMessage } from './core/errors.js'
export { formatCount } from './core/text.js'
export { parseStatements, withoutComments } from './equations/statements.js'
export { losses } from './fits/problem/loss.js'
export { objectiveText } from './jobs/objective-texts.js'
export { integerAtLeast, nonNegative, type Option, optional } from './options/kinds.js'
export { readOption } from './options/read.js'
export { type ContourLevel, findContours, starCorners } from './plots/contours.js'
export { formatEstimate, formatWithError } from './plots/estimates.js'
export { axisMarks, isInside, sampleGrid, toFractions } from './plots/view.js'
export { type Definition, definitionNamed } from './rules/define.js'
export { definitions } from './rules/definitions.js'
export { documentation } from './rules/documentation.js'
export * as rules from './rules/index.js'
export { compile, type Scheduled } from './schedules/schedule.js'
export { countUpdates, parseSchedule } from './schedules/text.js'
export { decodeUtf8 } from './tables/utf8.js'
export { nameWideColumns, splitRows, type TableLine } from './tables/wide.js'
