/** Explains one update: the equations of the rule, with the values of gradient, state and step. */

import { equations } from 'virtual:equations'
import { Optimizer, type Point } from 'antigrad'
import { definitions, formatCount } from '../../dist/page.js'
import type { Pull } from './contour.js'
import { formatNumber, h, labeled } from './dom.js'
import { makeClip, type Race, type Racer } from './race.js'
import {
  build,
  CUSTOM,
  collectSchedules,
  getOption,
  getTitle,
  METHOD,
  type RuleEntry,
  readCustomRule,
} from './rules.js'
import { formula, line as lineOf, symbols } from './substitute.js'
import { swatch } from './theme.js'

/** Maximum number of updates that are replayed to reconstruct a rule's state. More would make the page slow. */
const MAX_REPLAYED_UPDATES = 40_000

/** A rule's state by name: two values per state array, or fewer for state per tensor. */
type RuleState = Readonly<Record<string, readonly number[]>>

/** The update that follows a point. */
interface ReplayedUpdate {
  readonly before: RuleState
  readonly after: RuleState
  /** The gradient that the rule receives, including noise and clipping. */
  readonly gradient: Point
  readonly theta: Point
  readonly next: Point
  /** Scalars per tensor of a custom rule. */
  readonly scalars: Readonly<Record<'before' | 'after', Readonly<Record<string, number>>>>
}

export class Inspector {
  readonly #choice = h('select')
  readonly #patch = h('span')
  readonly #body = h('div', { className: 'update' })
  /** Link to the rule's page in the docs; hidden if the page is built without the docs. */
  readonly #more = h('a', { hidden: import.meta.env.VITE_DOCS === undefined })
  #race: Race | null = null
  #number = 0

  constructor(frame: HTMLElement) {
    this.#choice.addEventListener('change', () => {
      this.#number = this.#choice.selectedIndex
      if (this.#race) this.show(this.#race)
    })
    frame.replaceChildren(
      h('h2', {}, 'Explain this update'),
      h('div', { className: 'row' }, this.#patch, labeled('Update of', this.#choice), this.#more),
      this.#body,
    )
  }

  /** Explains the next update of the selected racer; @returns gradient and velocity of each racer */
  show(race: Race): (Pull | null)[] {
    this.#race = race
    const names = race.racers.map(({ name }) => name)
    if (names.join() !== Array.from(this.#choice.options, ({ text }) => text).join()) {
      this.#choice.replaceChildren(...names.map((text) => h('option', {}, text)))
    }
    this.#number = Math.min(this.#number, race.racers.length - 1)
    this.#choice.selectedIndex = this.#number
    this.#patch.replaceChildren(swatch(this.#number))
    const { entry } = race.racers[this.#number]
    const page = pages[entry.rule] ?? `rules/${entry.rule}`
    this.#more.textContent = `${entry.rule === CUSTOM ? 'equations' : getTitle(entry)} in the docs`
    this.#more.href = `${import.meta.env.VITE_DOCS}${page}.html`
    const updates = race.racers.map((racer) => replayUpdate(racer, race))
    this.#body.replaceChildren(...explain(race.racers[this.#number], updates[this.#number]))
    return race.racers.map((racer, i) => computePull(racer, race, updates[i]))
  }
}

/** Pages of the docs for racers that are not rules of the library. */
const pages: Readonly<Record<string, string>> = { [METHOD]: 'minimize', [CUSTOM]: 'equations' }

/** Names of state arrays that hold a mean of gradients or steps, which is the rule's velocity. */
const carriers = ['b', 'm', 'v'] as const

function computePull(racer: Racer, { landscape }: Race, update: ReplayedUpdate | null): Pull | null {
  const at = racer.pointAt(racer.iterations)
  if (!at.every(Number.isFinite)) return null
  const out = [0, 0]
  landscape.objective.gradient(at, out)
  const gradient: Point = [out[0], out[1]]
  const name = carriers.find((carrier) => update?.before[carrier]?.length === 2)
  // Only momentum and nesterov store a velocity as v. In other rules v is a mean of squares.
  const isStep = name === 'v' && ['momentum', 'nesterov'].includes(racer.entry.rule)
  if (!update || !name || (name === 'v' && !isStep)) return { gradient, velocity: null }
  const [x, y] = update.before[name]
  return { gradient, velocity: isStep ? [x, y] : [-x, -y] }
}

/** Replays the race to the update after the displayed one; null if there is no such update. */
function replayUpdate(racer: Racer, { state, landscape }: Race): ReplayedUpdate | null {
  const { entry, iterations, made } = racer
  if (entry.rule === METHOD || iterations >= made || iterations > MAX_REPLAYED_UPDATES) return null
  const optimizer = new Optimizer(Float64Array.from(state.start), build(entry).rule as never, {
    clip: makeClip(entry, state.noise),
  })
  for (let i = 0; i < iterations; i++) stepped(optimizer, landscape)
  const [before, scalarsBefore] = [readState(optimizer), readScalars(optimizer, entry)]
  const gradient = stepped(optimizer, landscape)
  const scalars = { before: scalarsBefore, after: readScalars(optimizer, entry) }
  const [theta, next] = [racer.pointAt(iterations), racer.pointAt(iterations + 1)]
  return { before, after: readState(optimizer), gradient, theta, next, scalars }
}

/** The saved scalars of a tensor: its update counter and scalars per tensor. */
function readScalars(optimizer: Optimizer<Float64Array>, { rule }: RuleEntry): Record<string, number> {
  if (rule !== CUSTOM) return {}
  const { clock, byTensor } = optimizer.save().tensors[''] as unknown as Record<
    string,
    Record<string, number>
  >
  return { ...byTensor, ...clock }
}

function stepped(optimizer: Optimizer<Float64Array>, { objective }: Race['landscape']): Point {
  const at = optimizer.gradientPoint()
  objective.gradient(at, optimizer.grads)
  const gradient: Point = [optimizer.grads[0], optimizer.grads[1]]
  optimizer.step()
  return gradient
}

function readState({ state }: Optimizer<Float64Array>): RuleState {
  const { updates: _, ...arrays } = state as unknown as Record<string, Float64Array>
  return Object.fromEntries(
    Object.entries(arrays).flatMap(([name, array]) =>
      typeof array === 'object' && array !== null && 'length' in array ? [[name, [...array]]] : [],
    ),
  )
}

function explain({ entry, iterations, made, reason }: Racer, update: ReplayedUpdate | null): Node[] {
  if (entry.rule === METHOD) {
    return [
      h(
        'p',
        { className: 'hint' },
        'L-BFGS has no equation per parameter, because L-BFGS computes one direction for all parameters and searches along that direction.',
      ),
    ]
  }
  if (!update) {
    const why =
      iterations >= made && reason !== null
        ? 'The optimizer has stopped, so there is no update to explain.'
        : 'This update is too late in the race to be explained.'
    return [h('p', { className: 'hint' }, why)]
  }
  const note = entry.rule === CUSTOM ? '' : chosen(entry).note
  const rows = (
    entry.rule === CUSTOM ? ownLines(entry, update, iterations + 1) : libraryLines(entry, update)
  ).map(([part, ...numbers]) =>
    h(
      'tr',
      {},
      h('th', { scope: 'row' }, h('code', {}, part)),
      ...numbers.map((text) => h('td', {}, h('code', {}, text))),
    ),
  )
  const heads = ['Equation', 'x', 'y'].map((text) => h('th', { scope: 'col' }, text))
  const caption = h('caption', {}, `Update ${formatCount(iterations + 1)} with its values`)
  const move = [0, 1].map((i) => formatNumber(update.next[i] - update.theta[i], 3)).join(', ')
  return [
    h(
      'div',
      { className: 'equations', tabIndex: 0, role: 'region', 'aria-label': 'Equations' },
      h('table', {}, caption, h('thead', {}, h('tr', {}, ...heads)), h('tbody', {}, ...rows)),
    ),
    h('p', { className: 'hint' }, `The step is (${move}). ${note}`),
  ]
}

/** An equation, and the same equation with the values of x and of y. */
type EquationLine = readonly [equation: string, x: string, y: string]

/** Names of the states with one value per parameter. */
const parameterStateNames = (state: RuleState) =>
  Object.keys(state).filter((name) => state[name].length === 2)

function libraryLines(
  entry: RuleEntry,
  { before, after, gradient, theta, next }: ReplayedUpdate,
): EquationLine[] {
  const options = { ...symbols((name) => getOption(entry, name)), ...decayFactor(entry) }
  const numbers = (i: number) => {
    const own: Record<string, number> = { g: gradient[i], θ: theta[i], 'θ’': next[i] }
    for (const name of parameterStateNames(before)) {
      own[name] = before[name][i]
      own[`${name}’`] = after[name][i]
    }
    return { ...options, ...own }
  }
  const parts = chosen(entry).lines.flatMap((line) => line.split('; '))
  return parts.map((part) => [part, formula(part, numbers(0)), formula(part, numbers(1))])
}

/**
 * The lines of a custom rule with values. A name stands for the value last assigned to it: first its value before the
 * update, after its last assignment its value after the update. Intermediate values are unknown and stay names.
 */
function ownLines(
  entry: RuleEntry,
  { before, after, gradient, theta, next, scalars }: ReplayedUpdate,
  t: number,
): EquationLine[] {
  const { lines, definition, first } = readCustomRule(entry)
  const options: Record<string, number> = { t }
  for (const name of Object.keys(definition.options)) {
    const value = getOption(entry, name)
    if (typeof value === 'number') options[name] = value
  }
  const known = (i: number) => {
    const now: Record<string, number> = { ...scalars.before, ...options, g: gradient[i], theta: theta[i] }
    const then: Record<string, number> = { ...scalars.after, theta: next[i] }
    for (const name of parameterStateNames(before)) {
      now[name] = before[name][i]
      then[name] = after[name][i]
    }
    for (const name of t === 1 ? first : []) now[name] = gradient[i]
    return { now, then }
  }
  const both = [known(0), known(1)]
  return lines.map(({ target, line }, k) => {
    const isLast = lines.slice(k + 1).every((other) => other.target !== target)
    const texts = both.map(({ now, then }) => {
      const right = lineOf(line.slice(target.length), now)
      if (isLast && Object.hasOwn(then, target)) now[target] = then[target]
      else delete now[target]
      return lineOf(target, now) + right
    })
    return [line, texts[0], texts[1]]
  })
}

/** The factor d of decoupled weight decay, unless it depends on a schedule. */
function decayFactor(entry: RuleEntry): { d?: number } {
  const { rule } = build(entry)
  const plain = 'rule' in rule ? rule.rule : rule
  if ('method' in plain || collectSchedules(entry).length > 0) return {}
  return { d: definitions[plain.name as keyof typeof definitions].decay(plain as never) }
}

/** The equations of a rule for an entry's options, one per pass, and the definition of its coefficients. */
function chosen(entry: RuleEntry): { lines: string[]; note: string } {
  const { equations: all, coefficients = '' } = equations[entry.rule]
  const holds = (text: string) => {
    const [, condition] = /^With (.*?): /.exec(text) ?? []
    if (condition === undefined) return null
    return [...condition.matchAll(/`(\w+)(?:: '?([^`']*)'?)?`/g)].every(([, name, value]) => {
      const now = getOption(entry, name)
      return value === undefined ? Boolean(now) : String(now) === value
    })
  }
  const withSome = all.filter((text) => holds(text) === true)
  const plain = all.filter((text) => holds(text) === null)
  const lines = withSome.length > 0 ? [withSome[withSome.length - 1]] : plain
  return { lines: lines.map((text) => text.replace(/^[^=]*?: /, '')), note: coefficients.replaceAll('`', '') }
}
