/** A task of a new user: explain momentum to a student by a link. The test counts clicks and drags. */

import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SiteInChromium } from '../static-server.js'
import { serveToChromium } from './site.js'

let site: SiteInChromium
beforeAll(async () => {
  site = await serveToChromium()
}, 600_000)
afterAll(() => site?.close())

/** The page of a user with new settings and an empty cache. */
async function openAs(browser: Browser, url: string): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    reducedMotion: 'reduce',
    permissions: ['clipboard-read', 'clipboard-write'],
  })
  const page = await context.newPage()
  page.setDefaultTimeout(60_000)
  await page.goto(url)
  return page
}

/** Drags the thumb of a slider to a fraction of its width. */
async function dragTo(page: Page, slider: Locator, part: number): Promise<void> {
  await slider.scrollIntoViewIfNeeded()
  const box = await slider.boundingBox()
  if (!box) throw new Error('the slider is not there')
  const thumb = await slider.evaluate(
    ({ min, max, value }: HTMLInputElement) => (Number(value) - Number(min)) / (Number(max) - Number(min)),
  )
  // Half of the thumb's 16 pixels are at each end.
  const at = (fraction: number) => box.x + 8 + fraction * (box.width - 16)
  const y = box.y + box.height / 2
  await page.mouse.move(at(thumb), y)
  await page.mouse.down()
  await page.mouse.move(at((thumb + part) / 2), y)
  await page.mouse.move(at(part), y)
  await page.mouse.up()
}

const readClipboard = (page: Page) => page.evaluate(() => navigator.clipboard.readText())
const linkIn = (text: string) => (/http\S+/.exec(text) as RegExpExecArray)[0]

test('a teacher finds the step on momentum, moves its slider and sends the link: two clicks and one drag', async () => {
  const teacher = await openAs(site.browser, site.address)
  let clicks = 0
  const click = async (target: Locator) => {
    clicks++
    await target.click()
  }
  await click(teacher.getByRole('link', { name: 'Read the story' }))
  const step = teacher.locator('section[data-step="momentum"]')
  await step.scrollIntoViewIfNeeded()
  const slider = step.getByRole('slider', { name: 'Momentum' })
  await slider.waitFor()
  await dragTo(teacher, slider, 0.82 / 0.98)
  const sentence = step.locator('.result')
  await expect.poll(() => sentence.textContent()).not.toContain('Momentum 0.5:')
  const said = (await sentence.textContent()) as string
  const [, ball, plain] =
    /^Momentum 0\.\d+: (\d+) updates\. Without momentum: (\d+) updates\.$/.exec(said) ?? []
  expect(Number(ball)).toBeLessThan(0.5 * Number(plain))
  await click(step.getByRole('button', { name: 'Copy link' }))
  await teacher.getByText('have been copied').waitFor()
  expect(clicks).toBe(2)
  const message = await readClipboard(teacher)
  expect(message).toContain(said)

  const student = await openAs(site.browser, linkIn(message))
  expect(await student.getByRole('heading', { level: 2 }).first().textContent()).toContain('Momentum')
  await expect.poll(() => student.locator('.result').textContent()).toBe(said)
  const pixels = (page: Page) =>
    page
      .locator('section[data-step="momentum"] canvas')
      .first()
      .evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL())
  await expect.poll(async () => (await pixels(student)) === (await pixels(teacher))).toBe(true)
  await Promise.all([teacher, student].map((page) => page.context().close()))
})

test('the first screen alone is enough: one drag of the momentum slider and one click', async () => {
  const teacher = await openAs(site.browser, site.address)
  await teacher.getByText('The race is over').waitFor()
  const before = await teacher.locator('.lines').textContent()
  await dragTo(teacher, teacher.getByRole('slider', { name: 'Momentum of all optimizers' }), 0.1)
  await expect.poll(() => teacher.locator('.lines').textContent()).not.toBe(before)
  await teacher.getByText('The race is over').waitFor()
  const said = await teacher.locator('.lines').textContent()
  await teacher.getByRole('button', { name: 'Copy link' }).click()
  await teacher.getByText('The link to this race has been copied').waitFor()
  const student = await openAs(site.browser, linkIn(await readClipboard(teacher)))
  await expect.poll(() => student.locator('.lines').textContent()).toBe(said)
  await Promise.all([teacher, student].map((page) => page.context().close()))
})
