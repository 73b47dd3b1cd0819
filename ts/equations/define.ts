/** Converts the user's definition of a rule to the internal definition (see `ts/rules/define.ts`). */

import { wasmModule } from '#webassembly/equations'
import type { Kernel } from '../arena/kernel.js'
import { EQUATIONS_SOURCE, PIPELINE } from '../arena/manifest.js'
import { OptionError } from '../core/errors.js'
import { computeHash } from '../core/hash.js'
import { flag, type Option, type OptionTable, option, type ReadOption } from '../options/kinds.js'
import { type Definition, define } from '../rules/define.js'
import type { EquationOption, ResolvedRuleDefinition } from '../rules/equation-rule.js'
import { scheduled } from '../schedules/option.js'
import { isSchedule } from '../schedules/schedule.js'
import { describeRange, isWithin, readDeclaration } from './declaration.js'
import * as layout from './layout.js'
import { compileStages, type StagePrograms } from './program.js'
import { type RuleStep, readStep } from './read.js'
import { Scalars } from './scalars.js'

/** A rule's definition, with intermediate results of the compilation. */
export interface CompiledRule {
  readonly name: string
  readonly declared: ResolvedRuleDefinition
  readonly step: RuleStep
  readonly programs: StagePrograms
  readonly definition: Definition
}

/** Compiled rules by name and definition. Rules with equal equations are the same rule. */
const compiledRules = new Map<string, CompiledRule>()
const MAX_COMPILED_RULES = 256

/** @throws EquationError if a line of the step is invalid */
export function compileRule(name: string, declared: ResolvedRuleDefinition): CompiledRule {
  const key = JSON.stringify([name, declared])
  const known = compiledRules.get(key) ?? compile(name, declared, key)
  compiledRules.delete(key)
  compiledRules.set(key, known)
  // Rules in use keep a reference to their own compiled form.
  if (compiledRules.size > MAX_COMPILED_RULES)
    compiledRules.delete(compiledRules.keys().next().value as string)
  return known
}

function compile(name: string, declared: ResolvedRuleDefinition, text: string): CompiledRule {
  const step = readStep(name, declared)
  const programs = compileStages(name, step)
  const { options, scalars: starts, state } = declared
  const scalars = new Scalars(name, step, programs, starts, Object.keys(options))
  const row = makeRow(programs, state)
  const kernels = makeKernels(name, text, programs, {
    state: Object.keys(state),
    tensor: scalars.names,
    // The position `all` is the last position of the row, so that rows have room for the program.
    row: { all: row.length - 1 },
  })
  const constantsAt = row[layout.ROW_POSITIONS.constants] + PIPELINE
  const states = Object.entries(state)
  // Two custom rules may have the same name and different equations. The rule is therefore registered under a name that
  // no rule can have.
  const definition = define('a rule of equations', {
    options: makeOptionTable(name, declared),
    kernels,
    stages: () => kernels,
    takesRows: kernels.length === 1,
    clock: Object.fromEntries(scalars.common.map(({ name }) => [name, starts[name]])),
    advance: (clock: never, numbers: never, next: never) => scalars.advance(clock, numbers, next),
    coefficients: (_: never, to: Float64Array) => to.set(row.subarray(PIPELINE), PIPELINE),
    corrections: (_: never, clock: object, to: Float64Array) => scalars.write(clock, to, constantsAt),
    ...(kernels.length > 1 && {
      between: (numbers: object, clock: never, tensor: never, i: number, stage: number, length: number) =>
        scalars.between(numbers, clock, tensor, i, stage, length),
      estimateShared: (
        numbers: object,
        members: readonly { row: unknown; sums: never }[],
        tensors: readonly { length: number }[],
      ) =>
        scalars.total(
          numbers,
          members.flatMap(({ row, sums }, k) => (row === null ? [] : [{ sums, length: tensors[k].length }])),
        ),
    }),
    starts: () =>
      Object.fromEntries(states.map(([name, { start }]) => [name, start === 'gradient' ? 0 : start])),
    // Flushing affects either all states or no state.
    flushes: () => states.every(([, { flush }]) => flush),
  } as never) as unknown as Definition
  const defaults = Object.freeze({ ...definition.defaults, name })
  const variant = `${name} (equations ${computeHash(text).toString(16)})`
  return { name, declared, step, programs, definition: { ...definition, name, defaults, variant } }
}

function makeOptionTable(name: string, declared: ResolvedRuleDefinition): OptionTable {
  const table: Record<string, Option> = {}
  for (const [name, own] of Object.entries(declared.options)) {
    const kind = (value?: number) => option(describeRange(own), value, isWithin(own), refuseSchedule(own))
    const { default: value } = own as EquationOption & { default: number }
    table[name] =
      typeof value === 'boolean'
        ? flag(value as boolean)
        : own.scheduled
          ? (scheduled(kind as never, value) as Option)
          : kind(value)
  }
  const isOwn = (x: unknown) => JSON.stringify(readDeclaration(name, x)) === JSON.stringify(declared)
  const equations = option(
    "the rule's own equations",
    declared,
    (x) => x === declared,
    (_, x) => (isOwn(x) ? declared : undefined),
  )
  return { ...table, maximize: false, equations } as never
}

/**
 * Rejects a schedule for an option that is not declared as schedulable. The message explains the required declaration.
 */
function refuseSchedule(own: EquationOption): ReadOption<number> {
  return (what, given) => {
    if (own.scheduled || !(isSchedule(given) || typeof given === 'function')) return undefined
    const expected = `${describeRange(own)} (only options declared with scheduled: true accept schedules)`
    throw new OptionError(what, expected, given)
  }
}

/** The row's header and programs, with room for the constants. The pipeline's coefficients stay 0. */
function makeRow({ stages, constants }: StagePrograms, state: ResolvedRuleDefinition['state']): Float64Array {
  const numbers: number[] = []
  const places = stages.map(({ instructions, sums }, k) => {
    const place = layout.HEADER_LENGTH + numbers.length
    numbers.push(instructions.length, ...instructions.map(layout.encode))
    if (k < stages.length - 1) numbers.push(sums.length, ...sums.map(({ slot, sum }) => slot * 4 + sum.kind))
    return place
  })
  const update = places.pop() as number
  const row = new Float64Array(PIPELINE + layout.HEADER_LENGTH + numbers.length + constants.length)
  row.set(numbers, PIPELINE + layout.HEADER_LENGTH)
  row[layout.ROW_POSITIONS.update] = update
  places.forEach((place, k) => {
    row[layout.ROW_POSITIONS.sums[k]] = place
  })
  row[layout.ROW_POSITIONS.constants] = layout.HEADER_LENGTH + numbers.length
  row[layout.ROW_POSITIONS.constantCount] = constants.length
  row[layout.ROW_POSITIONS.flushed] = (1 << Object.keys(state).length) - 1
  return row
}

function makeKernels(
  name: string,
  text: string,
  { stages }: StagePrograms,
  shape: Pick<Kernel, 'state' | 'tensor' | 'row'>,
): Kernel[] {
  const hash = computeHash(`${EQUATIONS_SOURCE} ${text}`)
  const kinds = [layout.SUMS, layout.SECOND_SUMS].slice(0, stages.length - 1)
  return [...kinds, stages.length > 1 ? layout.UPDATE_PER_TENSOR : layout.UPDATE].map((kind, k) => ({
    number: layout.kernelNumber(kind, shape.state.length),
    // The hash distinguishes two custom rules with the same name.
    name: `${name} ${hash.toString(16)}: stage ${k + 1}`,
    source: hash,
    ...shape,
    sums: [],
    module: wasmModule,
  }))
}
