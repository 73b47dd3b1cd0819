/** The pages of examples/ on a server of static files, without a bundler and without other hosts. */

import * as core from 'antigrad'
import * as fits from 'antigrad/fit'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { home } from '../children.js'
import { type SiteInChromium, serveFolder, toChromium } from '../static-server.js'
import { violationsIn } from './site.js'

const antigrad = { ...core, ...fits }

let site: SiteInChromium

beforeAll(async () => {
  site = await toChromium(() => serveFolder(home))
}, 300_000)
afterAll(() => site?.close())

/** An open page. The page must not use other hosts, and must end without errors. */
async function open(name: string) {
  const page = await site.browser.newPage({ viewport: { width: 390, height: 844 } })
  const wrong: string[] = []
  page.on('pageerror', ({ message }) => wrong.push(message))
  page.on('request', (request) => request.url().startsWith(site.address) || wrong.push(request.url()))
  page.on('response', (response) => response.ok() || wrong.push(`${response.status()} ${response.url()}`))
  await page.goto(`${site.address}examples/${name}`)
  return { page, wrong }
}

const output = (page: Page, id: string) =>
  page.locator(`#${id}`).evaluate((element) => (element as HTMLOutputElement).value)

test('the example page.html fits typed data with the same results as in Node, and reports errors', async () => {
  const { page, wrong } = await open('page.html')
  const { values } = antigrad.fit(
    antigrad.expression('a*exp(-b*t) + c'),
    { t: [0, 1, 2, 3, 4, 5], y: [5, 3.1, 2, 1.6, 1.2, 1.1] },
    { start: { a: 1, b: 1, c: 0 } },
  )
  await expect
    .poll(() => output(page, 'result'))
    .toBe(
      `a = ${values.a.toFixed(4)} ± 0.0852, b = ${values.b.toFixed(4)} ± 0.0359, c = ${values.c.toFixed(4)} ± 0.0728`,
    )
  await page.fill('#data', '0 5\n1 3.1\n2')
  expect(await output(page, 'result')).toMatch(/NaN/)
  expect(await violationsIn(page)).toEqual([])
  expect(wrong).toEqual([])
  await page.close()
})

test('the example digits.html trains a network, responds during the training, and classifies drawings', async () => {
  const { page, wrong } = await open('digits.html')
  // Polling could miss the first epoch.
  const told = await page.evaluateHandle(() => {
    const progress = document.getElementById('progress') as HTMLOutputElement
    const told: string[] = []
    new MutationObserver(() => told.push(progress.value)).observe(progress, { childList: true })
    return told
  })
  await page.click('#train')
  await expect.poll(() => output(page, 'progress'), { timeout: 90_000 }).toMatch(/test images$/)
  expect(await told.evaluate((told) => told.some((text) => /^epoch 1, loss/.test(text)))).toBe(true)
  expect(Number.parseFloat(await output(page, 'progress'))).toBeGreaterThan(90)
  const box = await page.locator('#drawing').boundingBox()
  if (box === null) throw new Error('there is no place to draw')
  // A drawing of the digit one, from top to bottom.
  await page.mouse.move(box.x + 98, box.y + 35)
  await page.mouse.down()
  await page.mouse.move(box.x + 98, box.y + 160, { steps: 10 })
  await page.mouse.up()
  expect(await output(page, 'guess')).toMatch(/^1 \(\d+%\)$/)
  await page.click('#clear')
  expect(await output(page, 'guess')).toBe('nothing yet')
  expect(await violationsIn(page)).toEqual([])
  expect(wrong).toEqual([])
  await page.close()
})
