/** Links to a step: the changed settings follow `#` in the address of the step's file. */

import { initialSettings, type Step, type StepSettings } from './step.js'

export interface LinkSettings {
  readonly settings: StepSettings
  /** Whether only the figure is shown. */
  readonly isEmbedded: boolean
  /** The score of a challenge; null without a score. */
  readonly score: number | null
  /** The invalid parts of the link. */
  readonly problems: readonly string[]
}

/** The range of each setting. */
function rangesOf(step: Step): Record<string, readonly [number, number]> {
  const ranges = Object.fromEntries(step.controls.map(({ name, min, max }) => [name, [min, max] as const]))
  if (!step.start) return ranges
  const [x0, x1, y0, y1] = step.scene(initialSettings(step)).view
  return { ...ranges, x: [x0, x1], y: [y0, y1] }
}

/** Reads the part of an address after `#`. Invalid parts keep their defaults. */
export function readLink(step: Step, hash: string, minScore = 1): LinkSettings {
  const settings = initialSettings(step)
  const ranges = rangesOf(step)
  const problems: string[] = []
  let isEmbedded = false
  let score: number | null = null
  for (const part of hash.replace(/^#/, '').split('&').filter(Boolean)) {
    const [name, text = ''] = part.split('=')
    const value = /^-?[\d.]+(e-?\d+)?$/.test(text) ? Number(text) : NaN
    const isWithin = Object.hasOwn(ranges, name) && value >= ranges[name][0] && value <= ranges[name][1]
    if (isWithin) settings[name] = value
    else if (part === 'embed=1') isEmbedded = true
    else if (step.isChallenge && name === 'score' && Number.isInteger(value) && value >= minScore)
      score = value
    else problems.push(part)
  }
  return { settings, isEmbedded, score, problems }
}

/** The settings that differ from the defaults, as the part of an address after `#`. */
export function writeLink(step: Step, settings: StepSettings): string {
  return Object.entries(initialSettings(step))
    .filter(([name, value]) => settings[name] !== value)
    .map(([name]) => `${name}=${settings[name]}`)
    .join('&')
}

/** The HTML that shows the figure of a step in another page. */
export const embedText = (url: string, title: string): string =>
  `<iframe src="${url}" title="${title}" width="480" height="360" style="border:0" loading="lazy"></iframe>`
