/**
 * Tasks of new users on the fit page, who begin with the page's first example and use only the controls that they see.
 * Each task counts the actions: a click, a choice in a list, or a pasted text.
 */

import { fit as fitInNode, inverse, models, normal, rout } from 'antigrad/fit'
import type { Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { formatWithError } from '../../dist/plots/estimates.js'
import { tables } from '../../page/src/fit/examples.js'
import { readTable } from '../../page/src/fit/table.js'
import type { SiteInChromium } from '../static-server.js'
import { serveToChromium, type Visit, visit } from './site.js'

let site: SiteInChromium
let opened: Visit | undefined

beforeAll(async () => {
  site = await serveToChromium()
})

afterEach(async () => {
  await opened?.page.close()
  expect(opened?.errors ?? []).toEqual([])
})

afterAll(async () => {
  await site?.close()
})

/** A user, whose actions are counted. */
class User {
  actions = 0
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  async click(place: Locator): Promise<void> {
    this.actions++
    await place.click()
  }

  async choose(name: string, text: string): Promise<void> {
    this.actions++
    await this.page.getByRole('combobox', { name, exact: true }).selectOption({ label: text })
  }

  async paste(name: string, text: string): Promise<void> {
    this.actions++
    await this.page.getByRole('textbox', { name }).fill(text)
  }

  /** The cells of the rows of a table. */
  cells(region: string): Promise<string[][]> {
    return this.page
      .getByRole('region', { name: region, exact: true })
      .locator('tbody tr')
      .evaluateAll((rows) => rows.map((row) => [...row.children].map(({ textContent }) => textContent ?? '')))
  }

  verdict(): Promise<string | null> {
    return this.page.locator('.verdict').textContent()
  }
}

async function arrive(): Promise<User> {
  opened = await visit({ ...site, address: `${site.address}fit.html` }, '')
  return new User(opened.page)
}

const DATA = 'Data (type, paste or drop'
const estimate = (value: number, error: number) =>
  `${formatWithError(value, error)} ± ${formatWithError(error, error)}`

describe('a new user of the fit page', () => {
  test('gets an EC50 with its interval from a plate in three actions', async () => {
    const user = await arrive()
    await user.paste(DATA, tables.doses())
    await user.choose('model', 'four-parameter logistic')
    await user.click(user.page.getByRole('button', { name: /^compound B: / }))
    const { columns, all } = readTable(tables.doses())
    const rows = all[2].texts.flatMap((name, row) => (name === 'compound B' ? [row] : []))
    const [x, y] = columns.map(({ numbers }) => rows.map((row) => numbers[row]))
    const expected = fitInNode(models.fourPL(), { x, y })
    const { ec50 } = expected.errors
    await expect
      .poll(async () => (await user.cells('Parameters')).find(([name]) => name === 'ec50'))
      .toEqual([
        'ec50',
        estimate(expected.values.ec50, ec50),
        expected
          .intervals()
          .ec50.map((end) => formatWithError(end, ec50))
          .join(' to '),
      ])
    expect(await user.verdict()).toContain(
      `compound B: The EC50 is ${estimate(expected.values.ec50, ec50)}; the model describes the data well.`,
    )
    expect(user.actions).toBe(3)
    // Each curve has a small plot on one logarithmic axis, and the curve without an effect has a reason.
    expect(await user.page.locator('.multiple').count()).toBe(8)
    expect(await user.page.getByLabel('log x').isChecked()).toBe(true)
    const reason = /^compound G: .*(determine|explains|at a bound|not converged)/
    await user.page.getByRole('button', { name: reason }).waitFor()
  })

  test('sees that a spectrum has three peaks in two actions, and that two do not suffice in one more', async () => {
    const user = await arrive()
    await user.paste(DATA, tables.spectrum())
    await user.choose('model', 'several peaks')
    await expect
      .poll(() => user.verdict())
      .toMatch(/^Three peaks, at .*; the model describes the data well\.$/)
    const counts = await user.cells('Number of peaks')
    expect(counts.map(([count]) => count)).toContain('3 (chosen)')
    expect(user.actions).toBe(2)
    await user.paste('peaks', '2')
    await expect.poll(() => user.verdict()).toMatch(/^Two peaks, at .*the residuals are not random/)
    // The solver has converged nevertheless.
    await user.click(user.page.getByRole('button', { name: 'Statistics' }))
    await user.page.locator('.status').getByText('Converged').waitFor()
  })

  test('finds the concentration of an unknown in four actions', async () => {
    const user = await arrive()
    await user.paste(DATA, tables.standards())
    await user.choose('model', 'four-parameter logistic')
    await user.click(user.page.getByRole('button', { name: 'Unknowns' }))
    await user.paste('Responses of unknown samples', 'S1 0.83 0.87\nS2 9')
    const { columns } = readTable(tables.standards())
    const [x, y] = columns.map(({ numbers }) => numbers)
    const [{ value, error, low, high }] = inverse(fitInNode(models.fourPL(), { x, y }), [[0.83, 0.87]])
    await expect
      .poll(() => user.cells('Unknowns'))
      .toEqual([
        [
          ...['S1', '0.85', '2', estimate(value, error)],
          [low, high].map((end) => formatWithError(end, error)).join(' to '),
        ],
        ['S2', '9', '1', expect.stringContaining("the curve's largest value"), '–'],
      ])
    expect(user.actions).toBe(4)
    await user.paste('Responses of unknown samples', 'S1 0.83\nS2 high')
    await user.page.getByText('Line 2 of the unknowns: expected a name and numbers, got “high”.').waitFor()
    await user.paste('Responses of unknown samples', 'S1 0.83')
    const { page } = user
    await page.getByRole('button', { name: 'Errors and outliers' }).click()
    await page.getByRole('combobox', { name: 'distribution', exact: true }).selectOption('normal')
    const likelihood = fitInNode(models.fourPL(), { x, y }, { distribution: normal(), start: { sigma: 0.1 } })
    const [one] = inverse(likelihood, [0.83])
    await expect
      .poll(async () => (await user.cells('Unknowns'))[0]?.slice(3))
      .toEqual([
        estimate(one.value, one.error),
        [one.low, one.high].map((end) => formatWithError(end, one.error)).join(' to '),
      ])
    await page.getByRole('combobox', { name: 'distribution', exact: true }).selectOption('')
    const name = columns[1].name
    await page.getByRole('combobox', { name: 'weights', exact: true }).selectOption(name)
    await page.getByText(/^Unknowns: expected a fit without a column of σ or weights, got “/).waitFor()
    await page.getByRole('combobox', { name: 'weights', exact: true }).selectOption('1/f^2')
    await expect.poll(async () => (await user.cells('Unknowns')).map(([sample]) => sample)).toEqual(['S1'])
  })
})

describe('points of the fit page', () => {
  test('are left out by a click or a drag, and are open circles until all are used again', async () => {
    const user = await arrive()
    const { page } = user
    const open = page.locator('.curve path.open')
    const dots = page.locator('.curve path[stroke-linecap]').first()
    const places = [...((await dots.getAttribute('d')) ?? '').matchAll(/M(\S+) (\S+)h0/g)].map(
      ([, x, y]) => [Number(x), Number(y)] as const,
    )
    const circles = async () => ((await open.getAttribute('d')) ?? '').split('M').length - 1
    await page.locator('.curve').click({ position: { x: places[0][0], y: places[0][1] } })
    await page.getByText('39 rows, 1 row left out').waitFor()
    expect(await circles()).toBe(1)
    const { x = 0, y = 0 } = (await page.locator('.curve').boundingBox()) ?? {}
    await page.mouse.move(x + places[20][0] - 3, y + 40)
    await page.mouse.down()
    await page.mouse.move(x + places[22][0] + 3, y + 60)
    await page.mouse.up()
    await page.getByText('36 rows, 4 rows left out').waitFor()
    expect(await circles()).toBe(4)
    await user.click(page.getByRole('button', { name: 'Points left out' }))
    expect(await page.getByLabel('lines left out').inputValue()).toBe('2,22-24')
    await user.click(page.getByRole('button', { name: 'Use all points' }))
    await page.getByText('40 rows', { exact: true }).waitFor()
    expect(await open.count()).toBe(0)
  })

  test('are open circles without a filled point inside if they are outliers of a plate', async () => {
    const user = await arrive()
    await user.choose('example', 'a plate: EC50 of eight compounds')
    await user.click(user.page.getByRole('button', { name: /^compound C: / }))
    const { columns, all } = readTable(tables.doses())
    const rows = all[2].texts.flatMap((name, row) => (name === 'compound C' ? [row] : []))
    const [x, y] = columns.map(({ numbers }) => rows.map((row) => numbers[row]))
    const { outliers, values, errors } = fitInNode(
      models.fourPL(),
      { x, y },
      { outliers: rout({ refit: true }) },
    )
    expect(outliers.map(({ row }) => row)).toEqual([8])
    await expect.poll(() => user.verdict()).toContain(`EC50 is ${estimate(values.ec50, errors.ec50)}`)
    const marks = async (selector: string) =>
      (await user.page.locator(selector).first().getAttribute('d')) ?? ''
    const small = '.multiple[aria-pressed="true"]'
    for (const plot of ['.curve', small]) {
      expect((await marks(`${plot} path.open`)).match(/M/g)).toHaveLength(1)
      expect((await marks(`${plot} path[stroke-linecap="round"]`)).match(/M/g)).toHaveLength(9)
    }
  })
})
