/** The claims of the story in page/src/story, each measured with `minimize`. */

import { describe, expect, test } from 'vitest'
import { readLink, writeLink } from '../page/src/story/links.js'
import { answerOf } from '../page/src/story/pages.js'
import { computeRuns } from '../page/src/story/runs.js'
import { initialSettings } from '../page/src/story/step.js'
import { steps } from '../page/src/story/steps/index.js'
import { siteOf } from '../scripts/lib/site-url.mjs'
import { sentencesOf, wordsIn } from '../scripts/lib/words.mjs'

const stepOf = (id: string) => steps.find((step) => step.id === id) as (typeof steps)[number]
const measured = (id: string) => stepOf(id).measure()
const runsAt = (id: string, settings: Record<string, number>) =>
  computeRuns(stepOf(id).scene({ ...initialSettings(stepOf(id)), ...settings }))

describe('the numbers of the story equal measurements with minimize:', () => {
  test('gradient descent enters the valley after 12 updates and needs 11,930 more', () => {
    expect(measured('valley')).toEqual({ entry: 12, more: 11_930, total: 11_942 })
  })

  test('steps climb above the rate 2/λ', () => {
    expect(measured('rate')).toEqual({ limit: 0.2, curvature: 10 })
    const { isAnswered } = stepOf('rate')
    expect([0.195, 0.2, 0.205].map((rate) => isAnswered({ rate }, runsAt('rate', { rate })))).toEqual([
      false,
      false,
      true,
    ])
  })

  test('Adagrad loses to gradient descent if the ravine is rotated by more than 7.4°', () => {
    expect(measured('adagrad')).toEqual({
      ...{ plain: 309, adaptive: 80, angle: 7.4 },
      ...{ plainTurned: 249, adaptiveTurned: 1198 },
    })
  })

  test('RMSProp swings as wide as its rate', () => {
    const { small, medium, large } = measured('rmsprop')
    expect(small).toBeCloseTo(0.1, 4)
    expect(medium).toBeCloseTo(0.2, 4)
    expect(large).toBeCloseTo(1, 4)
  })

  test('momentum 0.78 arrives first, and 0.9 arrives later than 0.82', () => {
    expect(measured('momentum')).toEqual({ best: 36, first: 0.78, none: 309, medium: 51, large: 106 })
  })

  test('the heavy ball swings at a momentum of 0.98, and leads at 0.85', () => {
    expect(measured('nesterov')).toEqual({ ballHigh: 216, aheadHigh: 50, ballLow: 44, aheadLow: 49 })
  })

  test('the first step of Adam has the length of the rate along each axis', () => {
    const { descent, adaptive, shortest, longest } = measured('adam')
    expect([descent, adaptive]).toEqual([11_942, 846])
    expect(shortest).toBeCloseTo(0.1, 6)
    expect(longest).toBeCloseTo(0.1, 6)
  })

  test('AdamW pulls both parameters alike, and L2 pulls the flat direction', () => {
    const { coupledX, coupledY, decoupledX, decoupledY } = measured('decay')
    expect(coupledX).toBeCloseTo(0.5, 3)
    expect(coupledY).toBeCloseTo(0.99, 3)
    expect(decoupledX).toBeCloseTo(0.82, 3)
    expect(decoupledY).toBeCloseTo(0.82, 3)
  })

  test('RAdam spreads least if the noise is below 0.66, and most at a noise of 3', () => {
    const { limit, ...spreads } = measured('noise')
    expect(limit).toBe(0.66)
    const at = (suffix: string) =>
      ['adam', 'delayed', 'warm', 'rectified'].map((name) => Number(spreads[name + suffix].toFixed(3)))
    expect(at('Small')).toEqual([0.117, 0.121, 0.094, 0.036])
    expect(at('Large')).toEqual([0.498, 0.241, 0.26, 1.017])
  })

  test('no method reaches the star through ripples', () => {
    expect(measured('ripples')).toEqual({ arrivals: 0, runs: 144, hollow: 0.5 })
  })

  test('gradient descent loses minima of Himmelblau’s function as the rate rises', () => {
    expect(measured('basins')).toEqual({ small: 4, medium: 3, large: 2, largest: 0 })
  })

  test('the challenge can be met, with 20 updates at best', () => {
    expect(measured('challenge')).toEqual({ best: 20, bestRate: 0.03, bestMomentum: 0.75, target: 51 })
    expect(runsAt('challenge', { rate: 0.018, momentum: 0.82 })[0].arrival).toBe(51)
  })
})

describe.each(steps.map((step) => [step.id, step] as const))('the step "%s"', (_, step) => {
  test('has an answer, a question that its initial settings do not answer, and short sentences', () => {
    const settings = initialSettings(step)
    const runs = computeRuns(step.scene(settings))
    expect(step.isAnswered(settings, runs)).toBe(false)
    const texts = [step.claim, step.question, answerOf(step), step.result(settings, runs)]
    for (const { text } of texts.flatMap((text) => sentencesOf(text))) {
      expect(wordsIn(text), text).toBeLessThanOrEqual(30)
    }
    expect(texts.join(' ')).not.toMatch(/undefined|NaN|Infinity/)
  })

  test('restores changed settings from a link, and reports invalid parts', () => {
    const settings = initialSettings(step)
    expect(writeLink(step, settings)).toBe('')
    for (const { name, min, max } of step.controls) {
      const changed = { ...settings, [name]: settings[name] === max ? min : max }
      const read = readLink(step, `#embed=1&${writeLink(step, changed)}`)
      expect(read).toEqual({ settings: changed, isEmbedded: true, score: null, problems: [] })
      expect(readLink(step, `${name}=${max + 1}`)).toMatchObject({
        settings,
        problems: [`${name}=${max + 1}`],
      })
    }
    for (const part of ['unknown=1', 'constructor=1', 'x=', 'x=1e999', 'x=NaN', '=', '%', 'x=--1'])
      expect(readLink(step, part)).toMatchObject({ settings, problems: [part] })
  })
})

test('the option --site has an absolute URL', () => {
  expect(siteOf(['--build'])).toBeUndefined()
  expect(siteOf(['--build', '--site', 'https://example.org/race'])).toBe('https://example.org/race/')
  expect(siteOf(['--site=https://example.org/'])).toBe('https://example.org/')
  for (const args of [['--site'], ['--site', 'race/'], ['--site', 'file:///race']])
    expect(() => siteOf(args)).toThrow('--site: expected an absolute URL')
})

test('the link of a challenge carries a score that can be reached', () => {
  const step = stepOf('challenge')
  expect(readLink(step, 'score=20', 20)).toMatchObject({ score: 20, problems: [] })
  for (const part of ['score=19', 'score=20.5', 'score=-30', 'score='])
    expect(readLink(step, part, 20)).toMatchObject({ score: null, problems: [part] })
})
