/** Large tables and long work on the fit page. */

import { fit as fitInNode, models } from 'antigrad/fit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { formatWithError } from '../../dist/plots/estimates.js'
import { makeNoise } from '../../page/src/fit/example.js'
import { tables } from '../../page/src/fit/examples.js'
import type { SiteInChromium } from '../static-server.js'
import { serveToChromium, visit } from './site.js'

let site: SiteInChromium

beforeAll(async () => {
  site = await serveToChromium()
})
afterAll(() => site?.close())

const open = (hash: string) => visit({ ...site, address: `${site.address}fit.html` }, hash)

test('the fit page draws 20,000 rows with each pixel once, and the curve above the points', async () => {
  const { page, errors } = await open('model=line')
  const noise = makeNoise(1)
  const x = Array.from({ length: 20_000 }, (_, i) => i / 100)
  const y = x.map((at) => Number((3 * at + 100 * noise()).toFixed(1)))
  await page.getByLabel('Data (type, paste or drop').evaluate(
    (area: HTMLTextAreaElement, text) => {
      area.value = text
      area.dispatchEvent(new InputEvent('input', { bubbles: true }))
    },
    `x,y\n${x.map((at, i) => `${at},${y[i]}`).join('\n')}`,
  )
  await page.getByText('20,000 rows').waitFor()
  await page.locator('.curve .fitted').waitFor()
  const marks = page.locator('.curve path[stroke-linecap]').first()
  const count = ((await marks.getAttribute('d')) ?? '').split('M').length - 1
  expect(count).toBeGreaterThan(2000)
  expect(count).toBeLessThan(20_000)
  expect(Number(await marks.getAttribute('stroke-opacity'))).toBeLessThan(1)
  const [border, curve] = await page.locator('.curve :is(.border, .fitted)').evaluateAll((paths) =>
    paths.map((path) => {
      const points = document.querySelector('.curve path[stroke-linecap]') as Element
      return { name: path.getAttribute('class'), isAbove: points.compareDocumentPosition(path) === 4 }
    }),
  )
  expect([border, curve]).toEqual([
    { name: 'border', isAbove: true },
    { name: 'fitted', isAbove: true },
  ])
  const { values, errors: own } = fitInNode(models.line(), { x, y })
  await page
    .getByText(`${formatWithError(values.slope, own.slope)} ± `)
    .first()
    .waitFor()
  expect(errors).toEqual([])
  await page.close()
})

test('the fit page draws a long paste before its text appears in the field, with two drawings and few elements', async () => {
  const { page, errors } = await open('model=line')
  const area = page.getByLabel('Data (type, paste or drop')
  await area.fill('x,y\n1,2\n')
  const text = `x,y\n${Array.from({ length: 20_000 }, (_, i) => `${i},${2 * i + (i % 7)}`).join('\n')}`
  const found = await area.evaluate(async (element, pasted) => {
    const field = element as HTMLTextAreaElement
    const place = document.querySelector('.curve') as HTMLElement
    field.select()
    const drawings: { isFitted: boolean; isLaidOut: boolean; elements: number }[] = []
    const hasCurve = new Promise<void>((resolve) => {
      new MutationObserver((_, observer) => {
        const plot = place.querySelector('[aria-label^="20000 points"]')
        if (plot === null) return
        const isFitted = plot.querySelector('.fitted') !== null
        const elements = plot.querySelectorAll('*').length
        drawings.push({ isFitted, isLaidOut: field.value === pasted, elements })
        if (!isFitted) return
        observer.disconnect()
        resolve()
      }).observe(place, { childList: true })
    })
    const clipboardData = new DataTransfer()
    clipboardData.setData('text/plain', pasted)
    const event = new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true })
    const isOwn = !field.dispatchEvent(event)
    await hasCurve
    return { isOwn, drawings }
  }, text)
  expect(found.isOwn).toBe(true)
  expect(found.drawings[0]).toMatchObject({ isFitted: false, isLaidOut: false })
  // A fit that takes long on a busy machine may be drawn once more without a curve.
  expect(found.drawings.length).toBeLessThanOrEqual(3)
  for (const { elements } of found.drawings) expect(elements).toBeLessThan(100)
  await page.waitForFunction(([field, pasted]) => (field as HTMLTextAreaElement).value === pasted, [
    await area.elementHandle(),
    text,
  ] as const)
  // The browser could not undo this paste.
  await area.press('Control+z')
  await expect.poll(() => area.inputValue()).toBe('x,y\n1,2\n')
  await page.getByText('1 row', { exact: true }).waitFor()
  await area.press('Control+Shift+z')
  await page.getByText('20,000 rows', { exact: true }).waitFor()
  await area.press('Control+z')
  await area.press('Control+y')
  await expect.poll(() => area.inputValue()).toBe(text)
  expect(errors).toEqual([])
  await page.close()
})

test('a short paste joins the text in the field, and the page fits without a wait for further keys', async () => {
  const { page, errors } = await open('model=line')
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.evaluate(() => navigator.clipboard.writeText('x,y\n1,2\n2,4\n3,6.1\n4,8\n'))
  await page.getByLabel('Data (type, paste or drop').focus()
  await page.keyboard.press('Control+V')
  await page.getByText('4 rows').waitFor()
  await page.keyboard.type('5,10')
  await page.getByText('5 rows').waitFor()
  expect(errors).toEqual([])
  await page.close()
})

test('all profile intervals of a plate have one progress bar, whose button stops the work', async () => {
  const { page, errors } = await open('example=plate&model=logistic')
  await page.getByText(/^A1: The growth rate is/).waitFor()
  const estimate = page.getByRole('region', { name: 'Parameters', exact: true }).locator('td').nth(1)
  const before = await estimate.textContent()
  // The bar appears after 0.3 s. Then the page is at work, so that the click comes before the end.
  await page.evaluate(() => {
    const button = document.querySelector('.working button') as HTMLButtonElement
    new MutationObserver(() => button.closest('[hidden]') ?? button.click()).observe(
      button.parentElement as Element,
      { attributes: true },
    )
    // Without this delay, a fast machine would end before the bar appears.
    const { setTimeout: wait } = globalThis
    globalThis.setTimeout = ((call: () => void, time = 0, ...rest: unknown[]) =>
      wait(call, time === 300 ? 0 : time, ...rest)) as typeof setTimeout
  })
  await page.getByLabel('profile-likelihood intervals').check()
  await page.getByText('Stopped. Change a setting to fit again.').waitFor()
  expect(await page.locator('.working').isVisible()).toBe(false)
  expect(await estimate.textContent()).toBe(before)
  expect(errors).toEqual([])
  await page.close()
})

test.each([
  [
    'a link that is cut off',
    'example=decay&table=abc',
    /The table in the link: expected compressed text, got a link that is cut off/,
  ],
  ['a setting without meaning', 'example=decay&speed=3', /“speed”: expected model, expression, table/],
])('the fit page explains %s', async (_, hash, sentence) => {
  const { page } = await open(hash)
  await page.locator('#problems li').getByText(sentence).waitFor()
  await page.getByText(/the model describes the data well/).waitFor()
  await page.close()
})

test('a small table is put into the link, which shows the same fit', async () => {
  const { page } = await open('')
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.getByLabel('Data (type, paste or drop').fill(tables.standards())
  await page.getByRole('combobox', { name: 'model', exact: true }).selectOption('fourPL')
  await page.getByText('The EC50 is 6.07 ± 0.12; the model describes the data well.').waitFor()
  await page.getByRole('button', { name: 'Save and share' }).click()
  await page.getByLabel('with the data').check()
  await page.getByRole('button', { name: 'Copy the link' }).click()
  await page.getByText('The link to this fit has been copied.').waitFor()
  const { hash } = new URL(await page.evaluate(() => navigator.clipboard.readText()))
  await page.close()
  const other = await open(hash.slice(1))
  await other.page.getByText('The EC50 is 6.07 ± 0.12; the model describes the data well.').waitFor()
  expect(await other.page.getByLabel('Data (type, paste or drop').inputValue()).toBe(tables.standards())
  await other.page.close()
})

test('the fit page says why a table cannot be read, also after a link without data, and lists few of many columns', async () => {
  const { page, errors } = await open('model=line')
  const area = page.getByLabel('Data (type, paste or drop')
  await page.getByText(/^The link contains no data/).waitFor()
  await area.fill('x\n1\n2\n')
  await page.getByText('two numeric columns, got only “x”. Line 2 is “1”.').waitFor()
  await area.fill('')
  await page.getByText(/^The link contains no data/).waitFor()
  const rows = [1, 2, 3].map((x) => Array.from({ length: 9000 }, (_, k) => x + k))
  const names = rows[0].map((_, k) => `c${k}`)
  await area.fill([names, ...rows].map((cells) => cells.join()).join('\n'))
  await page.getByText('3 rows', { exact: true }).waitFor()
  expect(await page.locator('.data select').first().locator('option').count()).toBe(5000)
  expect(errors).toEqual([])
  await page.close()
})
