/** Runs a program in the TypeScript engine and elsewhere: the same bits after each call, and the same errors. */

import type { Variant } from '../support.js'
import { callIn } from './calling.js'
import { bring, engines } from './library.js'
import type { Command, ModelProgram } from './models.js'
import { difference, type Outcome, outcomeOf } from './outcome.js'
import { type PlaceName, whilePolluted } from './parts.js'
import type { Program } from './program.js'
import { follow, planOf, World } from './world.js'

const reference: Variant = { name: 'typescript', engine: 'typescript' }

/** Those places of a program that there are here; a native one stands for any that is not. */
function variantsOf(places: readonly PlaceName[]): Variant[] {
  return places.map((name): Variant => {
    if (name === 'typescript' || name === 'wasm') return { name, engine: name }
    if (name === 'native, 3 threads') return { name, engine: 'native', threads: 3 }
    const instructionSet = name.slice('native '.length)
    const isHere = engines().native.instructionSets.includes(instructionSet)
    return { name, engine: 'native', ...(isHere && { instructionSet }) }
  })
}

const everything = { kind: 'all', tensor: 0 } as const
const whole = { inPlace: false, holes: 0, wild: null }

/** What every life ends with, so that what is latent shows; in one of two nothing but rules are left before. */
const epilogue = ({ seed }: ModelProgram): readonly Command[] => [
  ...(seed % 2 === 1 ? [{ call: 'freeze', picker: everything } as const] : []),
  { call: 'load', shift: 1 },
  { call: 'add', specs: [{ length: 3, form: 1 }], inner: false, frozen: null, change: null },
  { call: 'thaw', picker: everything },
  { call: 'point' },
  { call: 'step', seed: 1, ...whole },
  { call: 'point' },
  { call: 'stepAsync', seed: 2, ...whole },
]

/** What calls came to, such as 'freeze: threw', for a test that all is reached. */
type Reached = (what: string) => void

/** @throws Error where two places differ, or anything else is wrong */
export async function agree(program: Program, reached: Reached): Promise<void> {
  if (program.kind === 'model') return agreeInLife(program, reached)
  await bring()
  const variants = variantsOf(program.places)
  const expected = await outcomeOf(() => callIn(program, reference, true))
  const others = await whilePolluted(program.pollution, () =>
    Promise.all(variants.map((variant) => outcomeOf(() => callIn(program, variant, false)))),
  )
  others.forEach((other, i) => {
    same(expected, other, variants[i].name)
  })
  reached(`${program.kind}: ${expected.error === null ? 'done' : 'threw'}`)
}

async function agreeInLife(program: ModelProgram, reached: Reached): Promise<void> {
  if (!program.isLate) await bring()
  const plan = planOf(program)
  const variants = variantsOf(program.places)
  const polluted = <T>(work: () => Promise<T>) => whilePolluted(program.pollution, work)
  const worlds: World[] = []
  const make = (number: number, own: readonly Variant[], isSteady: boolean) =>
    outcomeOf(() => {
      worlds.push(new World(program, plan, own, number, isSteady))
      return null
    })
  const first = await make(0, [reference], true)
  const others = await polluted(() => Promise.all(variants.map((_, k) => make(k, variants, false))))
  others.forEach((other, k) => {
    same(first, other, `a new optimizer, ${variants[k].name}`)
  })
  if (first.error !== null) return reached('no optimizer')
  const [steady, ...moving] = worlds
  let before = sameIn(worlds, ({ seen }) => seen, 'at first')
  for (const [k, command] of [...program.commands, ...epilogue(program)].entries()) {
    const place = `command ${k}, ${command.call}`
    const expected = await steady.obey(command, plan)
    const outcomes = await polluted(() =>
      Promise.all(moving.map((world) => world.obey(command, plan, expected))),
    )
    outcomes.forEach((outcome, i) => {
      same(expected, outcome, `${place}, ${moving[i].variant.name}`)
    })
    tell(reached, command.call, expected)
    const shown = expected.error === null ? command : null
    if (shown !== null) follow(plan, shown)
    const after = sameIn(worlds, ({ seen }) => seen, place)
    if (shown === null && after !== before)
      throw new Error(`${place}: threw, but ${difference(before, after)}`)
    before = after
    if (shown !== null) sameIn(worlds, (world) => world.told(shown), `${place}, told`)
  }
}

function tell(reached: Reached, call: string, { value, error, log }: Outcome): void {
  const isAnswer = value === 'true' || value === 'false'
  reached(`${call}: ${error !== null ? 'threw' : isAnswer ? value : 'done'}`)
  if (log?.length) reached(`${call}: interrupted`)
}

function same(expected: Outcome, outcome: Outcome, place: string): void {
  const [wanted, got] = [expected, outcome].map((one) => JSON.stringify(one))
  if (wanted !== got) throw new Error(`${place}: ${difference(wanted, got)}`)
}

/** @returns what is seen in all */
function sameIn(worlds: readonly World[], look: (world: World) => string, place: string): string {
  const [first, ...others] = worlds.map(look)
  others.forEach((other, i) => {
    if (other !== first)
      throw new Error(`${place}, ${worlds[i + 1].variant.name}: ${difference(first, other)}`)
  })
  return first
}
