/** Newton, L-BFGS and bounds on the race page. The points are compared bit by bit with runs in Node. */

import { readFileSync } from 'node:fs'
import { adam, expression, lbfgs, minimize, newton, rosenbrock } from 'antigrad'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeLandscape } from '../../page/src/functions.js'
import { differentiable, findMinimumIn, readMethods } from '../../page/src/methods.js'
import { writeShortProgram } from '../../page/src/program.js'
import { fromHash, initial, toHash } from '../../page/src/state.js'
import type { SiteInChromium } from '../static-server.js'
import { pointsIn, serveToChromium, visit } from './site.js'

readMethods()

let site: SiteInChromium

beforeAll(async () => {
  site = await serveToChromium()
})

afterAll(async () => {
  await site?.close()
})

const LINK = 'f=rosenbrock&from=-1.5,2&maxIterations=300&bounds=-1.8,0.5,-0.5,2.5&newton=&lbfgs=&adam=lr:0.1'
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })
const hashOf = (page: Page) => new URL(page.url()).hash

async function save(page: Page, name: string): Promise<string> {
  const [download] = await Promise.all([page.waitForEvent('download'), button(page, name).click()])
  return readFileSync(await download.path(), 'utf8')
}

test('a link with Newton and bounds shows the runs of minimize with an expression', async () => {
  const { page, errors } = await visit(site, LINK)
  const found = pointsIn(await save(page, 'Save the points'))
  const f = expression('(1 - x)^2 + 100*(y - x^2)^2')
  const options = { bounds: { x: [-1.8, 0.5], y: [-0.5, 2.5] }, tolerance: 1e-9, maxIterations: 300 } as const
  const runs = [newton(), lbfgs(), adam({ lr: 0.1 })].map((rule) =>
    minimize(f, [-1.5, 2], rule as never, options as never),
  )
  for (const [i, { x, iterations }] of runs.entries()) {
    expect(found[i]).toHaveLength(iterations + 1)
    const [, , , ...last] = (found[i].at(-1) as string).split(',').map(Number)
    expect(last.slice(0, 2)).toEqual([...x])
  }
  const names = await page.locator('.lines strong').allTextContents()
  expect(names).toEqual(['Newton', 'L-BFGS', 'Adam'])
  const code = await page.locator('pre code').textContent()
  expect(code).toContain('newton()')
  expect(code?.replace(/\s+/g, ' ')).toContain('bounds: { x: [-1.8, 0.5], y: [-0.5, 2.5] }')
  // The rectangle of the bounds is part of the map.
  expect(await save(page, 'Save as SVG')).toMatch(/<rect x=[^>]* fill="none" stroke=/)
  await page.locator('.lines button').first().click()
  await page.getByText('Newton solves for a step with the exact curvature').waitFor()
  await page.close()
  expect(errors).toEqual([])
})

test('the drawer adds Newton and bounds, and the link keeps both', async () => {
  const { page, errors } = await visit(site, 'f=rosenbrock&from=-1.5,2&maxIterations=300&adam=lr:0.1')
  await page.getByLabel('Rule of optimizer 1').selectOption('newton')
  await expect.poll(() => hashOf(page)).toContain('&newton=')
  await page.getByText('Start and stopping criteria').click()
  const box = page.getByLabel('bounds', { exact: true })
  expect(await page.getByLabel('x at most').isVisible()).toBe(false)
  await box.check()
  await expect.poll(() => hashOf(page)).toContain('&bounds=-1,1,0,2')
  await page.getByLabel('x at most').fill('0.5')
  await page.getByLabel('x at most').press('Enter')
  await expect.poll(() => hashOf(page)).toContain('&bounds=-1,0.5,0,2')
  await page.getByLabel('x at most').fill('-4')
  await page.getByLabel('x at most').press('Enter')
  await page.getByText('x at most: expected “at least” below “at most”').waitFor()
  expect(hashOf(page)).toContain('&bounds=-1,0.5,0,2')
  const [last] = pointsIn(await save(page, 'Save the points')).map((lines) => lines.at(-1) as string)
  expect(last.split(',').slice(3, 5).map(Number)).toEqual([0.5, expect.closeTo(0.25, 9)])
  await box.uncheck()
  await expect.poll(() => hashOf(page)).not.toContain('bounds')
  await page.close()
  expect(errors).toEqual([])
})

test('a race without Newton continues if the code of the methods cannot be loaded', async () => {
  const { page } = await visit(site, 'f=rosenbrock&from=-1.5,2&maxIterations=300&adam=lr:0.1')
  await page.route(/methods-.*\.js$/, (route) => route.abort())
  await page.getByLabel('Rule of optimizer 1').selectOption('newton')
  await page.locator('.settings .error').getByText(/./).waitFor()
  expect(await page.locator('.lines strong').allTextContents()).toEqual(['Adam'])
  await page.close()
})

test('links with invalid bounds are reported, and valid bounds are kept', () => {
  const { state, problems } = fromHash(LINK)
  expect(problems).toEqual([])
  expect(state.bounds).toEqual([-1.8, 0.5, -0.5, 2.5])
  expect(fromHash(toHash(state)).state).toEqual(state)
  for (const text of ['1,1,0,2', '0,1,2', '0,Infinity,0,1', 'a,b,c,d']) {
    const found = fromHash(`f=booth&bounds=${text}&adam=lr:0.1`)
    expect(found.state.bounds).toBe(null)
    expect(found.problems).toEqual([expect.stringContaining(`The bounds “${text}”`)])
  }
})

test('the star within bounds is the lowest point of the box', async () => {
  const inside = await makeLandscape({ ...initial, bounds: [0, 2, 0, 2] })
  expect(inside.minima).toEqual([[1, 1]])
  const { minima } = await makeLandscape({ ...initial, bounds: [-1.8, 0.5, -0.5, 2.5] })
  expect(minima).toEqual([[0.5, expect.closeTo(0.25, 9)]])
  const [x, y] = findMinimumIn(rosenbrock(), [-2, -1, 0, 3])
  expect([x, y]).toEqual([-1, expect.closeTo(1, 9)])
})

test('second derivatives of a function are in the order x, y', () => {
  const objective = differentiable('y^3*x + 2*x^2')
  const [gradient, hessian] = [new Float64Array(2), new Float64Array(4)]
  expect(objective.value([2, 3])).toBe(62)
  objective.gradient([2, 3], gradient)
  objective.hessian([2, 3], hessian)
  expect([...gradient, ...hessian]).toEqual([35, 54, 4, 27, 27, 36])
})

test('the short program of a race with bounds gives the bounds as an option', async () => {
  const { state } = fromHash('f=booth&bounds=0,1,0,2&adam=lr:0.1')
  const text = await writeShortProgram(state)
  expect(text.replace(/\s+/g, ' ')).toContain('bounds: [[0, 1], [0, 2]]')
})
