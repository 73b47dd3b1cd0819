/**
 * The recipes of docs/charts.md in Chromium, with the package and the chart libraries as npm installs them. Runs only
 * with ANTIGRAD_TEST_CHARTS=1 (`npm run test:charts`), because it downloads the libraries.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { home } from '../children.js'
import { chromiumOptions } from '../static-server.js'
import { freshFolder, npm, packed, remove } from './pack.js'

const isRequested = process.env.ANTIGRAD_TEST_CHARTS === '1'

/** Packages by the headings of the docs page. */
const libraries = {
  'Observable Plot 0.6': ['@observablehq/plot@0.6.17'],
  'Plotly 4': ['plotly.js-dist-min@4.1.2'],
  'Chart.js 4': ['chart.js@4.6.1'],
  'ECharts 6': ['echarts@6.1.0'],
  'Vega-Lite 6': ['vega@6.4.0', 'vega-lite@6.4.3', 'vega-embed@7.3.0'],
}
interface Frame {
  readonly points: number
  readonly segments: number
  readonly areas: number
}
type Library = keyof typeof libraries

const sections = new Map(
  readFileSync(join(home, 'docs/charts.md'), 'utf8')
    .split(/^## /m)
    .map((text) => [text.split('\n')[0], text]),
)
const blocks = (section: string, language: string) =>
  [...(sections.get(section) ?? '').matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'gm'))].map(
    ([, text]) => text,
  )
/** The programs that compute a fit and losses, which the recipes continue. */
const programs = blocks('Numbers', 'ts')
const [html] = blocks('Numbers', 'html')

test('the docs page on charts has two recipes for each chart library, and no recipe exceeds 13 lines', () => {
  expect([...sections.keys()].slice(2)).toEqual(Object.keys(libraries))
  expect(programs).toHaveLength(2)
  for (const name of Object.keys(libraries)) {
    const recipes = blocks(name, 'js')
    expect(recipes, name).toHaveLength(2)
    for (const recipe of recipes)
      expect(recipe.split('\n').filter((line) => !/^(import .*)?$/.test(line)).length, name).toBeLessThan(14)
  }
})

/** Counts the contents of the last frame of each canvas: points, segments of lines, and areas. */
const counters = `
  globalThis.canvases = new Map()
  const before = (prototype, name, act) => {
    const call = prototype[name]
    prototype[name] = function (...args) {
      act(this, ...args)
      return call.apply(this, args)
    }
  }
  const segments = new WeakMap()
  const context = CanvasRenderingContext2D.prototype
  const countsOf = ({ canvas }) =>
    canvases.get(canvas) ?? canvases.set(canvas, { points: 0, segments: 0, areas: 0 }).get(canvas)
  before(context, 'clearRect', ({ canvas }) => canvases.delete(canvas))
  before(context, 'arc', (of) => countsOf(of).points++)
  before(context, 'fill', (of) => countsOf(of).areas++)
  for (const name of ['lineTo', 'bezierCurveTo']) {
    before(context, name, (of) => countsOf(of).segments++)
    before(Path2D.prototype, name, (of) => segments.set(of, (segments.get(of) ?? 0) + 1))
  }
  before(context, 'stroke', (of, path) => (countsOf(of).segments += segments.get(path) ?? 0))`

describe.skipIf(!isRequested)('in Chromium, the chart library', () => {
  let folder: string
  let browser: Browser
  beforeAll(async () => {
    folder = freshFolder()
    writeFileSync(join(folder, 'package.json'), '{ "name": "project", "private": true, "type": "module" }')
    npm(folder, 'install', await packed(), ...Object.values(libraries).flat())
    browser = await chromium.launch(chromiumOptions)
  }, 600_000)
  afterAll(async () => {
    await browser?.close()
    if (folder) remove(folder)
  })

  /** Runs a recipe on a page with the elements that docs/charts.md lists. */
  async function open(library: Library, recipe: number) {
    const { outputFiles } = await build({
      stdin: {
        contents: programs[recipe] + blocks(library, 'js')[recipe],
        loader: 'ts',
        resolveDir: folder,
      },
      bundle: true,
      format: 'esm',
      write: false,
      logLevel: 'warning',
    })
    const page = await browser.newPage({ viewport: { width: 700, height: 1100 } })
    const wrong: string[] = []
    page.on('pageerror', ({ message }) => wrong.push(message))
    page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()))
    page.on('request', (request) => /^https?:/.test(request.url()) && wrong.push(request.url()))
    await page.setContent(library === 'Chart.js 4' ? html.replaceAll('div', 'canvas') : html)
    await page.evaluate(counters)
    await page.addScriptTag({ content: outputFiles[0].text, type: 'module' })
    const count = async (selector: string) => page.locator(selector).count()
    const drawn = async () =>
      page.evaluate(() => [...(globalThis as unknown as { canvases: Map<unknown, Frame> }).canvases.values()])
    /** The numbers of commands in the paths that match a selector. */
    const commands = async (selector: string) =>
      page
        .locator(selector)
        .evaluateAll((paths) => paths.map((path) => path.getAttribute('d')?.match(/[A-Z,]/g)?.length ?? 0))
    return { page, wrong, count, drawn, commands }
  }

  const expectSoon = (value: () => Promise<number>) => expect.poll(value, { timeout: 30_000 })

  test('Observable Plot draws the confidence band, the curve, the data, the residuals and the loss', async () => {
    const fit = await open('Observable Plot 0.6', 0)
    await expectSoon(() => fit.count('#residuals [aria-label=dot] circle')).toBe(9)
    expect(await fit.count('#fit [aria-label=dot] circle')).toBe(9)
    expect((await fit.commands('#fit [aria-label=area] path'))[0]).toBeGreaterThan(200)
    expect((await fit.commands('#fit [aria-label=line] path'))[0]).toBeGreaterThan(100)
    const loss = await open('Observable Plot 0.6', 1)
    await expectSoon(
      async () => (await loss.commands('#loss [aria-label=line] path'))[0] ?? 0,
    ).toBeGreaterThan(290)
    expect([...fit.wrong, ...loss.wrong]).toEqual([])
  })

  test('Plotly draws the confidence band, the curve, the data, the residuals and the loss', async () => {
    const fit = await open('Plotly 4', 0)
    await expectSoon(() => fit.count('#fit .xy2 path.point')).toBe(9)
    expect(await fit.count('#fit .xy path.point')).toBe(9)
    expect((await fit.commands('#fit .xy .fills path.js-fill'))[0]).toBeGreaterThan(20)
    expect((await fit.commands('#fit .xy path.js-line')).length).toBe(3)
    const loss = await open('Plotly 4', 1)
    await expectSoon(async () => (await loss.commands('#loss path.js-line'))[0] ?? 0).toBeGreaterThan(100)
    expect([...fit.wrong, ...loss.wrong]).toEqual([])
  })

  test('Vega-Lite draws the confidence band, the curve, the data, the residuals and the loss', async () => {
    const fit = await open('Vega-Lite 6', 0)
    await expectSoon(() => fit.count('#fit .mark-symbol path')).toBe(18)
    expect((await fit.commands('#fit .mark-area path'))[0]).toBeGreaterThan(200)
    expect((await fit.commands('#fit .mark-line path'))[0]).toBeGreaterThan(100)
    const loss = await open('Vega-Lite 6', 1)
    await expectSoon(async () => (await loss.commands('#loss .mark-line path'))[0] ?? 0).toBeGreaterThan(290)
    expect([...fit.wrong, ...loss.wrong]).toEqual([])
  })

  test.each<Library>(['Chart.js 4', 'ECharts 6'])(
    '%s draws the confidence band, the curve, the data, the residuals and the loss',
    async (library) => {
      const fit = await open(library, 0)
      const points = async () => (await fit.drawn()).map((frame) => frame.points)
      await expect.poll(points, { timeout: 30_000 }).toEqual([9, 9])
      // The outline of the band, and the curve. ECharts omits points that are closer than a pixel.
      await expectSoon(async () => (await fit.drawn())[0].segments).toBeGreaterThan(3 * 100)
      expect((await fit.drawn())[0].areas).toBeGreaterThan(9)
      const loss = await open(library, 1)
      await expectSoon(async () => (await loss.drawn())[0]?.segments ?? 0).toBeGreaterThan(150)
      expect([...fit.wrong, ...loss.wrong]).toEqual([])
    },
  )
})
