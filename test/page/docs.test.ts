/** The documentation website, built like the output of `npm run docs`, in Chromium. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { definitions } from '../../dist/rules/definitions.js'
import { indexOptions, searchOptions } from '../../docs/.vitepress/search.mjs'
import { buildSite } from '../../scripts/lib/build-site.mjs'
import { home } from '../children.js'
import { once } from '../shared-setup.js'
import { FOLDER, type SiteInChromium, serveFolder, toChromium } from '../static-server.js'
import { violationsIn } from './site.js'

/** The timeout in milliseconds. The build may first install packages. */
const SLOW = 600_000

let site: SiteInChromium
beforeAll(async () => {
  const folder = await once('site', (outDir) => buildSite(outDir, FOLDER))
  site = await toChromium(() => serveFolder(folder))
}, SLOW)
afterAll(() => site.close())

interface Visit {
  readonly page: Page
  /** Errors of the page, and the page's requests to other hosts. */
  readonly wrong: string[]
}

async function visit(path: string, options = {}): Promise<Visit> {
  const page = await site.browser.newPage({ viewport: { width: 1280, height: 900 }, ...options })
  const wrong: string[] = []
  page.on('pageerror', ({ message }) => wrong.push(message))
  page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()))
  page.on('request', (request) => {
    const url = request.url()
    if (!url.startsWith(site.address) && !/^(data|blob):/.test(url)) wrong.push(url)
  })
  // Frames of a page keep the network busy for an unknown time. Thus the state of the page decides instead.
  await page.goto(site.address + path, { waitUntil: 'load', timeout: SLOW })
  await page.waitForFunction("document.querySelector('#app')?.__vue_app__", undefined, { timeout: SLOW })
  return { page, wrong }
}

const html = (path: string) => readFileSync(join(site.folder, `${path}.html`), 'utf8')

describe('the documentation website contains', () => {
  test('a page for each Markdown page of docs, each rule and each export', async () => {
    const pages = readdirSync(join(home, 'docs')).filter((file) => /^(?!index).*\.md$/.test(file))
    for (const page of pages) expect(html(`docs/${page.slice(0, -3)}`)).toContain('<h1')
    for (const rule of Object.keys(definitions)) expect(html(`docs/rules/${rule}`)).toContain('<math')
    const reference = readdirSync(join(site.folder, 'docs/api'), { recursive: true }).map(String)
    const [listed] = readFileSync(join(home, 'docs/api.txt'), 'utf8').split('# of these types')
    const exported = [...listed.matchAll(/^(\w+): /gm)].map(([, name]) => name)
    expect(exported.length).toBeGreaterThan(150)
    expect(exported.filter((name) => !reference.some((file) => file.endsWith(`/${name}.html`)))).toEqual([])
  })

  test('the version on each page, and no broken links', () => {
    const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
    const files = readdirSync(site.folder, { recursive: true })
      .map(String)
      .filter((file) => /^(?!race|examples|index)[^.]+\.html$/.test(file))
    const texts = new Map(files.map((file) => [file, readFileSync(join(site.folder, file), 'utf8')]))
    expect(texts.size).toBeGreaterThan(300)
    const ids = new Map(
      [...texts].map(([file, text]) => [
        file,
        new Set([...text.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id)),
      ]),
    )
    const without = files.filter((file) => !texts.get(file)?.includes(`antigrad ${version}`))
    expect(without).toEqual([])
    const broken = [...texts].flatMap(([file, text]) =>
      [...text.matchAll(/<a [^>]*?href="(?!https?:|mailto:|data:)([^"]*)"/g)]
        .map(([, link]) => link)
        .filter((link) => {
          const { pathname, hash } = new URL(link, `http://site/${file}`)
          const path = decodeURIComponent(pathname.replace(FOLDER, '/')).slice(1)
          const page = [path, `${path}.html`, join(path, 'index.html')].find((one) => texts.has(one))
          if (page === undefined) return !existsSync(join(site.folder, path))
          const anchor = decodeURIComponent(hash.slice(1))
          return anchor !== '' && !ids.get(page)?.has(anchor)
        })
        .map((link) => `${file}: ${link}`),
    )
    expect(broken).toEqual([])
  })

  test('the description, equations, options, presets, image, size and time of each rule', () => {
    const page = html('docs/rules/adam')
    for (const part of ['Kingma and Ba', '<mfrac>', 'amsgradMoment', 'adam.tfjs', '<polyline', ' kB', ' ns<'])
      expect(page).toContain(part)
    // The fraction of the last equation. The numerator is m', and the denominator contains the root of v'.
    const [, above, below] = /<mfrac><mrow>(.*?)<\/mrow><mrow>(.*?)<\/mfrac>/.exec(page) as RegExpExecArray
    expect([above.includes('<mi>m</mi>'), below.includes('<msqrt>')]).toEqual([true, true])
  })

  test('the example programs to which the pages link', () => {
    for (const page of ['recipes', 'tfjs']) {
      const programs = [...html(`docs/${page}`).matchAll(/href="\.\.(\/examples\/[\w-]+\.(?:mjs|html))"/g)]
      expect(programs.length).toBeGreaterThan(0)
      for (const [, path] of programs) readFileSync(join(site.folder, path))
    }
  })

  test('the file llms.txt with valid links', () => {
    const list = readFileSync(join(site.folder, 'llms.txt'), 'utf8')
    const links = [...list.matchAll(/\]\((.*?)\)/g)].map(([, link]) => link.replace(/\.html$/, ''))
    expect(links.length).toBeGreaterThan(25)
    for (const link of links) html(link)
    const all = readFileSync(join(site.folder, 'llms-full.txt'), 'utf8')
    for (const text of ['# Start in five minutes', '## adam\n', '# Numerics']) expect(all).toContain(text)
  })
})

test.each([
  ['docs/', { width: 1280, height: 900 }, 'light'],
  ['docs/start.html', { width: 390, height: 844 }, 'dark'],
  ['docs/rules/adam.html', { width: 1280, height: 900 }, 'dark'],
  ['docs/rules/adam.html', { width: 390, height: 844 }, 'light'],
  ['docs/schedules.html', { width: 1280, height: 900 }, 'light'],
  ['docs/fits.html', { width: 390, height: 844 }, 'dark'],
  ['docs/api/index.html', { width: 1280, height: 900 }, 'light'],
] as const)(
  'the accessibility check finds no violation on the docs page "%s", %o, %s',
  async (path, viewport, colorScheme) => {
    const { page, wrong } = await visit(path, { viewport, colorScheme, reducedMotion: 'reduce' })
    expect(await violationsIn(page)).toEqual([])
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(viewport.width)
    expect(wrong).toEqual([])
    await page.close()
  },
)

test('the home page shows the race, and every page links to the race, the story and the fits', async () => {
  const { page, wrong } = await visit('docs/')
  const frame = page.frameLocator('iframe.live')
  await frame.locator('canvas').first().waitFor()
  expect(wrong).toEqual([])
  await page.close()
  for (const path of ['docs/index', 'docs/start', 'docs/rules/adam', 'docs/api/index']) {
    for (const target of ['race/index.html', 'race/story/index.html', 'race/fit.html'])
      expect(html(path)).toContain(`href="${FOLDER}${target}"`)
  }
})

test('the search of the documentation finds pages by names of torch.optim, Optax, SciPy, lmfit and NLopt', async () => {
  const { page } = await visit('docs/')
  await page.keyboard.press('Control+k')
  const queries = {
    ReduceLROnPlateau: 'schedules',
    warmup_cosine_decay_schedule: 'schedules',
    param_groups: 'models',
    state_dict: 'files',
    clip_grad_norm_: 'optimizer',
    max_consecutive_errors: 'models',
    GradientTransformation: 'equations',
    SparseAdam: 'rows',
    curve_fit: 'fits',
    absolute_sigma: 'fits',
    conf_interval: 'fits-errors',
    mncontour: 'fits-errors',
    redchi: 'fits',
    approx_fprime: 'minimize',
    set_xtol_rel: 'minimize',
  }
  for (const [query, name] of Object.entries(queries)) {
    await page.getByRole('searchbox').fill(query)
    const links = () =>
      page
        .getByRole('option')
        .evaluateAll((all) =>
          all.map((option) => (option.querySelector('a') ?? option).getAttribute('href') ?? ''),
        )
    await expect
      .poll(links, { message: query })
      .toContainEqual(expect.stringMatching(new RegExp(`docs/${name}(\\.html)?(#|$)`)))
  }
  await page.close()
})

/** Queries of newcomers, each with the page that must be among the first three hits. */
const everydayQueries: readonly [query: string, page: string][] = [
  ['install', 'everywhere'],
  ['Next.js', 'everywhere'],
  ['Cloudflare', 'everywhere'],
  ['serverless', 'everywhere'],
  ['bundle size', 'everywhere'],
  ['which optimizer', 'which'],
  ['PyTorch', 'coming-from'],
  ['learning rate finder', 'recipes'],
  ['plotly', 'charts'],
  ['draw a chart', 'charts'],
  ['constraint', 'not-here'],
  ['global minimum', 'not-here'],
  ['early stopping', 'not-here'],
  ['mixed precision', 'not-here'],
  ['GPU', 'not-here'],
  ['ODE', 'not-here'],
  ['differential equation', 'fits-functions'],
  ['NaN gradients', 'optimizer'],
  ['gradient clipping', 'optimizer'],
  ['loss curve', 'optimizer'],
  ['weight decay', 'rules'],
  ['learning rate decay', 'schedules'],
  ['custom optimizer', 'equations'],
  ['freeze layers', 'models'],
  ['transfer learning', 'models'],
  ['embedding', 'rows'],
  ['stopping criterion', 'minimize'],
  ['local minima', 'expressions'],
  ['hyperparameter tuning', 'sweep'],
  ['curve fitting', 'fits'],
  ['nonlinear regression', 'fits'],
  ['outliers', 'fits'],
  ['EC50', 'fits-models'],
  ['linear regression', 'fits-models'],
  ['peak fitting', 'fits-models'],
  ['CSV', 'fits-command-line'],
  ['Excel', 'fits-command-line'],
  ['confidence interval', 'fits-errors'],
  ['error bars', 'fits-errors'],
  ['model selection', 'fits-compare'],
  ['global fit', 'fits-shared'],
  ['cancel', 'errors'],
  ['abort', 'errors'],
  ['export', 'files'],
  ['save model', 'models'],
  ['multithreading', 'threads'],
  ['deterministic', 'numerics'],
  ['cluster', 'chunks'],
  ['speed', 'performance'],
  ['visualization', 'page'],
  ['neural network', 'tfjs'],
]

describe("the search of the documentation finds the right page for a newcomer's query:", () => {
  let index: { search(query: string): { id: string }[] }
  beforeAll(async () => {
    // The search index of the built website, loaded like in the search box.
    const chunks = join(site.folder, 'assets/chunks')
    const file = readdirSync(chunks).find((name) => name.startsWith('@localSearchIndex')) as string
    const { default: json } = await import(pathToFileURL(join(chunks, file)).href)
    // cspell:ignore minisearch
    const MiniSearch = createRequire(join(home, 'docs/package.json'))('minisearch')
    const options = { storeFields: ['title', 'titles'], ...indexOptions }
    index = MiniSearch.loadJSON(json, {
      ...options,
      searchOptions: { fuzzy: 0.2, prefix: true, ...searchOptions },
    })
  })

  test.each(everydayQueries)('“%s” finds %s', (query, name) => {
    const first = index.search(query).slice(0, 3)
    const pages = first.map(({ id }) => /docs\/([\w-]+)\.html/.exec(id)?.[1])
    expect(pages).toContain(name)
  })
})

test('the search of the documentation sends no requests to another host', async () => {
  const { page, wrong } = await visit('docs/')
  await page.keyboard.press('Control+k')
  await page.getByRole('searchbox').fill('lbfgs')
  await page.getByRole('option').first().waitFor()
  expect(await page.getByRole('option').count()).toBeGreaterThan(2)
  // Guides precede the reference.
  await page.getByRole('searchbox').fill('EC50')
  const first = async () => `${await page.getByRole('option').first().textContent()}`
  await expect.poll(first).toMatch(/Fits|fits/)
  expect(await first()).not.toMatch(/Interface|Class|Variable|Function/)
  expect(wrong).toEqual([])
  await page.close()
})

test('the schedules page of the docs draws a schedule while the user types, and reports an invalid schedule', async () => {
  const { page, wrong } = await visit('docs/schedules.html')
  const [field, line] = ['.typed', '.curves polyline'].map((where) => page.locator(where))
  await page.getByText(/^from 0.000 to 0.09765, updates 0 to 524$/).waitFor()
  const before = await line.getAttribute('points')
  await field.fill('linear(1, { endValue: 0.25, steps: 40 })')
  await page.getByText('from 0.2500 to 1.000, updates 0 to 41').waitFor()
  const points = (await line.getAttribute('points')) ?? ''
  expect(points).not.toBe(before)
  expect(points.split(' ')).toHaveLength(42)
  await field.fill('linear(1, { endValu: 0.25 })')
  await page.getByText('expected one of endValue').waitFor()
  expect(wrong).toEqual([])
  await page.close()
})

test("a rule's docs page runs a race, and the docs page on curve fitting fits typed data", async () => {
  const { page, wrong } = await visit('docs/rules/lion.html')
  await page.getByRole('button', { name: 'Race it here' }).click()
  const race = page.frameLocator('iframe.live')
  const names = race.locator('.lines strong')
  await names.nth(1).waitFor()
  expect((await names.allTextContents()).join()).toMatch(/Lion.*,Adam/)
  await page.goto(`${site.address}docs/fits.html`)
  await page.getByRole('button', { name: 'Fit your own data here' }).click()
  await page.frameLocator('iframe.live').getByText('The half-life is').first().waitFor()
  expect(wrong).toEqual([])
  await page.close()
})
