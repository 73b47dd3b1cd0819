/** The basins image in Chromium, pixel by pixel, and parts of the image without a browser. */

import { expression, himmelblau, minimizeManySync, minimizeReasons, momentum, objectives } from 'antigrad'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { parseObjective, textForLibrary } from '../../page/src/expression.js'
import {
  CONVERGED,
  computeStart,
  cut,
  DIVERGED,
  FIRST,
  Outcomes,
  SIDE,
  startNear,
  UNFINISHED,
} from '../../page/src/outcomes.js'
import { light } from '../../page/src/palette.js'
import { initial } from '../../page/src/state.js'
import { stateObjectiveText } from '../../page/src/texts.js'
import type { SiteInChromium } from '../static-server.js'
import { openDrawer, serveToChromium, type Visit, visit } from './site.js'

const ALL = SIDE * SIDE

describe('the pieces of a basins image', () => {
  test('contain every starting point once, beginning with the coarsest grid', () => {
    const pieces = cut()
    const starts = pieces.flatMap(({ starts }) => [...starts])
    expect(starts.length).toBe(ALL)
    expect(new Set(starts).size).toBe(ALL)
    expect(pieces[0].starts.length).toBe(32 * 32)
  })

  test('have each starting point in a separate pixel', () => {
    const view = [-2, 2, -1, 3] as const
    for (const start of [0, SIDE - 1, 12_345, ALL - 1]) {
      expect(startNear(view, computeStart(view, start))).toBe(start)
    }
    expect(computeStart(view, 0)).toEqual([-2 + 2 / SIDE, 3 - 2 / SIDE])
    expect(startNear(view, [2.1, 0])).toBe(null)
  })
})

describe('the outcomes in a basins image', () => {
  const [first, second] = cut()
  const ends = (count: number, of: (k: number) => readonly [x: number, y: number, kind: number]) => ({
    x: Array.from({ length: count }, (_, k) => of(k)[0]),
    y: Array.from({ length: count }, (_, k) => of(k)[1]),
    kinds: Array.from({ length: count }, (_, k) => of(k)[2]),
    iterations: Array.from({ length: count }, (_, k) => 10 + k),
  })

  test('are distinguished by the distance between minima, even if a minimum is found later', () => {
    const outcomes = new Outcomes([-1, 1, -1, 1], [[0, 0]], 0.01)
    const kinds = [
      [0.005, 0, UNFINISHED],
      [0.005, 0, CONVERGED],
      [0.5, 0.5, UNFINISHED],
      [NaN, 0, DIVERGED],
    ] as const
    outcomes.take(
      first,
      ends(first.starts.length, (k) => kinds[k % 4]),
    )
    expect([...outcomes.kinds.subarray(0, 1)]).toEqual([FIRST])
    expect(Array.from(first.starts.slice(0, 4), (start) => outcomes.kinds[start])).toEqual([
      ...[FIRST, FIRST, UNFINISHED, DIVERGED],
    ])
    // Until finer starting points are available, a starting point represents its surroundings.
    expect(outcomes.shown[15 * SIDE + 15]).toBe(0)
    expect(outcomes.shown[16 * SIDE + 16]).toBe(16 * SIDE + 16)
    outcomes.take(
      second,
      ends(second.starts.length, () => [0.5, 0.501, CONVERGED]),
    )
    expect(outcomes.minima.map(({ point }) => point)).toEqual([
      [0, 0],
      [0.5, 0.501],
    ])
    expect(outcomes.kinds[first.starts[2]]).toBe(FIRST + 1)
    expect(outcomes.counts[UNFINISHED]).toBe(0)
    expect(outcomes.counts.reduce((sum, count) => sum + count)).toBe(outcomes.done)
    expect(outcomes.speed(1)).toBe(1)
    expect(outcomes.speed(1e9)).toBe(0)
  })

  test('have different colors for neighboring minima, for any number of minima', () => {
    const outcomes = new Outcomes([0, 32, 0, 32], [], 0.01)
    outcomes.take(
      first,
      ends(first.starts.length, (k) => [k % 32, Math.floor(k / 32), CONVERGED]),
    )
    expect(outcomes.minima.length).toBe(200)
    expect(outcomes.counts[CONVERGED]).toBe(first.starts.length - 200)
    for (let k = 33; k < 200; k++) {
      const [left, below] = [k % 32 === 0 ? -1 : k - 1, k - 32]
      const colors = [k, left, below].map((number) => outcomes.minima[number]?.color)
      expect(colors[0] === colors[1] || colors[0] === colors[2], String(k)).toBe(false)
    }
  })
})

describe("expressions for the race page's functions", () => {
  const points = Array.from({ length: 20 }, (_, i) => [2 * Math.sin(7 * i + 1), 2 * Math.cos(5 * i)])

  test.each(Object.keys(objectives) as (keyof typeof objectives)[])(
    'have the same values as the functions: %s',
    async (name) => {
      const condition = 37.5
      const text = await stateObjectiveText({ ...initial, objective: name, condition })
      const objective = name === 'bowl' ? objectives.bowl({ condition }) : objectives[name]()
      compare(text, objective)
    },
  )

  test.each([
    '(1 - x)^2 + 100 (y - x^2)^2',
    'sin(pi x) + cos(y) exp(-x^2) + abs(x)',
    '-x^2 - -y + +x - 2^3^x',
    'sinh(x) cosh(y - x) / 3 + tanh(x + 1)',
    'asin(x/3) acos(y/3) + atan(x) + tan(y/3)',
    'e^x + 1e-3 y^-2 + 1e21 x',
    'x^2',
    'exp(y)',
    '3',
  ])("have the same variables and values after translation to the library's syntax: %s", (text) => {
    const written = textForLibrary(text)
    expect([...expression(written).names].sort()).toEqual(['x', 'y'])
    compare(written, parseObjective(text))
  })

  function compare(
    text: string,
    objective: { value(x: number[]): number; gradient(x: never, out: never): void },
  ) {
    const parsed = expression(text)
    const isTurned = parsed.names[0] === 'y'
    const turned = (x: readonly number[]) => (isTurned ? [x[1], x[0]] : [...x])
    for (const x of points) {
      const size = 1 + Math.abs(objective.value(x))
      expect(parsed.value(turned(x)) / size).toBeCloseTo(objective.value(x) / size, 12)
      const [found, expected] = [new Float64Array(2), new Float64Array(2)]
      parsed.gradient(turned(x), found)
      objective.gradient(x as never, expected as never)
      for (const [i, d] of turned([...found]).entries()) {
        const size = 1 + Math.abs(expected[i])
        expect(d / size, text).toBeCloseTo(expected[i] / size, 10)
      }
    }
  }
})

describe('basins of attraction in Chromium', () => {
  let site: SiteInChromium
  let visits: Visit[] = []

  beforeAll(async () => {
    site = await serveToChromium()
  })

  afterEach(async () => {
    for (const { page, errors } of visits) {
      await page.close()
      expect(errors).toEqual([])
    }
    visits = []
  })

  afterAll(async () => {
    await site?.close()
  })

  /** Records the requests to the page's workers and the responses. */
  const watch = () => {
    const log: unknown[] = []
    globalThis.Worker = class extends Worker {
      constructor(...rest: ConstructorParameters<typeof Worker>) {
        super(...rest)
        this.addEventListener('message', ({ data }) => log.push(['answer', data.job, data.piece]))
      }
      override postMessage(order: { job: number; piece: number } | null, rest?: unknown) {
        log.push(order === null ? ['stop'] : ['order', order.job, order.piece])
        super.postMessage(order, rest as never)
      }
    }
    Object.assign(globalThis, { log })
  }

  async function open(hash: string): Promise<Page> {
    const opened = await visit(site, hash)
    visits.push(opened)
    const { page } = opened
    await page.addInitScript(watch)
    await page.reload()
    await openDrawer(page)
    await page.locator('#basins > summary').click()
    await page.locator('.basins select').waitFor()
    return page
  }

  type Entry = readonly [kind: string, job?: number, piece?: number]
  const logOf = (page: Page) => page.evaluate(() => (globalThis as unknown as { log: Entry[] }).log)
  const status = (page: Page) => page.locator('.basins .status')
  const done = (page: Page, name: string) =>
    expect
      .poll(() => status(page).textContent(), { timeout: 90_000 })
      .toContain(`Done: 250,000 starts of ${name} in`)
  const legend = async (page: Page) =>
    page
      .locator('.basins tbody tr')
      .evaluateAll((rows) => rows.map((row) => [...row.children].map(({ textContent }) => textContent ?? '')))
  const pixels = (page: Page, selector: string, at: readonly number[]) =>
    page.locator(selector).evaluate((canvas, at) => {
      const { width, height } = canvas as HTMLCanvasElement
      const context = (canvas as HTMLCanvasElement).getContext('2d') as CanvasRenderingContext2D
      const { data } = context.getImageData(0, 0, width, height)
      return at.map((pixel) => [...data.subarray(4 * pixel, 4 * pixel + 3)])
    }, at)

  test('equal the results of minimizeMany in Node in every pixel', async () => {
    const page = await open('f=himmelblau&momentum=lr:0.01')
    await done(page, 'momentum 0.01')
    const { view, minima } = himmelblau()
    const starts = Array.from({ length: ALL }, (_, start) => computeStart(view, start))
    const columns = { x: starts.map(([x]) => x), y: starts.map(([, y]) => y) }
    const found = minimizeManySync(
      expression(await stateObjectiveText({ ...initial, objective: 'himmelblau' })),
      columns,
      momentum({ lr: 0.01 }),
    )
    const nearest = Array.from(found.reason, (reason, start) => {
      if (minimizeReasons[reason] === 'diverged') return -1
      const apart = minima(2).map(([x, y]) => Math.hypot(x - found.x.x[start], y - found.x.y[start]))
      expect(Math.min(...apart)).toBeLessThan(0.01)
      return apart.indexOf(Math.min(...apart))
    })

    const shares = Object.fromEntries((await legend(page)).map(([name, , share]) => [name, share]))
    const share = (which: number) => {
      const part = nearest.filter((number) => number === which).length / ALL
      return `${(100 * part).toLocaleString('en', { maximumFractionDigits: 1 })}%`
    }
    expect(shares).toEqual({
      '1: (3, 2)': share(0),
      '2: (−2.81, 3.13)': share(1),
      '3: (−3.78, −3.28)': share(2),
      '4: (3.58, −1.85)': share(3),
      diverged: share(-1),
    })
    expect(await page.locator('.picture').getAttribute('aria-label')).toContain(`(3, 2) ${share(0)}`)

    const caption = (await page.locator('.basins caption').textContent()) ?? ''
    const [fast, slow] = [...caption.matchAll(/\d[\d,]*/g)].map(([number]) => Number(number.replace(',', '')))
    expect(slow).toBeGreaterThan(fast)
    const strong = ['#0072b2', '#d55e00', '#007a58', '#b8478c']
    const channels = (hex: string) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))
    const white = channels(light.surface)
    const at = Array.from({ length: ALL }, (_, start) => start).filter((start) => start % 101 === 0)
    const drawn = await pixels(page, '.picture', at)
    for (const [i, start] of at.entries()) {
      const number = nearest[start]
      if (number < 0) {
        const isInk = ((start % SIDE) + Math.floor(start / SIDE)) % 8 < 3
        expect(drawn[i], String(start)).toEqual(isInk ? channels(light.text) : white)
        continue
      }
      const part = Math.log(found.iterations[start] / fast) / Math.log(slow / fast)
      const speed = 1 - Math.min(1, Math.max(0, part))
      const strength = 0.3 + (0.7 * Math.round(255 * speed)) / 255
      const color = channels(strong[number]).map((c, k) => Math.round(white[k] + strength * (c - white[k])))
      expect(drawn[i], String(start)).toEqual(color)
    }
  })

  test('are no longer computed once the settings have changed', async () => {
    // No run converges, so each piece needs all updates. The first job searches for minima.
    const page = await open('f=rosenbrock&maxIterations=20000&rmsprop=lr:0.01')
    const isAnswered = async () => (await logOf(page)).some(([kind, job]) => kind === 'answer' && job === 2)
    await expect.poll(isAnswered, { timeout: 60_000 }).toBe(true)
    await page.getByRole('combobox', { name: 'Function', exact: true }).selectOption('himmelblau')
    await expect.poll(async () => (await logOf(page)).some(([, job = 0]) => job > 3)).toBe(true)
    const begun = (await logOf(page)).findLast(([kind]) => kind === 'order')?.[1]
    await page.locator('.entries [data-option="lr"]').first().fill('0.02')
    await page.locator('.entries [data-option="lr"]').first().press('Enter')
    await page.getByText('Start and stopping criteria').click()
    await page.getByLabel('max. updates').fill('500')
    await page.getByLabel('max. updates').press('Enter')
    await done(page, 'rmsprop 0.02')
    const log = await logOf(page)
    const jobs = [...new Set(log.filter(([kind]) => kind === 'order').map(([, job]) => job))]
    expect(jobs).toContain(begun)
    // A change cancels the current piece. The answer of a canceled piece may already have been sent.
    const late = jobs.slice(0, -1).map((job, i) => {
      const next = log.findIndex(([kind, other]) => kind === 'order' && other === jobs[i + 1])
      return log.slice(next).filter(([kind, other]) => kind === 'answer' && other === job).length
    })
    expect(late.length).toBeGreaterThan(2)
    expect(Math.max(...late)).toBeLessThan(2)
    expect(late.reduce((sum, count) => sum + count)).toBeLessThan(late.length)
    expect(await page.locator('.picture').getAttribute('aria-label')).toContain(
      'Basins of rmsprop 0.02 on Himmelblau',
    )
    // Finished pieces are not computed again, even if the race starts at another point.
    await page.locator('.picture').click({ position: { x: 100, y: 100 } })
    await expect.poll(() => new URL(page.url()).hash).toContain('from=')
    await page.waitForTimeout(200)
    expect(await logOf(page)).toEqual(log)
  })

  test('are not computed while the view is closed or engines are measured', async () => {
    const page = await open('f=rosenbrock&maxIterations=200000&rmsprop=lr:0.01')
    const last = async () => (await logOf(page)).findLast(([kind]) => kind !== 'answer')?.[0]
    await expect.poll(last).toBe('order')
    await page.locator('#basins > summary').click()
    await expect.poll(last).toBe('stop')
    await page.locator('#basins > summary').click()
    await expect.poll(last).toBe('order')
    await page.locator('#engines > summary').click()
    await expect.poll(last).toBe('stop')
    await page.locator('#engines > summary').click()
    await expect.poll(last).toBe('order')
  })

  test('have a slider for the learning rate, and a click starts a race', async () => {
    const page = await open('f=booth&from=-7,-4&maxIterations=2000&momentum=lr:0.01')
    await done(page, 'momentum 0.01')
    expect(await page.locator('.basins .hint').textContent()).toMatch(
      /^From \(−7, −4\) the run reaches minimum 1, \(1, 3\), and stops after \d+ updates\.$/,
    )
    const box = await page.locator('.picture').boundingBox()
    if (!box) throw new Error('The picture is not there')
    const position = { x: 0.75 * box.width, y: 0.25 * box.height }
    await page.locator('.picture').click({ position })
    await expect.poll(() => new URL(page.url()).hash).toMatch(/from=(5|4\.9|5\.0)\d*,(5|4\.9|5\.0)/)
    const slider = page.locator('.basins').getByLabel('learning rate')
    await slider.press('ArrowRight')
    await done(page, 'momentum 0.0105')
    await expect.poll(() => new URL(page.url()).hash).toContain('momentum=lr:0.0105')
    expect(await slider.getAttribute('aria-valuetext')).toBe('0.0105')
    expect(await page.locator('.entries [data-option="lr"]').inputValue()).toBe('0.0105')
  })

  test('support a schedule of the learning rate, which disables the slider', async () => {
    const page = await open('f=booth&maxIterations=200&momentum=lr:linear(0.01,{endValue:0.001,steps:50})')
    await done(page, 'momentum linear(…)')
    expect(await page.locator('.basins').getByLabel('learning rate').isDisabled()).toBe(true)
    expect(await page.locator('.basins .count').first().textContent()).toBe('a schedule')
  })

  test('are replaced by an explanation if the selected optimizer permits no image', async () => {
    const page = await open(
      'f=booth&maxIterations=300&lamb=lr:0.01&adam=lr:0.1,clipNorm:1&nesterov=lr:0.001,form:shifted&adam=lr:0.5',
    )
    const of = page.locator('.basins select')
    const says = (text: string) => expect.poll(() => status(page).textContent()).toContain(text)
    await says('No basins: basins support only elementwise rules of one stage, and lamb 0.01 is not one.')
    await of.selectOption({ index: 1 })
    await says('clips gradients by norm, but basins support only clipping by value')
    await of.selectOption({ index: 2 })
    await says('elementwise rules of one stage, and nesterov 0.001 form shifted is not one.')
    await of.selectOption({ index: 3 })
    await done(page, 'adam 0.5')
    await page.locator('.entries .remove').last().click()
    await says('nesterov 0.001 form shifted is not one.')
  })

  test('include the runs that circle around a known or unknown minimum', async () => {
    const page = await open('f=styblinskiTang&maxIterations=300&signSgd=lr:0.05&distance=0.1')
    await done(page, 'signSgd 0.05')
    const rows = await legend(page)
    expect(rows.map(([name]) => name.slice(3)).sort()).toEqual([
      ...['(2.75, 2.75)', '(2.75, −2.9)', '(−2.9, 2.75)', '(−2.9, −2.9)'],
    ])
    for (const [, , share] of rows) expect(Number.parseFloat(share)).toBeGreaterThan(15)
  })

  test("include the minima of the visitor's own function", async () => {
    const own = encodeURIComponent('(x^2 - 1)^2 + cosh(y) 2')
    const page = await open(`f=own&expression=${own}&view=-2,2,-2,2&momentum=lr:0.01`)
    await done(page, 'momentum 0.01')
    const rows = await legend(page)
    expect(rows.map(([name]) => name.slice(3)).sort()).toEqual(['(1, 0)', '(−1, 0)'])
    for (const [, value] of rows) expect(value).toBe('2')
  })
})
