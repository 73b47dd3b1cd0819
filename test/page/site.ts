/** The race page as in production: built once, in a folder of a host. */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { gzipSync } from 'node:zlib'
import { minimize, type Rule } from 'antigrad'
import type { Browser, Page } from 'playwright-core'
import { expect } from 'vitest'
import { readEquations } from '../../page/src/custom-rule.js'
import { makeLandscape } from '../../page/src/functions.js'
import { readMethods } from '../../page/src/methods.js'
import { makeRunOptions } from '../../page/src/race.js'
import { describeEntry, build as ruleOf } from '../../page/src/rules.js'
import { readSchedules } from '../../page/src/schedules.js'
import { fromHash } from '../../page/src/state.js'
import { buildPage } from '../../scripts/lib/build-page.mjs'
import { once } from '../shared-setup.js'
import { type Site, type SiteInChromium, serveFolder, toChromium } from '../static-server.js'

readSchedules()
readEquations()
readMethods()

// The policy permits no resources from other hosts, and no code from strings.
const policy =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; connect-src 'self'"

/** Serves the built page. */
export const serve = async (): Promise<Site> =>
  serveFolder(await once('page', buildPage), { 'Content-Security-Policy': policy })

/** The built page on a server, with a Chromium. */
export const serveToChromium = (): Promise<SiteInChromium> => toChromium(serve)

const axeFile = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

/**
 * The violations that axe finds. The policy forbids scripts in the page, so the debugger injects axe like an extension.
 */
export async function violationsIn(page: Page): Promise<readonly unknown[]> {
  await page.evaluate(readFileSync(axeFile, 'utf8'))
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run(): Promise<{ violations: unknown[] }> } }).axe.run(),
  )
  return violations
}

export type PageOptions = Parameters<Browser['newPage']>[0]

/** The record of an open page, which must have no errors and no requests to other hosts. */
export interface Visit {
  readonly page: Page
  readonly requests: readonly string[]
  readonly errors: readonly string[]
}

/** Opens the drawer with all controls, unless it is open. */
export async function openDrawer(page: Page): Promise<void> {
  const drawer = page.locator('#options, #fit').first()
  // The fit page has other drawers.
  if ((await drawer.getAttribute('id')) === 'fit') return page.locator('tbody tr').first().waitFor()
  if ((await drawer.getAttribute('open')) === null) await page.getByText('Optimizers and options').click()
  await page.locator('tbody tr').first().waitFor()
}

/** Opens the page and its drawer. */
export async function visit(site: SiteInChromium, hash: string, options: PageOptions = {}): Promise<Visit> {
  // Without a graphics card, a rotating surface occupies a full processor core.
  const still = { viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' } as const
  const page = await site.browser.newPage({ ...still, ...options })
  page.setDefaultTimeout(60_000)
  const requests: string[] = []
  const errors: string[] = []
  page.on('request', (request) => requests.push(request.url()))
  page.on('pageerror', ({ message }) => errors.push(message))
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
  await page.goto(`${site.address}#${hash}`)
  await openDrawer(page)
  return { page, requests, errors }
}

/** The lines of a saved file, grouped by racer. */
export function pointsIn(csv: string): string[][] {
  const [, ...lines] = csv.trim().split('\n')
  const racers: string[][] = []
  for (const line of lines) {
    const number = Number(line.split(',')[0])
    racers[number - 1] ??= []
    racers[number - 1].push(line)
  }
  return racers
}

/** Lines computed by `minimize` in Node for the race of an address. */
export async function expectedPoints(hash: string): Promise<string[][]> {
  const { state, problems } = fromHash(hash)
  expect(problems).toEqual([])
  const { objective } = await makeLandscape(state)
  const { start } = state
  return state.entries.map((entry, number) => {
    const { rule } = ruleOf(entry)
    const line = (x: ArrayLike<number>, iteration: number) =>
      [number + 1, describeEntry(entry), iteration, x[0], x[1], objective.value(x)].join()
    const lines = [line(start, 0)]
    const { x, iterations, reason } = minimize(objective, start, rule as Rule, {
      ...makeRunOptions(entry, state),
      callback: (x, iteration) => void lines.push(line(x, iteration)),
    })
    // A final point that is not finite is not passed to the callback.
    if (reason === 'diverged') lines.push(line(x, iterations))
    return lines
  })
}

/** Counts frames, and images of the surface, during two seconds. */
export const frames = `new Promise((resolve) => {
  const { prototype } = WebGL2RenderingContext
  const { clear } = prototype
  const found = { frames: 0, pictures: 0 }
  prototype.clear = function (mask) {
    found.pictures++
    clear.call(this, mask)
  }
  const end = performance.now() + 2000
  requestAnimationFrame(function frame() {
    found.frames++
    if (performance.now() < end) return requestAnimationFrame(frame)
    prototype.clear = clear
    resolve(found)
  })
})`

export const zipped = (file: string) => gzipSync(readFileSync(file)).length
