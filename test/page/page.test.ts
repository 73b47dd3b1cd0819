/** The race page in Chromium, by mouse and by keyboard. Results are compared bit by bit. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { scenes } from '../../page/src/scenes.js'
import { initial } from '../../page/src/state.js'
import type { SiteInChromium } from '../static-server.js'
import {
  expectedPoints,
  openDrawer,
  type PageOptions,
  pointsIn,
  serveToChromium,
  type Visit,
  violationsIn,
  visit,
  zipped,
} from './site.js'

let site: SiteInChromium
let visits: Visit[] = []

beforeAll(async () => {
  site = await serveToChromium()
})

afterEach(async () => {
  for (const { page, requests, errors } of visits) {
    await page.close()
    expect(errors).toEqual([])
    for (const url of requests)
      expect(url.startsWith(site.address) || /^(data|blob):/.test(url), url).toBe(true)
  }
  visits = []
})

afterAll(async () => {
  await site?.close()
})

async function open(hash: string, options?: PageOptions): Promise<Page> {
  const opened = await visit(site, hash, options)
  visits.push(opened)
  return opened.page
}

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })
const handle = (page: Page) => page.locator('.handle')
const settings = (page: Page) => page.getByText('Start and stopping criteria').click()
const openSurface = (page: Page) => button(page, 'Surface').click()
const hashOf = (page: Page) => new URL(page.url()).hash

/** Runs a race to its end. */
async function race(page: Page): Promise<void> {
  await openDrawer(page)
  await page.getByLabel('speed').selectOption('3000')
  await button(page, 'Play').click()
  await page.getByText('The race is over').waitFor()
}

/** The lines of the saved file, grouped by racer. */
async function points(page: Page): Promise<string[][]> {
  const download = await savedPoints(page).catch(() => savedPoints(page))
  return pointsIn(readFileSync(await download.path(), 'utf8'))
}

/** Clicks the button. A new address of the page can cancel a download that has just begun. */
async function savedPoints(page: Page) {
  const [download] = await Promise.all([
    page.waitForEvent('download', { timeout: 30_000 }),
    button(page, 'Save the points').click(),
  ])
  return download
}

/**
 * Saves the points and compares the points with the race in the address. The page updates the address when the race
 * stops.
 */
async function expectPoints(page: Page): Promise<string[][]> {
  const found = await points(page)
  await expect.poll(() => expectedPoints(hashOf(page))).toEqual(found)
  return found
}

async function drag(page: Page, from: string, dx: number, dy: number): Promise<void> {
  const box = await page.locator(from).boundingBox()
  if (!box) throw new Error(`${from} is not there`)
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2]
  await page.mouse.move(x, y)
  await page.mouse.down()
  await page.mouse.move(x + dx / 2, y + dy / 2)
  await page.mouse.move(x + dx, y + dy)
  await page.mouse.up()
}

const mixture = [
  'f=rosenbrock&from=-1.5,2&maxIterations=400',
  ...['gradientDescent=lr:0.001', 'nesterov=lr:0.001,form:shifted', 'adagrad=form:essay,lr:0.003'],
  ...[
    'adam=lr:0.1,amsgrad:true,warmup:20',
    'radam=lr:0.002,delay:10',
    'sgd=lr:0.002,momentum:0.9,clipNorm:1',
  ],
].join('&')

describe('a race on the race page', () => {
  test('has a draggable start, and visits the same points as minimize in Node', async () => {
    const page = await open(mixture)
    await drag(page, '.handle', 120, 60)
    await expect.poll(() => hashOf(page)).not.toContain('from=-1.5,2')
    await race(page)
    const found = await expectPoints(page)
    expect(found.map(({ length }) => length)).toEqual(Array(6).fill(401))
  })

  test('is the same for every visitor who opens the link to the race', async () => {
    const page = await open(mixture)
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await settings(page)
    await page.getByLabel('start x').fill('-0.3')
    await page.getByLabel('start x').press('Enter')
    const first = page.locator('.entries li').first()
    await first.getByText('Options').click()
    await first.getByLabel('value clipping').fill('0.5')
    await first.getByLabel('value clipping').press('Enter')
    await button(page, 'Copy link').click()
    await page.getByText('The link to this race has been copied').waitFor()
    // No optimizer has arrived, so no sentence with the result precedes the link.
    const link = await page.evaluate(() => navigator.clipboard.readText())
    expect(link).toContain('from=-0.3,2')
    expect(link).toContain('gradientDescent=lr:0.001,clipValue:0.5')
    await race(page)
    const other = await open(new URL(link).hash.slice(1))
    await race(other)
    expect(await points(other)).toEqual(await points(page))
  })

  test('can be paused, reset, stepped, and run at several speeds', async () => {
    const page = await open('f=booth&adam=lr:0.1&maxIterations=5000')
    const count = page.locator('.transport output')
    await button(page, 'Reset').click()
    await button(page, 'Step').click()
    await button(page, 'Step').click()
    expect(await count.textContent()).toBe('2 updates')
    await button(page, 'Play').click()
    await expect.poll(() => count.textContent()).not.toBe('2 updates')
    await button(page, 'Pause').click()
    const paused = await count.textContent()
    await page.waitForTimeout(150)
    expect(await count.textContent()).toBe(paused)
    await button(page, 'Reset').click()
    expect(await count.textContent()).toBe('0 updates')
  })

  test('ranks the optimizers by arrival, and states why each run ended', async () => {
    const page = await open(
      'f=rosenbrock&maxIterations=3000&tolerance=1e-7&gradientDescent=lr:1e300&momentum=lr:0.05&' +
        'sgd=lr:0.001&adam=lr:0.1&adam=lr:0.05&nesterov=lr:0.001,maximize:true&adagrad=lr:1e-9',
    )
    await race(page)
    const rows = await page
      .locator('.ranking tbody tr')
      .evaluateAll((rows) => rows.map((row) => [...row.children].map(({ textContent }) => textContent)))
    expect(rows.map(([rank]) => rank)).toEqual(['1', '2', '–', '–', '–', '–', '–'])
    expect(rows.slice(0, 2).map(([, name]) => name)).toEqual(['adam 0.1', 'adam 0.05'])
    const arrived = rows.slice(0, 2).map(([, , after]) => Number(after?.replace(',', '')))
    expect(arrived[0]).toBeLessThan(arrived[1])
    const states = Object.fromEntries(rows.map(([, name, , , , , state]) => [name, state]))
    expect(states).toMatchObject({
      'adam 0.1': 'converged: moved less than 1e−7',
      'sgd 0.001': 'stopped at the limit of 3,000 updates',
      'gradientDescent 1e+300': 'diverged: values are no longer finite',
      'momentum 0.05': 'diverged: values are no longer finite',
      'adagrad 1e-9': 'stalled: steps below 1e−7, although the gradient is 155',
    })
    // The map shows the starting point, whatever the racers do.
    expect(await handle(page).isVisible()).toBe(true)
  })

  test('has a note in the table of results if no minimum is known', async () => {
    const page = await open('f=saddle&adam=lr:0.01&maxIterations=100')
    await race(page)
    expect(await page.locator('.ranking tbody td').allTextContents()).toContain('no minimum known')
  })
})

describe('the race page', () => {
  const count = (page: Page) => page.locator('.transport output').textContent()
  const over = (page: Page) => page.getByText('The race is over').waitFor()

  test('starts the race at a clicked point, and shows complete paths during a drag', async () => {
    const page = await open('f=booth&adam=lr:0.5&momentum=lr:0.02&maxIterations=400')
    await page.locator('.contour').click({ position: { x: 200, y: 100 } })
    await expect.poll(() => button(page, 'Pause').isVisible()).toBe(true)
    await expect.poll(() => hashOf(page)).not.toContain('from=-7,-4')
    await over(page)
    const { width = 0, height = 0, x = 0, y = 0 } = (await page.locator('.handle').boundingBox()) ?? {}
    await page.mouse.move(x + width / 2, y + height / 2)
    await page.mouse.down()
    await page.mouse.move(x + 90, y + 120, { steps: 4 })
    // The button is still pressed and the race is not playing, but the final result is visible.
    await expect
      .poll(() => page.locator('.ranking tbody td.why').allTextContents())
      .toEqual([expect.stringMatching(/converged|limit/), expect.stringMatching(/converged|limit/)])
    expect(await button(page, 'Play').isVisible()).toBe(true)
    await page.mouse.up()
    await over(page)
    await expectPoints(page)
  })

  test("can play the race's timeline in both directions, and explains each update", async () => {
    const page = await open('f=booth&from=-7,-4&momentum=lr:0.02&adam=lr:0.5&maxIterations=200&tolerance=0')
    const timeline = page.locator('.timeline')
    await expect.poll(() => timeline.getAttribute('max')).toBe('200')
    await timeline.fill('30')
    expect(await count(page)).toBe('30 updates')
    const cells = () => page.locator('.equations code').allTextContents()
    await page.getByText('Update 31 with its values').waitFor()
    const [first, x] = await cells()
    expect(first).toBe("v' = α·v − η·g")
    const [left, alpha, v, , g] = [...x.matchAll(/[−\d.e]+/g)]
      .map(([n]) => Number(n.replaceAll('−', '-')))
      .filter((_, i) => i !== 3)
    expect(alpha).toBe(0.9)
    expect(left).toBeCloseTo(0.9 * v - 0.02 * g, 2)
    await timeline.fill('5')
    expect(await count(page)).toBe('5 updates')
    await page.getByText('Update 6 with its values').waitFor()
    await page.getByLabel('Update of').selectOption('adam 0.5')
    await expect.poll(async () => (await cells())[0]).toContain("m' = β₁·m + (1−β₁)·g")
  })

  test("updates the race while a slider moves, and stores the slider's value in the link", async () => {
    const page = await open('f=booth&from=-7,-4&momentum=lr:0.02&maxIterations=300')
    await page.getByLabel('rate of optimizer 1').fill('-2')
    await expect.poll(() => hashOf(page)).toContain('momentum=lr:0.01')
    expect(await page.locator('[data-option="lr"]').inputValue()).toBe('0.01')
    await page.getByLabel('momentum of optimizer 1').fill('0.3')
    await expect.poll(() => hashOf(page)).toContain('momentum:0.499')
    await page.getByLabel('Noise in the gradients').fill('0')
    await expect.poll(() => hashOf(page)).toContain('noise=1')
    await over(page)
    await expectPoints(page)
  })

  test('can show a scene by keyboard alone, and announces the end of the race', async () => {
    const page = await open('f=booth&adam=lr:0.5')
    const link = page.getByRole('link', { name: 'Too large a learning rate' })
    for (let i = 0; i < 60 && !(await link.evaluate((it) => it === document.activeElement)); i++)
      await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await expect.poll(() => link.getAttribute('aria-current')).toBe('true')
    await page.getByLabel('speed').selectOption('3000')
    await button(page, 'Play').focus()
    await page.keyboard.press('Enter')
    await over(page)
    expect(await page.locator('.map-area .status').getAttribute('role')).toBe('status')
    expect(await page.locator('.map-area .status').textContent()).toMatch(
      /^The race is over: 2 of 3 optimizers arrived, gradient descent 0.19 first, after \d+ updates\.$/,
    )
    await page.locator('.timeline').focus()
    await page.keyboard.press('Home')
    expect(await page.locator('.timeline').getAttribute('aria-valuetext')).toBe('0 updates')
    await page.getByText('Update 1 with its values').waitFor()
  })

  test("shows the basins of Himmelblau's function by default, or the basins of the selected function", async () => {
    const page = await open('')
    await page.locator('#basins > summary').click()
    await page.locator('.basins tbody tr').nth(3).waitFor()
    expect(await page.getByRole('combobox', { name: 'Function', exact: true }).inputValue()).toBe(
      'himmelblau',
    )
    const chosen = await open('f=booth&adam=lr:0.5')
    await chosen.locator('#basins > summary').click()
    await chosen.locator('.basins tbody tr').first().waitFor()
    expect(await chosen.getByRole('combobox', { name: 'Function', exact: true }).inputValue()).toBe('booth')
  })

  test('marks options that have no effect', async () => {
    const page = await open('f=booth&adam=lr:0.5')
    await page.locator('.entries summary').click()
    const field = page.locator('.field', { has: page.locator('[data-option="amsgradMoment"]') })
    await field.getByText('This option has no effect: other values do not change').waitFor()
    await page.locator('[data-option="amsgrad"]').check()
    await expect.poll(() => field.locator('.why').count()).toBe(0)
  })

  test('has scenes that are explained in two sentences and visit the same points as in Node', async () => {
    const page = await open('f=booth&adam=lr:0.5', { reducedMotion: 'no-preference' })
    for (const { title, says } of scenes) {
      const link = page.getByRole('link', { name: title, exact: true })
      await link.click()
      await expect.poll(() => page.locator('.says').textContent()).toBe(says.join(' '))
      await expect.poll(() => page.locator('[aria-current="true"]').textContent()).toBe(title)
      const found = await points(page)
      // The address of the link, because the page's address may still be that of the previous race.
      const expected = await expectedPoints(`${await link.getAttribute('href')}`)
      expect(found.map(({ length }) => length)).toEqual(expected.map(({ length }) => length))
      expect(found.join('\n') === expected.join('\n'), title).toBe(true)
    }
  })

  test('can save the race as an SVG image, a PNG image and a program', async () => {
    const page = await open('f=booth&adam=lr:0.5&maxIterations=50')
    const saved = async (name: string) => {
      const [download] = await Promise.all([page.waitForEvent('download'), button(page, name).click()])
      return readFileSync(await download.path())
    }
    const svg = String(await saved('Save as SVG'))
    expect(svg).toMatch(/^<svg xmlns.*<polyline points=".*>adam<\/text>/s)
    expect((await saved('Save as PNG')).subarray(1, 4).toString()).toBe('PNG')
    expect(String(await saved('Save the program'))).toContain('adam({"lr":0.5})')
  })

  test('reports a part of the page that cannot be loaded', async () => {
    const { page } = await visit(site, '')
    await page.route(/(inspect|loss|save|bench)-.*\.js$/, (route) => route.abort())
    await page.reload()
    await openDrawer(page)
    await page.getByText('No chart: a part of the page could not be loaded').waitFor()
    await page.getByText('No equations: a part of the page could not be loaded').waitFor()
    await button(page, 'Save as PNG').click()
    await page.getByText('The file could not be saved').waitFor()
    await page.locator('#engines > summary').click()
    await page.getByText('No engines: a part of the page could not be loaded').waitFor()
    await page.close()
  })
})

describe('a schedule on the race page', () => {
  const lr = (page: Page) => page.locator('[data-option="lr"]')
  const picture = (page: Page) => page.locator('.schedule')

  test('is plotted while the visitor types, and gives the same race as in Node', async () => {
    const page = await open('f=rosenbrock&from=-1.5,2&maxIterations=300&adam=lr:0.1')
    expect(await picture(page).count()).toBe(0)
    await lr(page).fill('warmup(cosine(0.2, { steps: 180, endValue: 0.01 }), { steps: 20 })')
    await lr(page).press('Enter')
    await picture(page).getByText('lr from 0.01 to 0.1948, updates 0 to 188').waitFor()
    expect((await picture(page).locator('polyline').getAttribute('points'))?.split(' ')).toHaveLength(189)
    await expect.poll(() => hashOf(page)).toContain('adam=lr:warmup(cosine(')
    const other = await open(hashOf(page).slice(1))
    expect(await picture(other).textContent()).toBe(await picture(page).textContent())
    await race(other)
    const found = await points(other)
    expect(found).toEqual(await expectedPoints(hashOf(page)))
    expect(found[0]).toHaveLength(301)
    await lr(page).fill('0.1')
    await lr(page).press('Enter')
    await expect.poll(() => picture(page).count()).toBe(0)
  })

  test('causes a message if invalid, and the previous race stays visible', async () => {
    const page = await open('f=booth&adam=lr:0.5')
    await lr(page).fill('cosine(1, { steps: 9 }')
    await lr(page).press('Enter')
    const refusal = 'adam: lr: expected “,” at character 23, got "the end". The race continues with 0.5.'
    await page.getByText(refusal).waitFor()
    expect(await lr(page).getAttribute('aria-invalid')).toBe('true')
    expect(hashOf(page)).toContain('adam=lr:0.5')
  })

  test('causes a message if the code for schedules cannot be loaded', async () => {
    const page = await site.browser.newPage()
    await page.route(/schedules-.*\.js$/, (route) => route.abort())
    await page.goto(`${site.address}#f=booth&adam=lr:constant(0.1)&momentum=lr:0.01&maxIterations=50`)
    await page.getByText('the part of the page that reads schedules could not be loaded').waitFor()
    await openDrawer(page)
    expect(await page.locator('.entries li').count()).toBe(1)
    await race(page)
    await page.close()
  })
})

describe("the visitor's own function on the race page", () => {
  test('can be typed, and is reported if invalid', async () => {
    const page = await open('f=rosenbrock&adam=lr:0.1&maxIterations=200')
    await page.getByRole('combobox', { name: 'Function', exact: true }).selectOption('own')
    const field = page.getByLabel('F(x, y) =')
    await field.fill('(x - 1)^2 + exp(y/2) * y^2')
    await field.press('Enter')
    await expect.poll(() => hashOf(page)).toContain('expression=')
    await field.fill('(x - 1)^2 + exq(y)')
    await field.press('Enter')
    await page.getByText('Unknown function “exq”').waitFor()
    expect(await field.getAttribute('aria-invalid')).toBe('true')
    await field.fill('(x - 1)^2 + y^2')
    await field.press('Enter')
    await expect.poll(() => field.getAttribute('aria-invalid')).toBe(null)
    await expect.poll(() => decodeURIComponent(hashOf(page))).toContain('expression=(x - 1)^2 + y^2')
    await race(page)
    await expectPoints(page)
  })
})

describe('a custom rule on the race page', () => {
  const field = (page: Page) => page.getByLabel('Equations of optimizer 1')
  const scene = scenes.find(({ title }) => title === 'Custom rule')?.hash ?? ''

  test('can be typed, shared and saved, and gives the same race as in Node', async () => {
    const page = await open('f=booth&from=-7,-4&maxIterations=200&adam=lr:0.5')
    await page.getByLabel('Rule of optimizer 1').selectOption('own')
    await field(page).waitFor()
    await expect.poll(() => page.locator('.ranking tbody th').allTextContents()).toEqual(['tiger 0.02'])
    const text = `defineRule('ball', {
      options: { lr: { default: 0.02, min: 0, scheduled: true }, mu: { default: 0.5, min: 0, below: 1 } },
      state: { v: 0 }, scalars: { n: 0 },
      step: \`n = n + 1
        v = mu*v - lr*q
        theta = theta + v\`,
    })`
    await field(page).fill(text)
    const error = page.locator('.own .error')
    await expect
      .poll(() => error.textContent())
      .toContain('line 5, character 23: expected one of theta, g, t')
    expect(await field(page).getAttribute('aria-invalid')).toBe('true')
    expect(await page.locator('.ranking tbody th').allTextContents()).toEqual(['tiger 0.02'])
    await field(page).fill(text.replace('lr*q', 'lr*g'))
    await expect.poll(() => page.locator('.ranking tbody th').allTextContents()).toEqual(['ball 0.02'])
    expect(await error.textContent()).toBe('')
    expect(await field(page).evaluate((it) => it === document.activeElement)).toBe(true)
    await page.getByLabel('mu of optimizer 1').fill('1')
    await expect.poll(() => hashOf(page)).toContain('own=mu:0.9')
    await page.locator('.timeline').fill('3')
    await page.getByText('Update 4 with its values').waitFor()
    const lines = page.locator('.equations code')
    const [first, x] = await lines.allTextContents()
    expect([first, x]).toEqual(['n = n + 1', '4 = 3 + 1'])
    expect(await lines.nth(6).textContent()).toBe('theta = theta + v')
    const [next, theta, v] = ((await lines.nth(7).textContent()) ?? '')
      .replaceAll('−', '-')
      .split(/ = | \+ /)
      .map((part) => Number(part.replace(/[()]/g, '')))
    expect(next).toBeCloseTo(theta + v, 1)
    await expectPoints(page)
    const other = await open(hashOf(page).slice(1))
    expect(await field(other).inputValue()).toBe(text.replace('lr*q', 'lr*g'))
    const [download] = await Promise.all([
      other.waitForEvent('download'),
      button(other, 'Save the program').click(),
    ])
    expect(readFileSync(await download.path(), 'utf8')).toContain('defineRule("ball", {"options":{"lr":')
    await button(other, 'Write a custom rule').click()
    await other.getByLabel('Equations of optimizer 2').waitFor()
    await other.getByRole('link', { name: 'A ravine' }).click()
    await expect.poll(() => field(other).count()).toBe(0)
  })

  test('can be used for an image of basins of attraction', async () => {
    const page = await open(scene)
    await page.locator('#basins > summary').click()
    await page.getByText('Done: 250,000 starts of tiger').waitFor({ timeout: 60_000 })
  })

  test('is shown even if the code for custom rules loads slowly', async () => {
    const page = await open('f=booth&adam=lr:0.5')
    await page.route(/custom-rule-.*\.js$/, async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 1000))
      await route.continue()
    })
    await page.getByRole('combobox', { name: 'Function', exact: true }).selectOption('bowl')
    await page.getByRole('link', { name: 'Custom rule' }).click()
    await field(page).waitFor()
    const other = await open('f=booth&adam=lr:0.5')
    await other.route(/custom-rule-.*\.js$/, async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 1000))
      await route.continue()
    })
    await other.getByRole('link', { name: 'Custom rule' }).click()
    await other.getByRole('link', { name: 'A ravine' }).click()
    await other.waitForTimeout(2500)
    expect(await other.locator('[aria-current="true"]').textContent()).toBe('A ravine')
  })

  test('is shown even if the previous race updates the address late', async () => {
    const page = await open('f=booth&adam=lr:0.5')
    await page.evaluate((hash) => {
      location.hash = hash
      history.replaceState(null, '', '#f=bowl&adam=lr:0.5')
    }, scene)
    await field(page).waitFor()
    await expect.poll(() => page.evaluate(() => location.hash)).toContain('tiger')
  })

  test('causes a message if the code for custom rules cannot be loaded', async () => {
    const page = await site.browser.newPage()
    await page.route(/custom-rule-.*\.js$/, (route) => route.abort())
    await page.goto(`${site.address}#f=booth&equations=a&own=&momentum=lr:0.01&maxIterations=50`)
    await page.getByText('the part of the page that reads equations could not be loaded').waitFor()
    await openDrawer(page)
    await page.getByLabel('Rule of optimizer 1').selectOption('own')
    await page.getByText('A part of the page could not be loaded').waitFor()
    await race(page)
    await page.close()
  })
})

describe('the address of the race page', () => {
  test('determines the race, except for invalid parts, which a message names', async () => {
    const page = await open('f=rosenbrok&from=1&adam=lr:-1&adam=lr:0.5&steps=3')
    const problems = await page.locator('#problems li').allTextContents()
    expect(problems).toHaveLength(4)
    expect(problems[0]).toContain('rosenbrok')
    expect(problems[2]).toBe('adam: lr: expected a finite number ≥ 0, a schedule or a function, got -1.')
    expect(await page.locator('.ranking tbody th').allTextContents()).toEqual(['adam 0.5'])
    expect(await page.getByLabel('start x').inputValue()).toBe('-1.5')
  })

  test('selects the default function, with a message, if the named function is invalid', async () => {
    const page = await open('f=own&expression=sin(x&adam=lr:0.1')
    await page.getByText('The expression is invalid').first().waitFor()
    await button(page, 'Reset').click()
    await button(page, 'Step').click()
    expect(await page.locator('.transport output').textContent()).toBe('1 update')
  })

  test('selects the default race if the address has no parameters', async () => {
    const page = await open('')
    expect(await page.locator('#problems').isVisible()).toBe(false)
    expect(await page.locator('.ranking tbody tr').count()).toBe(initial.entries.length)
  })
})

describe('keyboard input on the race page', () => {
  test('can add optimizers, move the start, play the race, and open the engine view', async () => {
    const page = await open('f=booth&from=-7,-4&adam=lr:0.5&maxIterations=100&distance=5')
    const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '')
    const tabTo = async (isThere: () => Promise<boolean>) => {
      for (let i = 0; i < 60 && !(await isThere()); i++) await page.keyboard.press('Tab')
      expect(await isThere()).toBe(true)
    }
    const isFocused = (selector: string) => () =>
      page.evaluate((selector) => document.activeElement?.matches(selector) ?? false, selector)
    await tabTo(isFocused('.handle'))
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('Shift+ArrowUp')
    await expect.poll(() => hashOf(page)).toContain('from=-6.5,-3.45')
    expect(await handle(page).getAttribute('aria-valuetext')).toBe('x −6.5, y −3.45')
    await tabTo(async () => (await focused()) === 'Play')
    await page.keyboard.press('Enter')
    await page.getByText('The race is over').waitFor()
    await tabTo(isFocused('.timeline'))
    await page.keyboard.press('Home')
    await page.keyboard.press('ArrowRight')
    await expect.poll(() => page.locator('.transport output').textContent()).toBe('1 update')
    await tabTo(async () => (await focused()) === 'Add an optimizer')
    await page.keyboard.press('Space')
    await expect.poll(() => page.locator('.entries li').count()).toBe(2)
    await tabTo(isFocused('[data-option="lr"]'))
    await page.keyboard.type('7')
    await page.keyboard.press('Enter')
    await page.locator('.handle').focus()
    await tabTo(async () => (await focused()) === 'Surface')
    await page.keyboard.press('Enter')
    // The page creates the surface when the visitor switches it on.
    await page.locator('.surface canvas[data-engine]').waitFor()
    await button(page, 'Play').focus()
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('ArrowLeft')
    await tabTo(isFocused('#engines > summary'))
    await page.keyboard.press('Enter')
    await page.locator('#bench .report').waitFor()
  })

  test('is refused with a message if a value is invalid', async () => {
    const page = await open('f=booth&adam=lr:0.5')
    const lr = page.locator('[data-option="lr"]')
    await lr.fill('much')
    await lr.press('Enter')
    await page.getByText('adam: lr: expected a finite number ≥ 0').waitFor()
    expect(await lr.getAttribute('aria-invalid')).toBe('true')
    await settings(page)
    await page.getByLabel('max. updates').fill('1.5')
    await page.getByLabel('max. updates').press('Enter')
    await page.getByText('max. updates: expected an integer').waitFor()
    expect(hashOf(page)).toContain('adam=lr:0.5')
  })
})

describe('the engines on the race page', () => {
  test('are measured with a chart and a report until the visitor cancels the measurement', async () => {
    const page = await open('')
    await page.locator('#engines > summary').click()
    const report = page.locator('.report tbody tr')
    await report.first().waitFor()
    const progress = () => page.locator('progress').evaluate(({ value }: HTMLProgressElement) => value)
    expect(await report.locator('td:nth-child(2)').allTextContents()).toEqual([
      'unavailable',
      'available',
      'available',
    ])
    // The page cancels at the first progress report, because a click of the test may come too late.
    await page.locator('progress').evaluate((progress) => {
      const [measure, cancel] = ['Measure', 'Cancel'].map((name) =>
        [...document.querySelectorAll('button')].find(({ textContent }) => textContent === name),
      )
      new MutationObserver((_, observer) => {
        observer.disconnect()
        cancel?.click()
      }).observe(progress, { attributes: true })
      measure?.click()
    })
    await page.getByText('Canceled.').waitFor()
    expect(await progress()).toBeLessThan(0.5)
    await page.getByRole('combobox', { name: 'Rule', exact: true }).selectOption('gradientDescent')
    await button(page, 'Measure').click()
    await page.getByText('Done: gradientDescent on').waitFor({ timeout: 60_000 })
    expect(await progress()).toBe(1)
    const cells = await page.locator('.bench .results td').allTextContents()
    // Six sizes per number and three sizes per step, for two engines and a plain loop.
    expect(cells).toHaveLength(27)
    for (const cell of cells) expect(Number(cell), cell).toBeGreaterThan(0)
    expect(await page.locator('.rates canvas').count()).toBe(1)
  })

  test('are measured on square matrices for rules with row and column statistics', async () => {
    const page = await open('')
    await page.locator('#engines > summary').click()
    await page.getByRole('combobox', { name: 'Rule', exact: true }).selectOption('muon')
    await button(page, 'Measure').click()
    await page.getByText('Done: muon on').waitFor({ timeout: 120_000 })
    const heads = await page.locator('.bench .results th[scope=row]').allTextContents()
    const sides = ['4 × 4', '10 × 10', '32 × 32', '100 × 100', '200 × 200']
    expect(heads).toEqual([...sides, '4 × 4', '10 × 10'])
    const [wasm, typescript] = await page
      .locator('.bench .results table:first-child tr:last-child td')
      .allTextContents()
    // The time of matrix products. The update of a vector takes at most a nanosecond.
    expect(Number(wasm)).toBeGreaterThan(20)
    expect(Number(typescript)).toBeGreaterThan(20)
  }, 150_000)
})

describe('on the race page,', () => {
  test.each([
    ['wide and light', { viewport: { width: 1280, height: 900 } }],
    ['a phone with dark colors', { viewport: { width: 390, height: 844 }, colorScheme: 'dark' }],
  ] as const)('the accessibility check finds no violation: %s', async (_, options) => {
    const page = await open(mixture, options)
    await page.locator('.entries summary').first().click()
    await page.locator('#basins > summary').click()
    await page.locator('.basins tbody tr').first().waitFor()
    await page.locator('.inspect .update').waitFor()
    await button(page, 'Step').click()
    const check = async () => {
      expect(await violationsIn(page)).toEqual([])
      // No element exceeds the page's width.
      const { scrollWidth, clientWidth } = await page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement
        return { scrollWidth, clientWidth }
      })
      expect(scrollWidth).toBe(clientWidth)
    }
    await check()
    await page.locator('#engines > summary').click()
    await check()
  })

  test('every option has a visible description that screen readers can read', async () => {
    const page = await open('f=booth&bounds=-5,5,-5,5&adam=lr:0.5')
    await page.locator('.entries summary').click()
    await settings(page)
    const fields = page.locator('.optimizers [data-option], .settings details input')
    await expect.poll(() => fields.count()).toBeGreaterThan(20)
    for (const control of await fields.all()) {
      const ids = (await control.getAttribute('aria-describedby'))?.split(' ') ?? []
      const help = page.locator(`#${ids[0]}.help`)
      expect(await help.isVisible()).toBe(true)
      expect((await help.textContent())?.length).toBeGreaterThan(8)
    }
  })

  test('the surface can be turned with arrow keys, even with reduced motion', async () => {
    const page = await open('f=bowl&adam=lr:0.5')
    await openSurface(page)
    await page.locator('.surface canvas[data-engine]').waitFor()
    const places = () =>
      page.locator('.surface .tick').evaluateAll((all) => all.map((it) => it.style.transform))
    await expect.poll(async () => (await places()).every((place) => place !== '')).toBe(true)
    const texts = await page.locator('.surface .tick').allTextContents()
    expect(texts).toEqual(expect.arrayContaining(['x', 'y', 'F', '200']))
    const before = await places()
    await page.locator('.surface canvas').press('ArrowRight')
    await expect.poll(async () => (await places()).some((place, i) => place !== before[i])).toBe(true)
  })

  test('no animation runs if reduced motion is requested', async () => {
    const page = await open('', { reducedMotion: 'reduce' })
    await openSurface(page)
    const turn = page.getByRole('checkbox', { name: 'rotation' })
    expect(await turn.isChecked()).toBe(false)
    await page.locator('.surface canvas[data-engine]').waitFor()
    const isStill = () =>
      page.evaluate(async () => {
        const shot = () => (document.querySelector('.surface canvas') as HTMLCanvasElement).toDataURL()
        const before = shot()
        await new Promise((resolve) => setTimeout(resolve, 300))
        return before === shot()
      })
    expect(await isStill()).toBe(true)
    // The viewport is small, because a large rotating surface may leave a busy machine no time for the test.
    const viewport = { width: 360, height: 480 }
    const moving = await open('', { reducedMotion: 'no-preference', viewport })
    await openSurface(moving)
    expect(await moving.getByRole('checkbox', { name: 'rotation' }).isChecked()).toBe(true)
  })

  test('a message reports basins that cannot be loaded, and the race continues', async () => {
    for (const [missing, sentence] of [
      [/basins-(?!worker).*\.js$/, 'No basins: a part of the page could not be loaded'],
      [/basins-worker.*\.js$/, 'No basins: a part of the page could not be loaded'],
    ] as const) {
      const { page } = await visit(site, 'f=booth&adam=lr:0.5&maxIterations=50')
      await page.route(missing, (route) => route.abort())
      await page.locator('#basins > summary').click()
      await page.getByText(sentence).waitFor()
      await race(page)
      await page.close()
    }
  })

  test('a message replaces the surface if WebGL is missing, and the race continues', async () => {
    const { page } = await visit(site, 'f=booth&adam=lr:0.5&maxIterations=50')
    await page.addInitScript(() => {
      const { getContext } = HTMLCanvasElement.prototype
      HTMLCanvasElement.prototype.getContext = function (
        this: HTMLCanvasElement,
        kind: string,
        ...rest: never[]
      ) {
        return kind.startsWith('webgl') ? null : Reflect.apply(getContext, this, [kind, ...rest])
      } as typeof getContext
    })
    await page.reload()
    await openSurface(page)
    await page.getByText('No surface: this browser does not provide WebGL').waitFor()
    await race(page)
    await page.close()
  })

  test.each([
    ['a missing module', /main-.*\.js$/, /^The page could not be loaded: .*Failed to fetch/],
    ['a module that throws', /none/, /^The page could not be loaded: RangeError: no numbers/],
  ])('a message reports %s', async (_, missing, sentence) => {
    const page = await site.browser.newPage()
    await page.route(missing, (route) => route.abort())
    await page.addInitScript(() => {
      globalThis.ResizeObserver = class {
        constructor() {
          throw new RangeError('no numbers')
        }
      } as unknown as typeof ResizeObserver
    })
    await page.goto(site.address)
    await page.getByText(sentence).waitFor()
    await page.close()
  })

  test('the map is drawn before the WebAssembly module has loaded, and the race continues without it', async () => {
    const page = await site.browser.newPage({
      viewport: { width: 1280, height: 800 },
      reducedMotion: 'reduce',
    })
    page.setDefaultTimeout(60_000)
    let refuse = () => {}
    const held = new Promise<void>((resolve) => (refuse = resolve))
    await page.route(/catalogue-.*\.js$/, async (route) => {
      await held
      await route.abort()
    })
    await page.goto(`${site.address}#f=booth&adam=lr:0.5&maxIterations=50`)
    await page.waitForFunction(() => {
      const [ground] = document.querySelectorAll<HTMLCanvasElement>('.map canvas')
      const context = ground?.getContext('2d', { willReadFrequently: true })
      return context?.getImageData(ground.width >> 1, ground.height >> 1, 1, 1).data[3] === 255
    })
    expect(await page.locator('.lines li').count()).toBe(0)
    refuse()
    await page.locator('.lines li').waitFor()
    await race(page)
    await page.close()
  })

  test('the race uses the WebAssembly module', async () => {
    const page = await site.browser.newPage({ reducedMotion: 'reduce' })
    page.setDefaultTimeout(60_000)
    await page.addInitScript(() => {
      const { Instance } = WebAssembly
      const exported: string[] = []
      Object.assign(globalThis, { exported })
      WebAssembly.Instance = class extends Instance {
        constructor(module: WebAssembly.Module, imports?: WebAssembly.Imports) {
          super(module, imports)
          exported.push(...Object.keys(this.exports))
        }
      }
    })
    await page.goto(site.address)
    await page.locator('.lines li').first().waitFor()
    const exported = await page.evaluate(() => (globalThis as unknown as { exported: string[] }).exported)
    expect(exported).toContain('rerun')
    await page.close()
  })

  test('a message reports a surface that cannot be loaded, and the race continues', async () => {
    const { page } = await visit(site, '')
    await page.route(/surface-.*\.js$/, (route) => route.abort())
    await page.goto(`${site.address}#f=booth&adam=lr:0.5&maxIterations=50`)
    await page.reload()
    await openSurface(page)
    await page.getByText('No surface: a part of the page could not be loaded').waitFor()
    await race(page)
    await page.close()
  })

  test("the page works if the browser's language is the invalid tag 'C'", async () => {
    const { page, errors } = await visit(site, '')
    await page.addInitScript(() => Object.defineProperty(Navigator.prototype, 'language', { get: () => 'C' }))
    await page.reload()
    await openDrawer(page)
    expect(errors).toEqual([])
    await page.close()
  })
})

test('the files of the race page stay within the size limit', () => {
  const html = readFileSync(join(site.folder, 'index.html'), 'utf8')
  const assets = readdirSync(join(site.folder, 'assets')).filter((name) => !name.startsWith('fit-'))
  const size = (names: readonly string[]) =>
    names.reduce(
      (sum, name) => sum + zipped(join(site.folder, 'assets', name)),
      zipped(join(site.folder, 'index.html')),
    )
  // The files that the page loads before the map appears; all other modules are loaded later, by these files.
  const first = assets.filter((name) => html.includes(name))
  expect(first.length).toBeGreaterThan(2)
  expect(first.filter((name) => !/^(index|main|rolldown-runtime)-/.test(name))).toEqual([])
  // The racers also need the WebAssembly module, which loads while the map is drawn.
  const catalogue = assets.filter((name) => name.startsWith('catalogue-'))
  expect(catalogue).toHaveLength(1)
  expect(size(first)).toBeLessThan(95_000)
  expect(size([...first, ...catalogue])).toBeLessThan(120_000)
  const without = (...later: string[]) =>
    size(assets.filter((name) => !later.some((of) => name.startsWith(of))))
  // Modules that few users need: expressions, schedules, methods, custom rules (on the page and in the worker), basins.
  const wanted = ['expression-', 'steps-', 'schedules-', 'methods-', 'custom-rule-', 'basins-', 'rules-']
  expect(assets.filter((name) => /^(surface|schedules|basins)-/.test(name))).toHaveLength(4)
  // With the drawer, the chart, equations and other late modules, then with the surface, then with all modules.
  expect(without('surface-', ...wanted)).toBeLessThan(175_500)
  expect(without(...wanted)).toBeLessThan(318_000)
  expect(without('schedules-', 'methods-', 'custom-rule-', 'basins-', 'rules-')).toBeLessThan(386_000)
  expect(size(assets)).toBeLessThan(663_000)
})
