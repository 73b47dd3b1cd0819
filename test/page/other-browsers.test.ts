/** The pages in Firefox and WebKit. The language of both browsers is 'C' in the tests. */

import { expression } from 'antigrad'
import { fit as fitInNode } from 'antigrad/fit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatWithError } from '../../dist/plots/estimates.js'
import { example } from '../../page/src/fit/example.js'
import { readTable } from '../../page/src/fit/table.js'
import { type Driven, otherBrowsers } from '../browser-drivers.js'
import type { Site } from '../static-server.js'
import { expectedPoints, pointsIn, serve } from './site.js'

let site: Site

beforeAll(async () => {
  site = await serve()
})

afterAll(async () => {
  await site?.close()
})

describe.each(otherBrowsers)('in the browser $name,', ({ name, isThere, launch }) => {
  let tab: Driven

  beforeAll(async () => {
    if (isThere) tab = await launch()
  })

  afterAll(() => tab?.close())

  const click = (label: string) =>
    tab.evaluate(
      `[...document.querySelectorAll('button')].find((it) => it.textContent === ${JSON.stringify(label)}).click()`,
    )
  const texts = (selector: string) =>
    tab.evaluate<string[]>(
      `[...document.querySelectorAll(${JSON.stringify(selector)})].map((it) => it.textContent)`,
    )
  const choose = (label: string, value: string) =>
    tab.evaluate(`(() => {
      const field = [...document.querySelectorAll('label')].find((it) => it.textContent.startsWith('${label}'))
      const select = field.querySelector('select')
      select.value = '${value}'
      select.dispatchEvent(new Event('change', { bubbles: true }))
    })()`)
  /** Opens the race page and its drawer. */
  const openRace = async (hash: string) => {
    await tab.open(`${site.address}#${hash}`)
    await expect.poll(() => texts('#options > summary')).toHaveLength(1)
    await tab.evaluate(`document.getElementById('options').open = true`)
  }
  const status = (panel: string) => async () => (await texts(`#${panel} .status`)).join()

  const hash = 'f=rosenbrock&from=-1.5,2&maxIterations=400&nesterov=lr:0.001,form:shifted&adam=lr:0.1'

  test.skipIf(!isThere)(
    'a race visits exactly the same points as the function minimize in Node',
    async () => {
      await openRace(hash)
      await expect.poll(() => texts('.ranking tbody th')).toHaveLength(2)
      expect(await tab.evaluate(`document.getElementById('problems').hidden`)).toBe(true)
      await choose('speed', '3000')
      // The page plays the race automatically.
      await expect.poll(status('race')).toContain('The race is over')
      await tab.evaluate('URL.createObjectURL = (blob) => ((globalThis.saved = blob.text()), "#")')
      await click('Save the points')
      expect(pointsIn(await tab.evaluate('saved'))).toEqual(await expectedPoints(hash))
      expect(tab.errors).toEqual([])
    },
  )

  // In the dark theme, Firefox's own tracks are almost white, so that they outshine the paths.
  test.skipIf(!isThere || name !== 'Firefox')('the tracks of sliders have the color of lines', async () => {
    await openRace(hash)
    const [track, line] = await tab.evaluate<string[]>(`(() => {
      const probe = document.body.appendChild(document.createElement('i'))
      probe.style.color = 'var(--line)'
      const slider = document.querySelector('input[type="range"]')
      const colors = [getComputedStyle(slider, '::-moz-range-track').backgroundColor, getComputedStyle(probe).color]
      probe.remove()
      return colors
    })()`)
    expect(track).toBe(line)
  })

  test.skipIf(!isThere)('the race page reports and measures the engines', async () => {
    await openRace('f=booth&adam=lr:0.1')
    await expect.poll(() => texts('.ranking tbody th')).toHaveLength(1)
    await tab.evaluate(`document.getElementById('engines').open = true`)
    await expect.poll(() => texts('.report tbody td:nth-child(2)')).toHaveLength(3)
    expect(await texts('.report tbody td:nth-child(2)')).toEqual(['unavailable', 'available', 'available'])
    await choose('Rule', 'gradientDescent')
    await click('Measure')
    await expect.poll(status('bench'), { timeout: 60_000 }).toContain('Done: gradientDescent on')
    const cells = await texts('.bench .results td')
    // Six sizes per number and three sizes per step, for two engines and a plain loop.
    expect(cells).toHaveLength(27)
    for (const cell of cells) expect(Number(cell), cells.join()).toBeGreaterThan(0)
    expect(tab.errors).toEqual([])
  })

  test.skipIf(!isThere)(
    "basins of attraction are computed in a web worker under the page's content security policy",
    async () => {
      await openRace('f=booth&maxIterations=300&momentum=lr:0.01')
      await expect.poll(() => texts('.ranking tbody th')).toHaveLength(1)
      await tab.evaluate(`document.getElementById('basins').open = true`)
      const said = () => texts('.basins .status')
      await expect.poll(said, { timeout: 60_000 }).toEqual([expect.stringContaining('Done: 250,000 starts')])
      expect(await texts('.basins tbody tr')).toEqual(['1: (1, 3)0100%'])
      expect(tab.errors).toEqual([])
    },
  )
  test.skipIf(!isThere)('the fit page shows the same results as a fit in Node', async () => {
    await tab.open(`${site.address}fit.html#example=decay&start.c=0.5`)
    const [t, y] = readTable(example()).columns.map(({ numbers }) => numbers)
    const { values, errors } = fitInNode(
      expression('a*exp(-b*t) + c'),
      { t, y },
      { start: { a: 1, b: 1, c: 0.5 } },
    )
    const found = () => texts('[aria-label="Parameters"] tbody td:nth-child(2)')
    const expected = (['a', 'b', 'c'] as const).map((name) =>
      expect.stringContaining(`${formatWithError(values[name], errors[name])} ±`),
    )
    await expect.poll(found).toEqual(expected)
    expect((await texts('.curve text')).length).toBeGreaterThan(10)
    expect(tab.errors).toEqual([])
  })
})
