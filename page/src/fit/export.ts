/** Saves the fit in several forms. This module is loaded on demand. */

import { download, h } from '../dom.js'
import { theme } from '../theme.js'
import { writeCommand } from './command.js'
import type { DisplayedState } from './displayed-state.js'
import { describeFit } from './fit-description.js'
import type { FitOutcome } from './fit-input.js'
import type { PageView } from './page-view.js'
import { writePoints } from './points-file.js'
import { writeProgram } from './program.js'
import type { FitPageState } from './state.js'
import { toJson } from './summary.js'

export interface SavedFit {
  readonly shown: DisplayedState
  readonly outcome: FitOutcome
  readonly view: PageView
  readonly state: FitPageState
}

/** Factor of the resolution of a saved PNG. */
const PNG_SCALE = 2

export function saveJson({ shown, outcome }: SavedFit): void {
  const { groups, at } = shown
  const { fits } = outcome
  const about = describeFit(shown, outcome)
  const named = groups.length > 1 ? { ...about, shown: groups[at].name } : about
  download('fit.json', 'application/json', toJson(fits[at], named, fits))
}

/** Saves each used row with the value of the model and the residual. */
export function saveCsv({ shown, outcome: { task }, state }: SavedFit): void {
  download('fit.csv', 'text/csv', writePoints(shown, task, state))
}

export function saveSvg({ view }: SavedFit): void {
  download('fit.svg', 'image/svg+xml', view.plot.toSvg())
}

/** @throws (rejects with) Error if the browser cannot draw the plot */
export async function savePng({ view }: SavedFit): Promise<void> {
  const text = view.plot.toSvg()
  const image = new Image()
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`
  await image.decode()
  const canvas = h('canvas', { width: image.width * PNG_SCALE, height: image.height * PNG_SCALE })
  const context = canvas.getContext('2d') as CanvasRenderingContext2D
  context.fillStyle = theme().surface
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.drawImage(image, 0, 0, canvas.width, canvas.height)
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'))
  if (!blob) throw new Error('the browser cannot create a PNG')
  download('fit.png', 'image/png', blob)
}

export function saveProgram({ shown, outcome: { task }, state }: SavedFit): void {
  download('fit.ts', 'text/typescript', writeProgram({ ...shown, task }, state))
}

/** Shows the command that repeats the fit for a saved table. */
export function showCommand({ shown, outcome: { task }, state, view }: SavedFit): void {
  const existing = view.saves.parentElement?.querySelector<HTMLElement>('.command')
  const place = existing ?? h('pre', { className: 'command', tabIndex: 0, role: 'region' })
  place.setAttribute('aria-label', 'Command line')
  place.textContent = writeCommand({ ...shown, task }, state)
  if (!existing) view.saves.after(place)
}
