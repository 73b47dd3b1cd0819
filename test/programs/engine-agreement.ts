/** Runs a program on the TypeScript engine and on other engines, and compares all bits and errors after each call. */

import { digest } from '../bits.js'
import { decode, encode, goOn } from '../model/resume.js'
import type { Variant } from '../support.js'
import { callIn } from './call-outcome.js'
import type { FitsProgram, RunsProgram } from './calls.js'
import { follow, planOf, World } from './command-runner.js'
import { bring, engines, Optimizer } from './library.js'
import type { Command, ModelProgram } from './models.js'
import { difference, type Outcome, outcomeOf } from './outcome.js'
import type { PlaceName } from './parts.js'
import { refuse, whilePolluted } from './plain.js'
import type { Program } from './program.js'

const reference: Variant = { name: 'typescript', engine: 'typescript' }

/** Variants for the places of a program. If the machine lacks a place, the best available engine replaces the place. */
function variantsOf(places: readonly PlaceName[]): Variant[] {
  const { native, wasm } = engines()
  return places.map((name): Variant => {
    if (name === 'typescript') return { name, engine: name }
    if (name === 'wasm' || !native.available) return { name, engine: wasm.available ? 'wasm' : 'typescript' }
    const [, threads] = /^native, (\d+) threads$/.exec(name) ?? []
    if (threads) return { name, engine: 'native', threads: Number(threads) }
    const instructionSet = name.slice('native '.length)
    const isHere = native.instructionSets.includes(instructionSet)
    return { name, engine: 'native', ...(isHere && { instructionSet }) }
  })
}

const everything = { kind: 'all', tensor: 0 } as const
const whole = { inPlace: false, holes: 0, wild: null }

/**
 * The final commands of every program, which reveal latent differences. Half of the programs first reset everything
 * except for the rules.
 */
const epilogue = ({ seed }: ModelProgram): readonly Command[] => [
  ...(seed % 2 === 1 ? [{ call: 'freeze', picker: everything } as const] : []),
  { call: 'load', shift: 1 },
  { call: 'add', specs: [{ length: 3, form: 1 }], inner: false, frozen: null, change: null },
  { call: 'unfreeze', picker: everything },
  { call: 'gradientPoint' },
  { call: 'step', seed: 1, ...whole },
  { call: 'gradientPoint' },
  { call: 'stepAsync', seed: 2, ...whole },
]

/** The maximum length of a string that is recorded in full. */
const SHORT = 400

/** The outcomes of a program, which must be equal in all places. */
export class Course {
  /** Calls with their outcomes, such as 'freeze: threw'. A test checks that all calls and outcomes occur. */
  readonly reached = new Set<string>()
  /** Each place in the program with the visible result: a string, or the hash of a long string. */
  readonly trail: [place: string, seen: string][] = []
  /** The number of compared outcomes. */
  comparisons = 0
  /** The saved run at the end of the program, if the run can be saved. */
  saved: string | null = null

  /**
   * @returns the common string
   * @throws Error if one string differs
   */
  same(texts: readonly string[], place: string, names: readonly string[]): string {
    const [first, ...others] = texts
    others.forEach((other, i) => {
      if (other !== first) throw new Error(`${place}, ${names[i]}: ${difference(first, other)}`)
    })
    this.comparisons += others.length
    const isShort = first.length <= SHORT
    this.trail.push([
      place,
      isShort ? first : digest([Uint32Array.from(first, (unit) => unit.charCodeAt(0))]),
    ])
    return first
  }

  outcome(call: string, { value, error, log }: Outcome): void {
    const isAnswer = value === 'true' || value === 'false'
    this.reached.add(`${call}: ${error !== null ? 'threw' : isAnswer ? value : 'done'}`)
    if (log?.length) this.reached.add(`${call}: interrupted`)
  }
}

/**
 * @throws Error if two places differ, or if anything else is wrong
 */
export async function agree(program: Program | Arrival): Promise<Course> {
  const course = new Course()
  if (program.kind === 'model') await live(program, course)
  else if (program.kind === 'arrival') await arrive(program, course)
  else await call(program, course)
  return course
}

const namesOf = (variants: readonly Variant[]) => variants.map(({ name }) => name)

async function call(program: RunsProgram | FitsProgram, course: Course): Promise<void> {
  await bring()
  const variants = variantsOf(program.places)
  const expected = await outcomeOf(() => callIn(program, reference, true))
  const others = await whilePolluted(program.pollution, () =>
    Promise.all(variants.map((variant) => outcomeOf(() => callIn(program, variant, false)))),
  )
  course.same([expected, ...others].map(asText), program.kind, namesOf(variants))
  course.outcome(program.kind, expected)
}

/** A saved run from another process as a string, and the place in which the run continues. */
export interface Arrival {
  readonly kind: 'arrival'
  readonly saved: string
  readonly places: readonly PlaceName[]
}

async function arrive({ saved, places }: Arrival, course: Course): Promise<void> {
  await bring()
  const variants = [reference, ...variantsOf(places)]
  const ends = variants.map(({ name: _, ...forced }) =>
    outcomeOf(() => {
      const optimizer = Optimizer.load(decode(saved), { ...forced, onWarning: refuse })
      goOn(optimizer as never, 1, 5)
      return encode(optimizer.save())
    }),
  )
  course.same((await Promise.all(ends)).map(asText), 'after its arrival', namesOf(variants.slice(1)))
}

async function live(program: ModelProgram, course: Course): Promise<void> {
  if (!program.isLate) await bring()
  const plan = planOf(program)
  const variants = variantsOf(program.places)
  const names = namesOf(variants)
  const polluted = <T>(work: () => Promise<T>) => whilePolluted(program.pollution, work)
  const worlds: World[] = []
  const make = (number: number, own: readonly Variant[], isSteady: boolean) =>
    outcomeOf(() => {
      worlds.push(new World(program, plan, own, number, isSteady))
      return null
    })
  const first = await make(0, [reference], true)
  const others = await polluted(() => Promise.all(variants.map((_, k) => make(k, variants, false))))
  course.same([first, ...others].map(asText), 'a new optimizer', names)
  if (first.error !== null) return void course.reached.add('no optimizer')
  const [steady, ...moving] = worlds
  const namesNow = () => namesOf(moving.map(({ variant }) => variant))
  const seen = (place: string) =>
    course.same(
      worlds.map((world) => world.seen),
      place,
      namesNow(),
    )
  let before = seen('at first')
  for (const [k, command] of [...program.commands, ...epilogue(program)].entries()) {
    const place = `command ${k}, ${command.call}`
    const expected = await steady.obey(command, plan)
    const outcomes = await polluted(() =>
      Promise.all(moving.map((world) => world.obey(command, plan, expected))),
    )
    course.same([expected, ...outcomes].map(asText), place, namesNow())
    course.outcome(command.call, expected)
    const isDone = expected.error === null
    if (isDone) follow(plan, command)
    const after = seen(place)
    if (!isDone && after !== before) throw new Error(`${place}: threw, but ${difference(before, after)}`)
    before = after
    if (isDone)
      course.same(
        worlds.map((world) => world.told(command)),
        `${place}, told`,
        namesNow(),
      )
  }
  course.saved = steady.saved
}

const asText = (outcome: Outcome) => JSON.stringify(outcome)
