/** The story, built like the output of `npm run page:build`, in Chromium. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { steps } from '../../page/src/story/steps/index.js'
import type { SiteInChromium } from '../static-server.js'
import { type PageOptions, serveToChromium, violationsIn, zipped } from './site.js'

let site: SiteInChromium
beforeAll(async () => {
  site = await serveToChromium()
}, 600_000)
afterAll(() => site.close())

/** Opens a page of the story, and waits for the sentence of its first figure. */
async function visit(path: string, options: PageOptions = {}) {
  const page = await site.browser.newPage({
    ...{ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' },
    ...options,
  })
  page.setDefaultTimeout(60_000)
  const errors: string[] = []
  page.on('pageerror', ({ message }) => errors.push(message))
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
  await page.goto(`${site.address}story/${path}`, { waitUntil: 'load' })
  await page.locator('.map canvas').first().waitFor()
  return { page, errors }
}

describe('each step', () => {
  test.each(steps.map(({ id }) => id))('has a file with a title, a description and an image: %s', (id) => {
    const html = readFileSync(join(site.folder, `story/${id}/index.html`), 'utf8')
    for (const name of ['title', 'description', 'image']) {
      expect(html).toMatch(new RegExp(`<meta property="og:${name}" content="[^"]{4,}" />`))
    }
    expect(html).toMatch(/<title>[^<]{10,}<\/title>/)
    for (const [, file] of html.matchAll(/(?:src|href)="(\.\.\/assets\/[^"]+)"/g)) {
      expect(existsSync(join(site.folder, 'story', id, file)), file).toBe(true)
    }
    const image = readFileSync(join(site.folder, `story/${id}/card.png`))
    expect([image.readUInt32BE(16), image.readUInt32BE(20)]).toEqual([1200, 630])
    expect(image.length).toBeLessThan(200_000)
  })

  test('shows its figure in the story when it scrolls into view', async () => {
    const { page, errors } = await visit('')
    const last = page.locator('section').last()
    expect(await last.locator('canvas').count()).toBe(0)
    await last.scrollIntoViewIfNeeded()
    await last.locator('.map canvas').waitFor()
    expect(errors).toEqual([])
    await page.close()
  })
})

test('a slider answers the question, and the copied link restores the answer', async () => {
  const { page, errors } = await visit('nesterov/')
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  const slider = page.getByRole('slider', { name: 'Momentum' })
  await slider.focus()
  for (let value = 85; value < 98; value++) await page.keyboard.press('ArrowRight')
  const sentence = 'Momentum 0.98: heavy ball 216 updates, Nesterov 50 updates.'
  await expect.poll(() => page.locator('.result').textContent()).toBe(sentence)
  expect(await page.locator('details').getAttribute('open')).not.toBeNull()
  await page.getByRole('button', { name: 'Copy link' }).click()
  await page.getByText('have been copied').waitFor()
  const copied = await page.evaluate(() => navigator.clipboard.readText())
  expect(copied).toBe(`${sentence} ${site.address}story/nesterov/#momentum=0.98`)
  expect(errors).toEqual([])
  await page.close()
  const { page: other } = await visit('nesterov/#momentum=0.98')
  await expect.poll(() => other.locator('.result').textContent()).toBe(sentence)
  await other.close()
})

test("the link of the challenge carries the sender's score, but not the settings", async () => {
  const { page } = await visit('challenge/#rate=0.03&momentum=0.75')
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.getByText('The ball arrives after 20 updates. Well done!').waitFor()
  await page.getByRole('button', { name: 'Copy link' }).click()
  await page.getByText('have been copied').waitFor()
  expect(await page.evaluate(() => navigator.clipboard.readText())).toContain('story/challenge/#score=20')
  await page.close()
  const { page: other } = await visit('challenge/#score=20')
  await other.getByText('The sender of this link arrived after 20 updates.').waitFor()
  await other.close()
  const { page: forged } = await visit('challenge/#score=2')
  await forged.getByText('Part of the link is invalid (score=2)').waitFor()
  await forged.close()
})

test('the start can be moved with arrow keys, and all paths follow', async () => {
  const { page } = await visit('adam/')
  const before = await page.locator('.result').textContent()
  await page.getByRole('slider', { name: 'Start' }).focus()
  await page.keyboard.press('ArrowDown')
  await expect.poll(() => page.locator('.result').textContent()).not.toBe(before)
  await page.close()
})

test('an invalid link shows the default figure, with a message', async () => {
  const { page } = await visit('momentum/#momentum=7&unknown=1')
  await page.getByText('Part of the link is invalid (momentum=7, unknown=1)').waitFor()
  await expect.poll(() => page.locator('.result').textContent()).toContain('309 updates')
  await page.close()
})

test('the basins are computed coarsely and then finely', async () => {
  const { page, errors } = await visit('basins/#rate=0.02')
  await page.locator('section[data-basins="256"]').waitFor()
  expect(errors).toEqual([])
  await page.close()
})

test('an embedded step fits into 480 × 360 pixels and shows only the figure', async () => {
  const { page } = await visit('momentum/#embed=1', { viewport: { width: 480, height: 360 } })
  expect(await page.getByRole('button', { name: 'Play' }).isVisible()).toBe(true)
  expect(await page.locator('.claim').isVisible()).toBe(false)
  const size = () => page.evaluate(() => [document.body.scrollWidth, document.body.scrollHeight])
  const [width, height] = await size()
  expect(width).toBeLessThanOrEqual(480)
  expect(height).toBeLessThanOrEqual(360)
  await page.close()
})

test.each([
  ['', { width: 1280, height: 800 }, 'light'],
  ['decay/', { width: 390, height: 844 }, 'dark'],
] as const)(
  'the accessibility check finds no violation in "story/%s", %o, %s',
  async (path, viewport, colorScheme) => {
    const { page, errors } = await visit(path, { viewport, colorScheme })
    expect(await violationsIn(page)).toEqual([])
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(viewport.width)
    expect(errors).toEqual([])
    await page.close()
  },
)

test('the files of the story stay within the size limit', () => {
  const folder = join(site.folder, 'story/assets')
  const size = (pattern: RegExp) =>
    readdirSync(folder)
      .filter((name) => pattern.test(name))
      .reduce((sum, name) => sum + zipped(join(folder, name)), 0)
  // The text with its style comes first, and the figures later.
  expect(zipped(join(site.folder, 'story/index.html')) + size(/^index-/)).toBeLessThan(12_000)
  expect(size(/^(?!basin)/)).toBeLessThan(115_000)
  expect(size(/^basin/)).toBeLessThan(75_000)
})
