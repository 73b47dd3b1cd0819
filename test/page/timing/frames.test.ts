/** The race page leaves most frame time to the browser. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Driven, otherBrowsers } from '../../browser-drivers.js'
import type { Site, SiteInChromium } from '../../static-server.js'
import { frames, serve, serveToChromium, visit } from '../site.js'

describe('in Chromium,', () => {
  let site: SiteInChromium

  beforeAll(async () => {
    site = await serveToChromium()
  })

  afterAll(() => site?.close())

  test("the surface plot does not delay most frames under software rendering, whatever the renderer's name is", async () => {
    const { page } = await visit(site, 'f=booth&adam=lr:0.1', { reducedMotion: 'no-preference' })
    await page.addInitScript(() => {
      const { prototype } = globalThis.WebGL2RenderingContext
      const { getParameter } = prototype
      prototype.getParameter = function (name: number) {
        const value = getParameter.call(this, name)
        return typeof value === 'string' && name !== this.VERSION ? 'masked' : value
      }
    })
    await page.reload()
    await page.getByRole('button', { name: 'Surface', exact: true }).click()
    await page.locator('.surface canvas[data-engine]').waitFor()
    await page.waitForTimeout(1000)
    const found = await page.evaluate<{ frames: number; pictures: number }>(frames)
    expect(found.pictures).toBeGreaterThan(0)
    expect(found.frames, JSON.stringify(found)).toBeGreaterThan(2 * found.pictures)
    await page.close()
  })

  test('a race of eight optimizers uses only a small part of the 16.7 ms of each frame', async () => {
    const { page } = await visit(site, 'f=rosenbrock')
    await page.addInitScript(() => {
      const durations: number[] = []
      const { requestAnimationFrame } = globalThis
      globalThis.requestAnimationFrame = (callback) =>
        requestAnimationFrame((now) => {
          const start = performance.now()
          callback(now)
          durations.push(performance.now() - start)
        })
      Object.assign(globalThis, { durations })
    })
    const rules = ['gradientDescent', 'momentum', 'nesterov', 'sgd', 'adagrad', 'rmsprop', 'adam', 'radam']
    await page.goto(
      `${site.address}#f=himmelblau&tolerance=0&${rules.map((rule) => `${rule}=lr:0.001`).join('&')}`,
    )
    await page.reload()
    await page.getByRole('button', { name: 'Play', exact: true }).click()
    await page.waitForTimeout(2500)
    const durations = await page.evaluate(() => (globalThis as unknown as { durations: number[] }).durations)
    const sorted = durations.slice(-40).sort((a, b) => a - b)
    expect(sorted.length).toBeGreaterThan(15)
    expect(sorted[sorted.length >> 1], sorted.join()).toBeLessThan(8)
    await page.close()
  })
})

describe.each(otherBrowsers)('in the browser $name,', ({ isThere, launch }) => {
  let site: Site
  let tab: Driven

  beforeAll(async () => {
    if (!isThere) return
    site = await serve()
    tab = await launch()
  })

  afterAll(async () => {
    await tab?.close()
    await site?.close()
  })

  test.skipIf(!isThere)(
    'the surface plot does not delay most frames, or a message replaces the plot',
    async () => {
      await tab.open(`${site.address}#f=booth&adam=lr:0.1`)
      const texts = (selector: string) =>
        tab.evaluate<string[]>(
          `[...document.querySelectorAll(${JSON.stringify(selector)})].map((it) => it.textContent)`,
        )
      const sentence = () => texts('.surface .hint')
      const surface = () => texts('.surface canvas[data-engine]')
      await expect.poll(() => texts('.lines strong')).toHaveLength(1)
      await tab.evaluate(`[...document.querySelectorAll('.switches button')].at(-1).click()`)
      const either = async () => [...(await sentence()), ...(await surface())]
      await expect.poll(either).toHaveLength(1)
      const [why] = await sentence()
      // Firefox does not support WebGL without a screen.
      if (why) return expect(why).toContain('does not provide WebGL')
      await new Promise((resolve) => setTimeout(resolve, 1000))
      const found = await tab.evaluate<{ frames: number; pictures: number }>(frames)
      expect(found.pictures).toBeGreaterThan(0)
      // Alternatively, the images are fast enough for all frames: most screens show 120 frames in the two seconds.
      expect(found.frames, JSON.stringify(found)).toBeGreaterThan(Math.min(1.5 * found.pictures, 80))
    },
  )
})
