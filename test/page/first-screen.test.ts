/** The first screen of the race page: automatic playback, its controls, links and embedding. */

import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { makeLandscape } from '../../page/src/functions.js'
import { headline } from '../../page/src/headline.js'
import { sampleHeights } from '../../page/src/height-field.js'
import { followingSpeed } from '../../page/src/loop.js'
import { heightColors } from '../../page/src/map/heights.js'
import { placeContourLabel } from '../../page/src/map/labels.js'
import { colorOf, makeRamp } from '../../page/src/map/ramp.js'
import { dark, light } from '../../page/src/palette.js'
import { writeShortProgram } from '../../page/src/program.js'
import { fromHash, initial } from '../../page/src/state.js'
import type { SiteInChromium } from '../static-server.js'
import { type PageOptions, serveToChromium, violationsIn } from './site.js'

let site: SiteInChromium
let pages: Page[] = []
let errors: string[] = []

beforeAll(async () => {
  site = await serveToChromium()
})

afterEach(async () => {
  for (const page of pages) await page.close()
  expect(errors).toEqual([])
  pages = []
  errors = []
})

afterAll(async () => {
  await site?.close()
})

async function open(hash: string, options: PageOptions = {}): Promise<Page> {
  const page = await site.browser.newPage({ viewport: { width: 1280, height: 800 }, ...options })
  page.setDefaultTimeout(30_000)
  page.on('pageerror', ({ message }) => errors.push(message))
  await page.goto(`${site.address}#${hash}`)
  await page.locator('.lines li').first().waitFor({ state: 'attached' })
  pages.push(page)
  return page
}

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })
const count = async (page: Page) =>
  Number((await page.locator('.transport output').textContent())?.replace(/\D/g, ''))
const still = { reducedMotion: 'reduce' } as const

describe('the first screen of the race page', () => {
  test('plays three optimizers automatically, until they have arrived or stopped', async () => {
    const page = await open('')
    await expect.poll(() => count(page), { timeout: 20_000 }).toBeGreaterThan(3)
    expect(await page.locator('h1').textContent()).toBe('Three ways down the same valley. Drag the ring.')
    expect(await page.locator('.lines strong').allTextContents()).toEqual([
      'gradient descent',
      'momentum',
      'Adam',
    ])
    expect(await page.locator('.drag-me').isVisible()).toBe(true)
    expect(await page.locator('#options').getAttribute('open')).toBe(null)
  })

  test('shows the whole race at once if reduced motion is requested, also from a link', async () => {
    const page = await open('', still)
    const outcomes = () => page.locator('.lines .outcome').allTextContents()
    await expect
      .poll(outcomes, { timeout: 20_000 })
      .toEqual(['arrived after 11,942', 'arrived after 1,125', 'arrived after 846'])
    const linked = await open('f=booth&from=-7,-4&adam=lr:0.5&maxIterations=300', still)
    await linked.getByText('The race is over: 1 of 1').waitFor()
    expect(await button(linked, 'Play').isVisible()).toBe(true)
  })

  test.each([
    ['light', { colorScheme: 'light' }],
    ['dark, on a phone', { colorScheme: 'dark', viewport: { width: 390, height: 844 } }],
  ] as const)('has no accessibility violations and cuts nothing off: %s', async (_, options) => {
    const page = await open('', { ...still, ...options })
    await page.locator('.live-lines').waitFor()
    await page.locator('.code code').filter({ hasText: 'minimize' }).waitFor()
    expect(await violationsIn(page)).toEqual([])
    const cut = await page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement
      const code = document.querySelector('.code pre') as HTMLElement
      return [scrollWidth - clientWidth, code.scrollWidth - code.clientWidth]
    })
    expect(cut).toEqual([0, 0])
  })

  test('fits into a window of 1280 × 800, and on a phone shows the controls before the text', async () => {
    const page = await open('', still)
    await page.getByText('The race is over').waitFor()
    await page.locator('.code code').filter({ hasText: 'minimize' }).waitFor()
    // Adam has three equations with long numbers.
    await page.locator('.timeline').fill('330')
    await page.locator('.equation h2', { hasText: 'Adam, update 331' }).waitFor()
    expect(await page.locator('.status').textContent()).toBe('')
    const bottom = async (selector: string) => {
      const box = await page.locator(selector).boundingBox()
      return (box?.y ?? Infinity) + (box?.height ?? 0)
    }
    for (const selector of ['.map', '.transport', '.sliders-of-all', '.share', '#options > summary'])
      expect(await bottom(selector), selector).toBeLessThanOrEqual(800)
    await page.setViewportSize({ width: 390, height: 844 })
    const tops = await page
      .locator('.map, .transport, .sliders-of-all, h1, .lines, .share')
      .evaluateAll((all) => all.map((it) => it.getBoundingClientRect().top))
    expect(tops).toEqual([...tops].sort((a, b) => a - b))
  })

  test('has sliders for all optimizers, and the link contains what they have changed', async () => {
    const page = await open('', still)
    const hash = () => new URL(page.url()).hash
    await page.getByLabel('Learning rates of all optimizers').fill('-0.3')
    await expect.poll(hash).toContain('gradientDescent=lr:0.000501&momentum=lr:0.000501&adam=lr:0.0501')
    await page.getByLabel('Momentum of all optimizers').fill('0.3')
    await expect.poll(hash).toContain('momentum=lr:0.000501,momentum:0.499&adam=lr:0.0501')
    await page.getByLabel('Learning rates of all optimizers').fill('0')
    await expect.poll(hash).toContain('gradientDescent=lr:0.001&momentum=lr:0.001,momentum:0.499&adam=lr:0.1')
  })

  test('shows the equation of the selected path with its numbers', async () => {
    const page = await open(
      'f=booth&from=-7,-4&momentum=lr:0.02&adam=lr:0.5&maxIterations=200&tolerance=0',
      still,
    )
    await page.locator('.lines button').first().click()
    await expect.poll(() => page.locator('.timeline').getAttribute('max')).toBe('200')
    await page.locator('.timeline').fill('30')
    await page.locator('.equation h2', { hasText: 'momentum, update 31' }).waitFor()
    const [equation, numbers] = await page.locator('.live-lines code').allTextContents()
    expect(equation).toBe("v' = α·v − η·g")
    expect(numbers).toMatch(/^[−\d.e]+ = 0\.9·.* − 0\.02·/)
  })

  test('shows basins on the map, and hides paths', async () => {
    const page = await open('f=booth&from=-7,-4&momentum=lr:0.02&maxIterations=200', still)
    const layers = page.locator('.contour > canvas')
    const isBlank = (layer: number) =>
      layers.nth(layer).evaluate((canvas: HTMLCanvasElement) => {
        const context = canvas.getContext('2d') as CanvasRenderingContext2D
        return context.getImageData(0, 0, canvas.width, canvas.height).data.every((x) => x === 0)
      })
    await page.getByText('The race is over').waitFor()
    expect(await layers.nth(1).isVisible()).toBe(false)
    await button(page, 'Basins').click()
    await page.getByText('Done: 250,000 starts of momentum').waitFor({ timeout: 60_000 })
    expect(await layers.nth(1).isVisible()).toBe(true)
    expect(await isBlank(1)).toBe(false)
    await button(page, 'Basins').click()
    await expect.poll(() => layers.nth(1).isVisible()).toBe(false)
    expect(await isBlank(3)).toBe(false)
    await button(page, 'Paths').click()
    expect(await button(page, 'Paths').getAttribute('aria-pressed')).toBe('false')
    expect(await isBlank(3)).toBe(true)
  })

  test('copies a program, a link with its result, and the code for embedding', async () => {
    const page = await open('f=booth&from=-7,-4&adam=lr:0.5&maxIterations=300', still)
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    const copied = () => page.evaluate(() => navigator.clipboard.readText())
    await page.getByText('The race is over').waitFor()
    await page.locator('.code code').filter({ hasText: 'adam({ lr: 0.5 })' }).waitFor()
    await button(page, 'Copy').click()
    await page.getByText('The program has been copied').waitFor()
    expect(await copied()).toContain('minimize(f, start, rule, options)')
    await button(page, 'Copy link').click()
    await page.getByText('The link to this race has been copied').waitFor()
    expect(await copied()).toMatch(
      /^Adam: \d+ updates\nhttp.*#f=booth&from=-7,-4&maxIterations=300&adam=lr:0\.5$/,
    )
    await button(page, 'Embed').click()
    await page.getByText('The code for embedding').waitFor()
    const frame = await copied()
    expect(frame).toMatch(/^<iframe src=".*#embed=1&amp;f=booth.*" width="480" height="360"/)
    const embedded = await open(`embed=1&f=booth&adam=lr:0.5`, {
      ...still,
      viewport: { width: 480, height: 360 },
    })
    for (const [selector, isVisible] of [
      ['.map', true],
      ['.transport', true],
      ['.sliders-of-all', true],
      ['header', false],
      ['.lines', false],
      ['.share', false],
    ] as const)
      expect(await embedded.locator(selector).isVisible(), selector).toBe(isVisible)
    const size = await embedded.evaluate(() => {
      const { scrollWidth, scrollHeight } = document.documentElement
      return [scrollWidth, scrollHeight]
    })
    expect(size).toEqual([480, 360])
  })

  test('shows the default race and a sentence if the link is invalid', async () => {
    const page = await open('nonsense', still)
    await page.getByText('Part of the link is invalid; defaults are used instead.').waitFor()
    expect(await page.locator('.lines li').count()).toBe(initial.entries.length)
  })
})

describe('parts of the first screen', () => {
  const lab = (hex: string) => {
    const [r, g, b] = [1, 3, 5].map((at) => {
      const c = parseInt(hex.slice(at, at + 2), 16) / 255
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
    })
    const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
    const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
    const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
    return [
      0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
      1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
      0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
    ]
  }

  test.each([
    ['light', light, -1],
    ['dark', dark, 1],
  ] as const)('the colors of the %s map are perceptually uniform', (_, theme, direction) => {
    // Four steps at once, because colors are rounded.
    const points = heightColors(theme)
      .filter((_, i) => i % 9 === 0)
      .map(lab)
    const steps = points.slice(1).map((p, i) => Math.hypot(...p.map((x, k) => x - points[i][k])))
    const mean = steps.reduce((sum, step) => sum + step) / steps.length
    for (const step of steps) expect(Math.abs(step / mean - 1)).toBeLessThan(0.15)
    for (const [i, [lightness]] of points.slice(1).entries())
      expect(Math.sign(lightness - points[i][0])).toBe(direction)
  })

  test('a ramp begins and ends at its anchors', () => {
    const ramp = makeRamp([
      [0, 0, 0],
      [1, 0, 0],
    ])
    expect([colorOf(ramp, -1), colorOf(ramp, 0), colorOf(ramp, 1), colorOf(ramp, 2)]).toEqual([
      ...['#000000', '#000000', '#ffffff', '#ffffff'],
    ])
  })

  test('contours are at rounded values in ascending order', async () => {
    for (const objective of ['rosenbrock', 'himmelblau', 'saddle', 'ackley'] as const) {
      const { levels } = sampleHeights(await makeLandscape({ ...initial, objective }))
      const labeled = levels.filter(({ isLabeled }) => isLabeled)
      expect(labeled.length, objective).toBeGreaterThan(1)
      for (const { value } of labeled) expect(String(Number(value.toPrecision(3)))).toBe(String(value))
      for (const [i, { height }] of levels.slice(1).entries())
        expect(height).toBeGreaterThan(levels[i].height)
    }
  })

  test('labels of contours are placed on straight pieces, apart from obstacles', () => {
    const line = Array.from({ length: 60 }, (_, i) => [20 + 8 * i, 100] as const)
    const found = placeContourLabel([line], [500, 200], [], [[250, 100]])
    expect(found?.angle).toBe(0)
    expect(Math.abs((found?.x ?? 0) - 250)).toBeGreaterThan(40)
    expect(
      placeContourLabel(
        [line],
        [500, 200],
        [[250, 100]],
        [
          [80, 100],
          [420, 100],
        ],
      )?.x ?? 0,
    ).not.toBe(250)
    expect(placeContourLabel([line.slice(0, 5)], [500, 200], [], [])).toBe(null)
  })

  test('the speed follows the race: twelve thousand updates take about ten seconds', () => {
    let [time, seconds] = [0, 0]
    for (; time < 12_000; seconds += 1 / 60) time += followingSpeed(time) / 60
    expect(seconds).toBeGreaterThan(7)
    expect(seconds).toBeLessThan(12)
  })

  test('the headline counts the optimizers', () => {
    const { state } = fromHash('f=himmelblau&adam=lr:0.1')
    expect(headline(state)).toBe('One way down a landscape. Drag the ring.')
  })

  test.each([
    '',
    'f=bowl&condition=10&from=1,2&sgd=lr:0.1,nesterov:true,momentum:0.9',
    'f=booth&adam=lr:0.1,clipNorm:1',
  ])('the short program fits into its frame, or is the full program: “%s”', async (hash) => {
    const text = await writeShortProgram(fromHash(hash).state)
    expect(text).toContain("from 'antigrad'")
    if (!hash.includes('clip'))
      for (const line of text.split('\n')) expect(line.length, line).toBeLessThan(49)
  })
})
