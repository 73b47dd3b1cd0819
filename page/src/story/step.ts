/** A step of the story, as data: a claim, a scene with controls, a question, and the measurements of its answer. */

import type { MinimizeReason, Point, Rule, TestObjective, View } from 'antigrad'
import type { BasinTask } from './basin-map.js'

/** The values of the controls, and of the starting point (`x` and `y`), by name. */
export type StepSettings = Readonly<Record<string, number>>

/** A slider. */
export interface Control {
  /** Name in links. */
  readonly name: string
  readonly label: string
  readonly min: number
  readonly max: number
  /** Distance of adjacent values; on a logarithmic slider, the ratio of adjacent values minus 1. */
  readonly step: number
  readonly isLogarithmic?: boolean
  readonly value: number
  readonly unit?: string
}

export interface Contestant {
  readonly name: string
  readonly rule: Rule
  /** Index of the color and the mark; default: the position in the list. */
  readonly style?: number
}

export interface Run {
  readonly name: string
  readonly style: number
  /** Number of coordinates of a point. */
  readonly dimensions: number
  /** Coordinates of the starting point and of the point after each update. */
  readonly points: Float64Array
  /** Number of updates. */
  readonly updates: number
  /** Number of updates after which the run arrived at a minimum; null if it did not arrive. */
  readonly arrival: number | null
  readonly reason: MinimizeReason
}

/** Runs of several optimizers on one function. */
export interface Scene {
  readonly objective: Pick<TestObjective, 'value' | 'gradient'>
  readonly view: View
  readonly minima: readonly (readonly number[])[]
  /** One number for a function of one parameter, otherwise two. */
  readonly start: readonly number[]
  readonly contestants: readonly Contestant[]
  readonly maxIterations: number
  /** Distance to a minimum at which a run has arrived and ends; 0 if runs only end after `maxIterations`. */
  readonly radius: number
  /** Basins that the map shows instead of heights. */
  readonly basins?: BasinTask
  /** The runs, if the step computes runs that are not one run per contestant. */
  readonly runs?: () => readonly Run[]
}

export interface Paper {
  readonly text: string
  readonly url: string
}

export interface Step {
  /** Name of the step's folder in links. */
  readonly id: string
  /** Position in the essay; absent for steps that the essay does not contain. */
  readonly number?: number
  readonly title: string
  readonly claim: string
  readonly question: string
  /** Names what the figure shows, for screen readers. */
  readonly figure: string
  readonly paper: Paper
  readonly controls: readonly Control[]
  /** The initial starting point, if readers can drag it. */
  readonly start?: Point
  /** Name of the control that selects the displayed update. */
  readonly timeControl?: string
  readonly scene: (settings: StepSettings) => Scene
  /** One sentence on the runs at the selected settings. */
  readonly result: (settings: StepSettings, runs: readonly Run[]) => string
  /** Whether the selected settings answer the question. */
  readonly isAnswered: (settings: StepSettings, runs: readonly Run[]) => boolean
  /** The numbers of the answer, measured with `minimize`. */
  readonly measure: () => Readonly<Record<string, number>>
  readonly answer: (numbers: Readonly<Record<string, number>>) => string
  /** Settings of the image for previews of links, where they differ from the initial settings. */
  readonly card?: StepSettings
  /** Whether links carry the number of updates as a score, and no settings. */
  readonly isChallenge?: boolean
}

/** The initial values of a step's controls and starting point. */
export function initialSettings({ controls, start }: Step): Record<string, number> {
  const settings = Object.fromEntries(controls.map(({ name, value }) => [name, value]))
  return start ? { ...settings, x: start[0], y: start[1] } : settings
}
