/** The fit page in Chromium: pasted, dropped and typed input, results and saved files. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expression } from 'antigrad'
import {
  type Fit,
  type FitOptions,
  fit as fitInNode,
  fitSharedSync as fitShared,
  models,
  normal,
  ode,
  profileIntervals,
  profileSync,
} from 'antigrad/fit'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { formatWithError } from '../../dist/plots/estimates.js'
import { formatNumber } from '../../page/src/dom.js'
import { example } from '../../page/src/fit/example.js'
import { readTable } from '../../page/src/fit/table.js'
import { dark, light } from '../../page/src/palette.js'
import type { SiteInChromium } from '../static-server.js'
import {
  openDrawer,
  type PageOptions,
  serveToChromium,
  type Visit,
  violationsIn,
  visit,
  zipped,
} from './site.js'

let site: SiteInChromium
let visits: { visit: Visit; atFirst: number }[] = []

beforeAll(async () => {
  site = await serveToChromium()
})

afterEach(async () => {
  for (const { visit: opened, atFirst } of visits) {
    await opened.page.close()
    expect(opened.errors).toEqual([])
    // After it has loaded, the page requests only its own scripts.
    const later = opened.requests.slice(atFirst).filter((url) => !/^(data|blob):/.test(url))
    expect(later.filter((url) => !/\/assets\/fit-[^/]*\.js$/.test(url))).toEqual([])
    for (const url of opened.requests)
      expect(url.startsWith(site.address) || /^(data|blob):/.test(url)).toBe(true)
  }
  visits = []
})

afterAll(async () => {
  await site?.close()
})

/** Opens the page, by default with the first example and no derived quantity, and opens all drawers. */
async function open(hash = 'example=decay', options?: PageOptions): Promise<Page> {
  const opened = await visit({ ...site, address: `${site.address}fit.html` }, hash, options)
  const { page } = opened
  visits.push({ visit: opened, atFirst: opened.requests.length })
  for (const closed of await page.locator('.drawer-bar button[aria-expanded="false"]').elementHandles())
    await closed.click()
  await page.locator('.panel[aria-label="Start and bounds"] tbody tr').first().waitFor()
  return page
}

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })
/** Decays of the groups Ada and Bob, in alternating rows. */
function ofTwo() {
  const t = Array.from({ length: 20 }, (_, i) => i / 5)
  const rows = t.flatMap((at, i) =>
    Object.entries({ Ada: 3, Bob: 2 }).map(
      ([who, a]) => [who, at, Number((a * Math.exp(-at) + 0.5 + 0.05 * Math.sin(i * a)).toFixed(4))] as const,
    ),
  )
  return { t, rows }
}

const data = (page: Page) => page.getByLabel('Data (type, paste or drop')
const typed = (page: Page) => page.getByLabel('f =', { exact: true })
const chosen = (page: Page, name: string) => page.getByRole('combobox', { name, exact: true })
const hashOf = (page: Page) => decodeURIComponent(new URL(page.url()).hash)

async function paste(page: Page, text: string): Promise<void> {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.evaluate((text) => navigator.clipboard.writeText(text), text)
  await data(page).focus()
  await page.keyboard.press('Control+A')
  await page.keyboard.press('Control+V')
}

async function saved(page: Page, name: string): Promise<string> {
  const [download] = await Promise.all([page.waitForEvent('download'), button(page, name).click()])
  return readFileSync(await download.path(), 'utf8')
}

/** The contents of the tables for a fit: names, values and intervals, followed by the statistics. */
function told(fit: Fit): { parameters: string[][]; whole: string[] } {
  const { values, errors, free } = fit
  const intervals = fit.intervals()
  return {
    parameters: Object.keys(values).map((name) => {
      const error = errors[name]
      if (!free.includes(name)) return [name, formatNumber(values[name], 7), '–']
      const [low, high] = intervals[name].map((end) => formatWithError(end, error))
      return [
        name,
        `${formatWithError(values[name], error)} ± ${formatWithError(error, error)}`,
        `${low} to ${high}`,
      ]
    }),
    whole: [fit.chiSquared, fit.reducedChiSquared, fit.rSquared, fit.aic, fit.bic]
      .map((number) => formatNumber(number, 6))
      .concat(`${fit.observations}, ${free.length}`, `${fit.evaluations}`),
  }
}

/** The contents of the tables on the page. */
async function seen(page: Page): Promise<ReturnType<typeof told>> {
  const cells = (name: string) =>
    page
      .getByRole('region', { name, exact: true })
      .locator('tbody tr')
      .evaluateAll((rows) => rows.map((row) => [...row.children].map(({ textContent }) => textContent ?? '')))
  const whole = (await cells('Fit statistics')).map(([, text]) => text)
  return {
    parameters: (await cells('Parameters')).map((row) => row.slice(0, 3)),
    whole: whole.slice(0, -1),
  }
}

/** Expects that the page shows the given fit as soon as the fit is computed. */
const expectFit = (page: Page, expected: Fit) => expect.poll(() => seen(page)).toEqual(told(expected))

/** The points of a path in pixels. */
const placesIn = (d: string) =>
  [...d.matchAll(/[ML](\S+) ([^MLVZh]+)/g)].map(([, x, y]) => [Number(x), Number(y)] as const)

/** The paths in drawing order. Each path has a distinguishing attribute. */
async function drawn(page: Page) {
  const d = (selector: string) =>
    page
      .locator(`.curve ${selector}`)
      .evaluateAll((paths) => paths.map((path) => path.getAttribute('d') ?? ''))
  const [curve = ''] = await d('path[stroke-width="2"]')
  const [band = ''] = await d('path[fill-opacity]')
  const [points = '', residuals = ''] = await d('path[stroke-linecap]')
  return { curve, band, points, residuals }
}

const decay = () => {
  const { columns } = readTable(example())
  return Object.fromEntries(columns.map(({ name, numbers }) => [name, numbers]))
}
const starts = { a: 1, b: 1, c: 0.5 }

describe('data pasted into the fit page', () => {
  test('are fitted immediately, with the same tables, curve, band and residuals as in Node', async () => {
    const page = await open()
    const rows = 30
    const at = Float64Array.from({ length: rows }, (_, i) => i / 3)
    const numbers = at.map((t, i) =>
      Number((3 / (1 + Math.exp(4 - 1.3 * t)) + 0.1 * Math.sin(7 * i)).toFixed(3)),
    )
    await paste(page, ['time (s)\tv', ...Array.from(at, (t, i) => `${t}\t${numbers[i]}`)].join('\n'))
    // The model contains the name of the column.
    await expect.poll(() => typed(page).inputValue()).toBe('a*exp(-b*time_s) + c')
    await typed(page).fill('top/(1 + exp(k*(mid - time_s)))')
    await page.getByLabel('mid: start').fill('3')
    const expected = fitInNode(
      expression('top/(1 + exp(k*(mid - t)))'),
      { t: at, v: numbers },
      { start: { top: 1, k: 1, mid: 3 } },
    )
    expect(expected.reason).toBe('converged')
    await expectFit(page, expected)
    await page.locator('.status').getByText(`Converged, after ${expected.evaluations} evaluations.`).waitFor()

    const picture = await drawn(page)
    const places = placesIn(picture.curve)
    const t = Float64Array.from(places, (_, i) => (i * at[rows - 1]) / (places.length - 1))
    const [f, { low, high }] = [expected.predict({ t }), expected.band({ t })]
    // Two points of the curve determine the axis, and all other points must match the axis.
    const off = ({ curve }: { curve: string }, path: string, values: ArrayLike<number>) => {
      const [first, last] = [0, -1].map((i) => placesIn(curve).at(i)?.[1] as number)
      const up = (value: number) => first + ((value - f[0]) / (f[f.length - 1] - f[0])) * (last - first)
      return Math.max(...placesIn(path).map(([, y], i) => Math.abs(y - up(values[i]))))
    }
    expect(places.length).toBeGreaterThan(200)
    expect(off(picture, picture.curve, f)).toBeLessThan(0.3)
    expect(off(picture, picture.band, [...low, ...high.reverse()])).toBeLessThan(0.3)
    expect(off(picture, picture.points, numbers)).toBeLessThan(0.3)
    // Residuals have a separate axis.
    const below = placesIn(picture.residuals).map(([, y]) => y)
    const r = [...expected.residuals]
    const scale = (below[1] - below[0]) / (r[1] - r[0])
    // Greater values have higher positions.
    expect(scale).toBeLessThan(0)
    expect((places[places.length - 1][1] - places[0][1]) / (f[f.length - 1] - f[0])).toBeLessThan(0)
    for (const [i, y] of below.entries())
      expect(Math.abs(y - below[0] - scale * (r[i] - r[0]))).toBeLessThan(0.6)

    await page.getByLabel('prediction band').check()
    await page.getByText('95% prediction band').waitFor()
    const wide = expected.band({ t }, { kind: 'prediction' })
    const other = await drawn(page)
    expect(off(other, other.band, [...wide.low, ...wide.high.reverse()])).toBeLessThan(0.3)
  })

  test('can be fitted with weights, another loss, derived quantities and profiles', async () => {
    const page = await open()
    await chosen(page, 'weights').selectOption('1/f')
    await chosen(page, 'loss').selectOption('softL1')
    await page.getByLabel('derived quantities').fill('half = log(2)/b')
    await page.getByLabel('profile-likelihood intervals').check()
    const options = {
      ...{
        start: { a: 1, b: 1, c: 1 },
        weights: '1/f',
        loss: 'softL1' as const,
        intervals: profileIntervals(),
      },
      derive: { half: 'log(2)/b' },
    } satisfies FitOptions
    const expected = fitInNode(expression('a*exp(-b*t) + c'), decay(), options)
    const { half, ...values } = expected.values
    await expect
      .poll(async () => (await seen(page)).parameters.map((row) => row.slice(0, 3)))
      .toEqual(
        [...Object.keys(values), 'half'].map((name) => {
          const key = name as keyof typeof expected.values
          const error = expected.errors[key]
          const [low, high] = expected.intervals()[key].map((end) => formatWithError(end, error))
          return [
            name,
            `${formatWithError(expected.values[key], error)} ± ${formatWithError(error, error)}`,
            `${low} to ${high}`,
          ]
        }),
      )
    expect(half).toBeCloseTo(Math.log(2) / expected.values.b, 10)
    const correlations = await page
      .getByRole('region', { name: 'Correlations' })
      .locator('tbody td')
      .allTextContents()
    const { correlation } = expected
    expect(correlations).toEqual(
      correlation.flatMap((row, i) => row.slice(0, i + 1).map((r) => formatNumber(r, 3))),
    )
    await expect
      .poll(() => hashOf(page))
      .toMatch(/weights=1\/f&derive=half = log\(2\)\/b&profile=true.*&loss=softL1/)
    const other = await open(new URL(page.url()).hash)
    await expect.poll(async () => (await seen(other)).parameters.length).toBe(4)
    const file = JSON.parse(await saved(page, 'Save the result'))
    expect([file.weights, file.loss, file.derive]).toEqual(['1/f', 'softL1', options.derive])
    expect(file.values).toEqual(JSON.parse(JSON.stringify(expected.values)))
    await page.getByLabel('derived quantities').fill('half = log(2)/q')
    await page.getByText('derive: half: expected parameters among a, b, c').waitFor()
  })

  test('may contain groups with separate fits, of which the page shows one', async () => {
    const page = await open()
    const { t, rows } = ofTwo()
    await data(page).fill(['who,t,y', ...rows.map((row) => row.join())].join('\n'))
    await chosen(page, 'group').selectOption('who')
    const fitOf = (name: string) =>
      fitInNode(
        expression('a*exp(-b*t) + c'),
        { t, y: rows.filter(([who]) => who === name).map(([, , y]) => y) },
        { start: { a: 1, b: 1, c: 1 } },
      )
    const [ada, bob] = [fitOf('Ada'), fitOf('Bob')]
    await expectFit(page, ada)
    const table = page.getByRole('region', { name: 'Groups' }).locator('tbody tr')
    const cells = await table.evaluateAll((rows) =>
      rows.map((row) => [...row.children].map(({ textContent }) => textContent?.trim())),
    )
    const expected = (name: string, found: Fit) => [
      ...[
        name,
        '20',
        ...told(found).parameters.map(([, value]) => value),
        formatNumber(found.chiSquared, 6),
        '',
      ],
    ]
    expect(cells).toEqual([expected('Ada', ada), expected('Bob', bob)])
    await page.getByRole('radio', { name: 'Bob' }).check()
    await expectFit(page, bob)
    expect(await page.getByRole('radio', { name: 'Bob' }).isChecked()).toBe(true)
    expect(await page.locator('.curve path.other').count()).toBe(1)
    const file = JSON.parse(await saved(page, 'Save the result'))
    expect([file.group, file.groups]).toEqual(['who', ['Ada', 'Bob']])
    expect(file.fits.map(({ values }: Fit) => values)).toEqual(
      JSON.parse(JSON.stringify([ada.values, bob.values])),
    )
    await expect.poll(() => hashOf(page)).toMatch(/group=who/)
    await chosen(page, 'group').selectOption('')
    await expect.poll(() => page.getByRole('region', { name: 'Groups' }).count()).toBe(0)
  })

  test('may contain a numeric column of groups', async () => {
    const page = await open('model=fourPL')
    const rows = [1, 2].flatMap((plate) =>
      [0, 0.1, 0.3, 1, 3, 10, 30].map((dose, i) => [plate, dose, 100 / (1 + dose / plate) + (i % 3)]),
    )
    await data(page).fill(['plate,dose,response', ...rows.map((row) => row.join())].join('\n'))
    await expect.poll(() => chosen(page, 'x').inputValue()).toBe('plate')
    await chosen(page, 'group').selectOption('plate')
    await page.getByRole('region', { name: 'Groups' }).waitFor()
    await expect.poll(() => chosen(page, 'x').inputValue()).toBe('dose')
    expect(await chosen(page, 'y').inputValue()).toBe('response')
    await page.getByLabel('log x').check()
    await page
      .getByText('1 of the points is not positive and cannot be drawn on a logarithmic axis.')
      .waitFor()
    await data(page).fill(
      ['plate,dose,response', ...rows.map(([plate, dose, y]) => [plate, dose - 0.1, y].join())].join('\n'),
    )
    await page.locator('.status').getByText('1 row has a dose below 0').waitFor()
    await page.getByLabel('bottom: shared').check()
    await page.locator('.status').getByText('group 1: 1 row has a dose below 0').waitFor()
  })

  test('may contain groups with shared parameters, which the link to the page stores', async () => {
    const page = await open('example=decay', { viewport: { width: 320, height: 800 } })
    const { rows } = ofTwo()
    await data(page).fill(['who,t,y', ...rows.map((row) => row.join())].join('\n'))
    const box = page.getByLabel('b: shared')
    expect(await box.isDisabled()).toBe(true)
    await chosen(page, 'group').selectOption('who')
    await page.getByRole('region', { name: 'Groups' }).waitFor()
    await box.focus()
    await page.keyboard.press('Space')
    const expected = fitShared(
      expression('a*exp(-b*t) + c'),
      { t: rows.map(([, at]) => at), y: rows.map(([, , y]) => y), who: rows.map(([who]) => who) },
      { group: 'who', shared: ['b'], start: { a: 1, b: 1, c: 1 } },
    )
    const whole = [expected.chiSquared, expected.reducedChiSquared, expected.aic, expected.bic]
      .map((number) => formatNumber(number, 6))
      .concat('40, 5', `${expected.evaluations}`)
    const toldOf = (k: number) => {
      const { values, errors, free, intervals } = expected.at(k)
      const ends = intervals.call(expected.at(k))
      const parameters = ['a', 'b', 'c'].map((name) => {
        const [low, high] = ends[name].map((end) => formatWithError(end, errors[name]))
        return [
          name,
          `${formatWithError(values[name], errors[name])} ± ${formatWithError(errors[name], errors[name])}`,
          `${low} to ${high}`,
        ]
      })
      expect(free).toEqual(['a', 'c', 'b'])
      return { parameters, whole }
    }
    await expect.poll(() => seen(page)).toEqual(toldOf(0))
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320)
    expect(await violationsIn(page)).toEqual([])

    await page.getByRole('radio', { name: 'Bob' }).check()
    await expect.poll(() => seen(page)).toEqual(toldOf(1))
    expect(await page.locator('.curve path.other').count()).toBe(1)
    const bob = expected.at(1)
    const { curve, band } = await drawn(page)
    expect(placesIn(curve).length).toBeGreaterThan(100)
    expect(band).not.toBe('')
    await page.getByLabel('profile-likelihood intervals').check()
    const { low, high } = profileSync(bob, 'a')
    await expect
      .poll(async () => (await seen(page)).parameters[0][2])
      .toBe([low, high].map((end) => formatWithError(end, bob.errors.a)).join(' to '))
    const file = await expect
      .poll(async () => JSON.parse(await saved(page, 'Save the result')).intervals.a)
      .toEqual([low, high])
      .then(async () => JSON.parse(await saved(page, 'Save the result')))
    expect([file.shared, file.group, file.groups]).toEqual([['b'], 'who', ['Ada', 'Bob']])
    expect(file.fits.map(({ values }: Fit) => values.b)).toEqual(Array(2).fill(expected.values.shared.b))
    expect(file.chiSquared).toBe(expected.chiSquared)
    expect([file.shown, file.intervals.a, file.fits[1].intervals.a]).toEqual([
      'Bob',
      [low, high],
      [low, high],
    ])
    const ada = profileSync(expected.at(0), 'a')
    expect(file.fits[0].intervals.a).toEqual([ada.low, ada.high])
    expect(await page.getByText('Parameters of Bob').count()).toBe(1)

    await expect.poll(() => hashOf(page)).toMatch(/group=who.*shared\.b=true/)
    const linked = await open(new URL(page.url()).hash.slice(1))
    await data(linked).fill(['who,t,y', ...rows.map((row) => row.join())].join('\n'))
    await linked.getByRole('region', { name: 'Groups' }).waitFor()
    await expect.poll(async () => (await seen(linked)).whole).toEqual(whole)
    expect(await linked.getByLabel('b: shared').isChecked()).toBe(true)
    // Without groups, no parameter is shared.
    await chosen(linked, 'group').selectOption('')
    await expect.poll(async () => (await seen(linked)).whole[0]).not.toBe(whole[0])
    expect(await linked.getByLabel('b: shared').isDisabled()).toBe(true)
  })

  test('can be drawn on logarithmic axes, which omit the points without a logarithm', async () => {
    const page = await open()
    const doses = [0, 0.001, 0.01, 0.1, 1, 10, 100, 1000]
    const rows = doses.map((x) => `${x},${(1 + (9 * x) / (1 + x) + 0.1 * Math.cos(9 * x)).toFixed(4)},0.2`)
    await data(page).fill(['x,y,s', ...rows].join('\n'))
    await chosen(page, 'model').selectOption('fourPL')
    await chosen(page, 'σ').selectOption('s')
    await page.locator('.status').getByText('Converged').waitFor()
    await page.getByLabel('log x').check()
    await page.getByLabel('log y').check()
    const marks = () => page.locator('.curve text').allTextContents()
    await expect.poll(marks).toEqual(expect.arrayContaining(['0.01', '0.1', '1', '10', '100', '2', '5']))
    const { points, curve } = await drawn(page)
    const dots = [...points.matchAll(/M(\S+) (\S+)h0/g)].map(([, x]) => Number(x))
    expect(dots).toHaveLength(7)
    const gaps = dots.slice(1).map((x, i) => x - dots[i])
    for (const gap of gaps) expect(Math.abs(gap - gaps[0])).toBeLessThan(0.3)
    expect(placesIn(curve).length).toBeGreaterThan(200)
    expect(`${points}${curve}`).not.toMatch(/NaN|Infinity/)
    expect(await page.locator('.curve svg').innerHTML()).not.toMatch(/NaN|Infinity/)
    await expect.poll(() => hashOf(page)).toMatch(/logX=true&logY=true/)
  })

  test('may contain rows with invalid numbers, which the page lists and drops', async () => {
    const page = await open()
    const lines = example().split('\n')
    const broken = [...lines.slice(0, 5), 'soon,1', '3,', ...lines.slice(5), '1,2,3']
    await paste(page, broken.join('\n'))
    await page.getByText('40 rows, 3 rows dropped').waitFor()
    expect(await page.locator('.data li').allTextContents()).toEqual([
      'Line 6: “soon” in t is not a number.',
      'Line 7: an empty cell in y is not a number.',
      'Line 44 has more cells than the first row.',
    ])
    await expectFit(page, fitInNode(expression('a*exp(-b*t) + c'), decay(), { start: { a: 1, b: 1, c: 1 } }))
  })

  test('cause an error message if the text is not a table', async () => {
    const page = await open()
    await data(page).fill('hello')
    await page.getByText('Expected a table with at least two numeric columns, got none.').waitFor()
    expect(await data(page).getAttribute('aria-invalid')).toBe('true')
    expect(await page.locator('.curve svg').count()).toBe(0)
    expect(await button(page, 'Save the result').isDisabled()).toBe(true)
    await data(page).fill('t,y\n1,2\n2,3')
    await page.locator('.status').getByText('Too few points').waitFor()
    await page.getByRole('combobox', { name: 'example' }).selectOption('decay')
    await page.locator('.status').getByText('Converged').waitFor()
    expect(await data(page).getAttribute('aria-invalid')).toBe(null)
  })
})

describe('a file on the fit page', () => {
  const csv = 'x;y;s\n1,5;3;0,1\n2;4,2;0,2\n3;5,9;0,1\n4,5;9;0,3\n5;9,9;0,1'
  const columns = {
    x: [1.5, 2, 3, 4.5, 5],
    y: [3, 4.2, 5.9, 9, 9.9],
  }
  const sigma = [0.1, 0.2, 0.1, 0.3, 0.1]

  test('can be dropped anywhere on the page, and can contain a column of σ', async () => {
    const page = await open('model=line')
    const dropped = await page.evaluateHandle((csv) => {
      const transfer = new DataTransfer()
      transfer.items.add(new File([csv], 'some.csv', { type: 'text/csv' }))
      return transfer
    }, csv)
    await page.locator('h1').dispatchEvent('drop', { dataTransfer: dropped })
    const line = models.line()
    await expectFit(page, fitInNode(line, columns))
    await chosen(page, 'σ').selectOption('s')
    await expectFit(page, fitInNode(line, columns, { sigma }))
    await page.getByLabel('σ is known').check()
    await expectFit(page, fitInNode(line, columns, { sigma, absoluteSigma: true }))
    expect(await page.getByLabel('prediction band').isDisabled()).toBe(true)
  })

  test('can be opened, and is refused if too large or not UTF-8', async () => {
    const page = await open('model=line')
    const choose = (name: string, text: string, encoding: BufferEncoding = 'utf8') =>
      page
        .getByLabel('file', { exact: true })
        .setInputFiles({ name, mimeType: 'text/csv', buffer: Buffer.from(text, encoding) })
    await choose('some.csv', csv)
    await expectFit(page, fitInNode(models.line(), columns))
    await choose('large.csv', 'x,y\n'.repeat(550_000))
    await page.getByText('large.csv has 3 MB: expected at most 2 MB.').waitFor()
    await expectFit(page, fitInNode(models.line(), columns))
    await choose('latin1.csv', 'x,y (µM)\n1,2\n2,3\n', 'latin1')
    await page.getByText('latin1.csv: expected text in UTF-8, got the byte 0xB5 at offset 5;').waitFor()
    await expectFit(page, fitInNode(models.line(), columns))
  })
})

describe('a model on the fit page', () => {
  test('can be typed, and is reported if invalid', async () => {
    const page = await open()
    await typed(page).fill('a*exq(-b*t)')
    await page.getByText('at character 3').waitFor()
    expect(await typed(page).getAttribute('aria-invalid')).toBe('true')
    // The page still displays the data, without a fit.
    expect(placesIn((await drawn(page)).points)).toHaveLength(40)
    expect((await drawn(page)).curve).toBe('')
    await typed(page).fill('a*exp(-b*t')
    await page.getByText('at character 11').waitFor()
    await typed(page).fill('a + y')
    await page.getByText('The model contains “y”, the dependent variable.').waitFor()
    await typed(page).fill('a*exp(-b*t)')
    await expectFit(page, fitInNode(expression('a*exp(-b*t)'), decay(), { start: { a: 1, b: 1 } }))
    expect(await typed(page).getAttribute('aria-invalid')).toBe(null)
  })

  test('can be a library model with a visible formula', async () => {
    const page = await open()
    await chosen(page, 'model').selectOption('line')
    await expect.poll(() => typed(page).inputValue()).toBe('slope*t + intercept')
    await chosen(page, 'model').selectOption('own')
    await expect.poll(() => typed(page).inputValue()).toBe('a*exp(-b*t) + c')
  })

  test('is shown with the sum of squares, or with χ² if σ is known', async () => {
    const page = await open('model=line')
    const whole = page.getByRole('region', { name: 'Fit statistics', exact: true })
    await data(page).fill('x,y,s\n1,2,1\n2,4.1,1\n3,6,2\n4,8.2,1')
    await whole.getByText('Residual sum of squares').waitFor()
    expect(await whole.getByText('χ²').count()).toBe(0)
    await chosen(page, 'σ').selectOption('s')
    await whole.getByText('χ²', { exact: true }).waitFor()
    expect(await whole.getByText('Residual sum of squares').count()).toBe(0)
  })

  test('is plotted as values unless the model uses exactly one column', async () => {
    const page = await open()
    await data(page).fill('u,v,y\n1,2,3\n2,1,4\n3,5,8.1\n4,4,9\n5,1,7')
    await chosen(page, 'y').selectOption('y')
    await typed(page).fill('a*u + b*v')
    const [u, v, y] = [
      [1, 2, 3, 4, 5],
      [2, 1, 5, 4, 1],
      [3, 4, 8.1, 9, 7],
    ] as const
    await expectFit(page, fitInNode(expression('a*u + b*v'), { u, v, y }, { start: { a: 1, b: 1 } }))
    await page.getByText('Data and model values').waitFor()
    await typed(page).fill('a')
    await page.getByText('y = a, with no column and the parameter a').waitFor()
    await expectFit(page, fitInNode(expression('a'), { y }, { start: { a: 1 } }))
  })

  test('causes a message if the parameters are unidentifiable', async () => {
    const page = await open()
    await typed(page).fill('a + b + c*t')
    await page.locator('.status').getByText('Singular').waitFor()
    await page.locator('.status').getByText('the data determine some parameters only together').waitFor()
  })

  test('causes a message that names an unidentifiable constant', async () => {
    const page = await open()
    await data(page).fill('t,y\n0,2\n1,2\n2,2\n3,2\n4,2\n5,2\n')
    await typed(page).fill('a*exp(-b*t) + c')
    await page.locator('.status').getByText('the data do not determine b').waitFor()
    await page.locator('.status').getByText('y is constant: R² is undefined').waitFor()
    await page.getByText('not identifiable from the data').waitFor()
  })
})

describe('parameters on the fit page', () => {
  test('can be fixed, or given starting values and bounds, by keyboard alone', async () => {
    const page = await open()
    await page.getByLabel('a: start').focus()
    await page.keyboard.type('2')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    await page.keyboard.type('2.4')
    await page.getByLabel('c: fixed').focus()
    await page.keyboard.press('Space')
    await page.getByLabel('c: start').fill('0.4')
    const options = { start: { a: { start: 2, max: 2.4 }, b: 1, c: { start: 0.4, fixed: true } } }
    const expected = fitInNode(expression('a*exp(-b*t) + c'), decay(), options)
    expect(expected.values.a).toBe(2.4)
    await expect
      .poll(async () => (await seen(page)).parameters)
      .toEqual([['a', '2.4, at bound', '–'], told(expected).parameters[1], ['c', '0.4', '–']])
    await expect.poll(() => hashOf(page)).toContain('start.a=2&max.a=2.4')
  })

  test('cause a message if invalid, and the previous fit stays visible', async () => {
    const page = await open()
    const start = page.getByLabel('b: start')
    await start.fill('much')
    await page.getByText('b: start: expected a finite number or an empty field, got “much”.').waitFor()
    expect(await start.getAttribute('aria-invalid')).toBe('true')
    await page.getByLabel('a: min').fill('3')
    await page.getByLabel('a: max').fill('2')
    await page.getByText('start: a: expected min ≤ max, got').waitFor()
    expect((await drawn(page)).curve).toBe('')
  })
})

describe('many small changes on the fit page', () => {
  /** Counts the memories that have been created since. */
  const counting = () => {
    const counts = { memories: 0 }
    const { Memory } = WebAssembly
    WebAssembly.Memory = new Proxy(Memory, {
      construct(target, given) {
        counts.memories++
        return Reflect.construct(target, given)
      },
    })
    Object.assign(globalThis, { counts })
  }

  test('cause only one fit per frame, which uses the newest state', async () => {
    const page = await open()
    await page.locator('.status').getByText('Converged').waitFor()
    await page.evaluate(counting)
    await page.getByLabel('a: start').evaluate(async (input: HTMLInputElement) => {
      for (let i = 1; i <= 1000; i++) {
        input.value = `${1 + i / 1000}`
        input.dispatchEvent(new Event('input', { bubbles: true }))
        if (i % 4 === 0) await new Promise((resolve) => setTimeout(resolve))
      }
    })
    const from = { start: { a: 2, b: 1, c: 1 } }
    await expectFit(page, fitInNode(expression('a*exp(-b*t) + c'), decay(), from))
    const { memories } = await page.evaluate(
      () => (globalThis as unknown as { counts: { memories: number } }).counts,
    )
    expect(memories).toBeLessThan(30)
  })

  test('start a fit only after a pause in typing if the table is large', async () => {
    const page = await open('model=line')
    const rows = Array.from({ length: 20_000 }, (_, i) => `${i},${i % 7}`)
    await data(page).evaluate(
      (area: HTMLTextAreaElement, text) => {
        area.value = text
        area.dispatchEvent(new InputEvent('input', { bubbles: true }))
      },
      `x,y\n${rows.join('\n')}`,
    )
    await page.getByText('20,000 rows').waitFor()
    const usual = await data(page).evaluate(async (area: HTMLTextAreaElement) => {
      const durations: number[] = []
      for (let i = 0; i < 7; i++) {
        area.value += '1'
        const began = performance.now()
        area.dispatchEvent(new InputEvent('input', { bubbles: true }))
        durations.push(performance.now() - began)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      return durations.sort((a, b) => a - b)[3]
    })
    // Reading the table takes longer.
    expect(usual).toBeLessThan(10)
  })
})

describe('the result on the fit page', () => {
  test('can be saved with the same bits as in Node, and as an image', async () => {
    const page = await open('example=decay&start.c=0.5')
    const expected = fitInNode(expression('a*exp(-b*t) + c'), decay(), { start: starts })
    await expectFit(page, expected)
    const { values, errors, covariance, correlation, chiSquared, rSquared, aic, bic, reason } = expected
    expect(JSON.parse(await saved(page, 'Save the result'))).toMatchObject({
      ...{ values, errors, covariance, correlation, chiSquared, rSquared, aic, bic, reason },
      ...{ model: 'a*exp(-b*t) + c', x: 't', y: 'y', engine: 'wasm', intervals: expected.intervals() },
      start: { a: { start: 1 }, b: { start: 1 }, c: { start: 0.5 } },
    })
    const svg = await saved(page, 'Save the plot')
    expect(svg).toMatch(
      /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg".*40 points of y against t, with the fitted curve/,
    )
    expect(svg).toContain((await drawn(page)).curve)
  })

  test('is stored in the link, except for the data', async () => {
    const page = await open()
    const [ofB, options] = [{ x: [1, 2, 3, 4], y: [3, 5.1, 7, 8.9] }, { start: { intercept: { min: 0.5 } } }]
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await data(page).fill('a,b,secret\n1,3,1\n2,5.1,1\n3,7,2\n4,8.9,1')
    await chosen(page, 'model').selectOption('line')
    await page.getByLabel('intercept: min').fill('0.5')
    // The link is copied before the fit of the new selection.
    const copy = await button(page, 'Copy the link').elementHandle()
    await chosen(page, 'y').evaluate((select: HTMLSelectElement, copy) => {
      select.value = 'b'
      select.dispatchEvent(new Event('change'))
      ;(copy as HTMLButtonElement).click()
    }, copy)
    await expectFit(page, fitInNode(models.line(), ofB, options))
    await page.getByText('The link to this fit (without the data) has been copied.').waitFor()
    const { hash } = new URL(await page.evaluate(() => navigator.clipboard.readText()))
    expect(hash).toBe('#model=line&y=b&min.intercept=0.5')
    const other = await open(hash.slice(1))
    await data(other).fill('a,b,secret\n1,3,1\n2,5.1,1\n3,7,2\n4,8.9,1')
    await expectFit(other, fitInNode(models.line(), ofB, options))
    expect(await other.getByLabel('intercept: min').inputValue()).toBe('0.5')
  })

  test("is replaced by a request for the link's columns if the data are missing", async () => {
    const page = await open('model=own&expression=k*dose&x=dose&y=rate&sigma=e&min.k=0')
    expect(await page.getByLabel('k: min').inputValue()).toBe('0')
    const asked = 'paste, drop or open a table with the columns “dose”, “rate”, “e”.'
    await page.getByText(asked).waitFor()
    expect(await page.locator('.curve svg').count()).toBe(0)
    expect(await button(page, 'Save the result').isDisabled()).toBe(true)
    await data(page).fill('dose,rate,e\n1,2,1\n2,4.1,1\n3,6,2')
    const columns = { dose: [1, 2, 3], rate: [2, 4.1, 6] }
    const fitted = fitInNode(expression('k*dose'), columns, {
      ...{ start: { k: { start: 1, min: 0 } }, y: 'rate', sigma: [1, 1, 2] },
    })
    await expectFit(page, fitted)
    expect(await page.getByText(asked).count()).toBe(0)
    // The new table has other columns, and the page no longer requests the previous columns.
    await data(page).fill('t,y\n1,2\n2,4.1\n3,6')
    const others = fitInNode(
      expression('k*t'),
      { t: [1, 2, 3], y: [2, 4.1, 6] },
      { start: { k: { start: 1, min: 0 } } },
    )
    await expectFit(page, others)
  })

  test('depends only on the valid parts of an address', async () => {
    const page = await open('model=lime&start.a=2')
    const [problem] = await page.locator('#problems li').allTextContents()
    expect(problem).toContain('The model “lime”')
    expect(await page.getByLabel('a: start').inputValue()).toBe('2')
    await page.evaluate(() => {
      location.replace('#model=line')
      // Simulates a fit that ends at the same moment.
      history.replaceState(null, '', '#model=lime')
    })
    await expect.poll(() => typed(page).inputValue()).toBe('slope*x + intercept')
    expect(await page.locator('#problems').isVisible()).toBe(false)
  })
})

describe('on the fit page,', () => {
  test.each([
    ['wide and light', { viewport: { width: 1280, height: 900 } }],
    ['a phone with dark colors', { viewport: { width: 390, height: 844 }, colorScheme: 'dark' }],
  ] as const)('the accessibility check finds no violation: %s', async (_, options) => {
    const page = await open('example=decay', options)
    await page.locator('.status').getByText('Converged').waitFor()
    const check = async () => {
      expect(await violationsIn(page)).toEqual([])
      // No element exceeds the page's width.
      const width = await page.evaluate(() => document.documentElement.scrollWidth)
      expect(width).toBe(options.viewport.width)
    }
    await check()
    const long = 'c'.repeat(120)
    await typed(page).fill(`a*exp(-b*t) + ${long}`)
    await page.getByLabel(`${long}: start`).waitFor()
    await page.locator('.status').getByText('Converged').waitFor()
    await check()
    await data(page).fill('a very long name of a column indeed; y\n1;2\nno;3\n2;3')
    await typed(page).fill('a*(b')
    await page.getByText('at character 5').waitFor()
    await check()
  })

  test("the plot uses the system's color scheme", async () => {
    const page = await open('example=decay', { colorScheme: 'light' })
    const ground = () => page.locator('.curve svg > rect').getAttribute('fill')
    await expect.poll(ground).toBe(light.surface)
    await page.emulateMedia({ colorScheme: 'dark' })
    await expect.poll(ground).toBe(dark.surface)
  })

  test('a link leads to the race page, and the race page links back', async () => {
    const { page, errors } = await visit({ ...site, address: `${site.address}fit.html` }, '')
    await page.getByRole('link', { name: 'antigrad', exact: true }).click()
    await openDrawer(page)
    await page.getByRole('link', { name: 'Fit your data' }).click()
    await page.getByText('The half-life is 1.193 ± 0.076; the model describes the data well.').waitFor()
    expect(errors).toEqual([])
    await page.close()
  })

  test('a message reports a part of the page that cannot be loaded', async () => {
    const page = await site.browser.newPage()
    let scripts = 0
    await page.route(/fit-.*\.js$/, (route) => (++scripts === 1 ? route.continue() : route.abort()))
    await page.goto(`${site.address}fit.html`)
    await page.getByText(/^The page could not be loaded: .*Failed to fetch/).waitFor()
    await page.close()
  })

  test('another engine computes the same fit if the content security policy forbids WebAssembly', async () => {
    const { page } = await visit({ ...site, address: `${site.address}fit.html` }, 'example=decay')
    const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:"
    await page.route(/fit\.html/, async (route) => {
      const response = await route.fetch()
      await route.fulfill({ response, headers: { ...response.headers(), 'content-security-policy': policy } })
    })
    await page.reload()
    await button(page, 'Statistics').click()
    await page.getByText(/^typescript, .* ms$/).waitFor()
    await expectFit(page, fitInNode(expression('a*exp(-b*t) + c'), decay(), { start: { a: 1, b: 1, c: 1 } }))
    await page.close()
  })
})

test('the files of the fit page stay within the size limit', async () => {
  const { page, requests } = await visit({ ...site, address: `${site.address}fit.html` }, '')
  await page.close()
  const files = requests.filter((url) => url.startsWith(site.address)).map((url) => new URL(url).pathname)
  const names = files.map((path) => path.replace(new URL(site.address).pathname, ''))
  expect(names).toContain('fit.html')
  expect(names.length).toBeGreaterThan(3)
  // The details follow the first curve, and bring other files.
  const first = names.slice(
    0,
    names.findIndex((name) => name.includes('fit-details-')),
  )
  expect(first.some((name) => name.includes('fit-core-'))).toBe(true)
  expect(first.reduce((sum, name) => sum + zipped(join(site.folder, name)), 0)).toBeLessThan(120_000)
})

test('the fit page fits with a distribution as in Node, and shows −2 log L, its band and Pearson residuals', async () => {
  const page = await open('example=decay&expression=a*exp(-b*t) %2B c')
  await chosen(page, 'distribution').selectOption('normal')
  const sigma = 'sqrt(add^2 + (prop*f)^2)'
  await page.getByLabel('σ =', { exact: true }).fill(sigma)
  const { values: first } = fitInNode(expression('a*exp(-b*t) + c'), decay(), { start: { a: 1, b: 1, c: 1 } })
  const expected = fitInNode(expression('a*exp(-b*t) + c'), decay(), {
    ...{ distribution: normal({ sigma }), start: { ...first, add: 0.1, prop: 0.1 } },
  })
  const { values, errors } = expected
  const all = ['a', 'b', 'c', 'add', 'prop'] as const
  // The page finds other starting values, so that the last bits differ.
  const rows = all.map((name) => [
    name,
    `${formatWithError(values[name], errors[name])} ± ${formatWithError(errors[name], errors[name])}`,
  ])
  await expect.poll(async () => (await seen(page)).parameters.map((row) => row.slice(0, 2))).toEqual(rows)
  const [cost, aic, bic] = (await seen(page)).whole
  expect([cost, aic, bic]).toEqual(
    [expected.minus2LogLikelihood, expected.aic, expected.bic].map((number) => formatNumber(number, 6)),
  )
  await page.getByText('−2 log L', { exact: true }).waitFor()
  expect(await page.locator('.verdict').textContent()).toMatch(
    /^a is .*, b is .*, c is [^,]*; the model describes/,
  )
  const residuals = placesIn((await drawn(page)).residuals).map(([, y]) => y)
  const pearson = expected.residualsOf('pearson')
  const scale = (residuals[1] - residuals[0]) / (pearson[1] - pearson[0])
  for (const [i, y] of residuals.entries())
    expect(Math.abs(y - residuals[0] - scale * (pearson[i] - pearson[0]))).toBeLessThan(0.6)
  await page.getByLabel('prediction band').check()
  await page.getByText('95% prediction band').waitFor()
  await expect.poll(() => hashOf(page)).toContain(`scale=${sigma}`)
  const file = JSON.parse(await saved(page, 'Save the result'))
  expect([file.distribution, file.sigma]).toEqual(['normal', sigma])
  expect(file.minus2LogLikelihood).toBeCloseTo(expected.minus2LogLikelihood, 6)

  // Successes among trials are drawn as proportions.
  await data(page).fill(
    `dose,dead,n\n${[1, 3, 6, 13, 17, 20].map((dead, i) => `${2 ** i},${dead},20`).join('\n')}`,
  )
  await typed(page).fill('1/(1 + (d50/dose)^s)')
  await chosen(page, 'distribution').selectOption('binomial')
  await page.getByText('Trials: expected a number, or the name of a column of trials, got nothing.').waitFor()
  await page.getByLabel('trials =', { exact: true }).fill('n')
  await expect
    .poll(() => page.locator('.curve svg').getAttribute('aria-label'))
    .toContain('points of dead / n against dose, with the fitted curve')
  await page.getByText(/^d50 is 5\.66 ± 0\.78, s is 1\.88 ± 0\.32; the model describes/).waitFor()
})

test('the fit page fits differential equations as in Node, which the list of models offers', async () => {
  const page = await open()
  const day = Array.from({ length: 14 }, (_, i) => i)
  const ill = [3, 8, 26, 76, 225, 298, 258, 233, 189, 128, 68, 29, 14, 4]
  await data(page).fill(`day,ill\n${day.map((t, i) => `${t},${ill[i]}`).join('\n')}`)
  await chosen(page, 'model').selectOption('epidemic')
  const epidemic = ode({
    states: { S: 'n - first', I: 'first' },
    rates: { S: '-beta*S*I/n', I: 'beta*S*I/n - gamma*I' },
    ...{ time: 'day', observe: 'I' },
  })
  const start = { n: { start: 763, fixed: true }, first: 1, beta: 2, gamma: 0.5 }
  const expected = fitInNode(epidemic, { day, ill }, { start, y: 'ill' })
  await expect.poll(async () => (await seen(page)).parameters).toEqual(told(expected).parameters)
  expect(placesIn((await drawn(page)).curve).length).toBeGreaterThan(200)
  expect(await chosen(page, 'model').inputValue()).toBe('own')
  await typed(page).fill("S' = -beta*S*I/n; I' = beta*S*I/n - gamma*I")
  await page.getByText('Equations: expected the observed quantity, such as f = S, got none.').waitFor()
})
