/** The interface of everything that displays a race. */

import type { Point } from 'antigrad'
import type { HeightField } from './height-field.js'
import type { Race } from './race.js'
import type { RaceState } from './state.js'

/** A part of the page that displays the race; each method is optional. */
export interface RaceView {
  /** Displays another function, whose race begins at the given point. */
  terrain?(terrain: HeightField, start: Point): void
  /** Displays the settings of a race. */
  show?(state: RaceState, race: Race): void
  /** Displays invalid settings, and why they are invalid; the previous race stays. */
  fail?(state: RaceState, message: string): void
  /** Displays a race from its start; `isNew` means that more than the start may have changed. */
  begin?(race: Race, isNew: boolean): void
  /** Displays the current moment, at most once per frame. */
  update?(race: Race, isPlaying: boolean): void
  /** Displays numbers, less often than frames, because values that change faster cannot be read. */
  numbers?(race: Race, isNew: boolean): void
  /** Displays what takes time, once nothing has moved for a moment. */
  rest?(race: Race): void
  /** Displays whether the race is playing. */
  playing?(isPlaying: boolean): void
  /** Announces the outcome. */
  over?(race: Race): void
  /** Draws a frame; returns whether it needs the next one too. @param longest milliseconds of the longest frame */
  frame?(now: number, longest: number): boolean
  /** Redraws in the colors of another theme. */
  recolor?(): void
}

/** Calls a method of all views that have it. */
export function tell<K extends keyof RaceView>(
  views: readonly RaceView[],
  name: K,
  ...given: Parameters<NonNullable<RaceView[K]>>
): void {
  for (const view of views) (view[name] as ((...given: unknown[]) => unknown) | undefined)?.(...given)
}
