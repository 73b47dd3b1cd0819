/** Writes the pages of the story: the page with all steps, one page per step, and their images. */

import { readFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build as bundle } from 'esbuild'
import type { Plugin } from 'vite'
import type { PageAddresses, StoryPage } from './src/story/pages.js'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** The modules that render the pages and the images. */
type Renderers = typeof import('./src/story/renderers.js')

let renderers: Promise<Renderers> | undefined

/** Runs the modules of the story in Node, with the built package. */
async function loadRenderers(): Promise<Renderers> {
  const antigrad = pathToFileURL(here('../dist/index.js')).href
  const { outputFiles } = await bundle({
    entryPoints: [here('./src/story/renderers.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    plugins: [
      {
        name: 'built package',
        setup(build) {
          build.onResolve({ filter: /^antigrad$/ }, () => ({ path: antigrad, external: true }))
        },
      },
    ],
  })
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString('base64')}`)
}

/** A font that most systems have. The names have no quotes, because resvg ignores all names after a quoted name. */
const FONT = 'DejaVu Sans, Liberation Sans, Arial, Helvetica, sans-serif'

/** Converts images to PNG. Without the optional renderer, the pages have no images. */
async function loadConverter(): Promise<((svg: string) => Uint8Array) | null> {
  const renderer = await import('@resvg/resvg-js').catch(() => null)
  return renderer && ((svg) => new renderer.Resvg(svg).render().asPng())
}

const fill = (html: string, { head, body }: StoryPage) =>
  html.replace('<!-- story head -->', () => head).replace('<!-- story body -->', () => body)

const addresses = (): PageAddresses => ({
  site: process.env.PAGE_SITE ?? '',
  docs: process.env.VITE_DOCS,
})

/** The built page of a step is the built page of the story with another text, one folder further down. */
const toStepPage = (html: string, page: StoryPage) =>
  fill(html.replaceAll('"../story/assets/', '"../assets/'), page).replace(
    'data-story="./"',
    'data-story="../" data-alone',
  )

export const storyPages: Plugin = {
  name: 'story-pages',
  enforce: 'post',
  async generateBundle(_, files) {
    const name = 'story/index.html'
    const file = files[name]
    if (file?.type !== 'asset') return
    const html = String(file.source)
    renderers ??= loadRenderers()
    const { renderStory, renderStepPages, renderCards } = await renderers
    file.source = fill(html, renderStory(addresses()))
    for (const page of renderStepPages(addresses())) {
      this.emitFile({ type: 'asset', fileName: page.path, source: toStepPage(html, page) })
    }
    const convert = await loadConverter()
    if (!convert) return
    for (const { fileName, svg } of renderCards(FONT)) {
      this.emitFile({ type: 'asset', fileName, source: convert(svg) })
    }
  },
  configureServer(server) {
    // In development, the pages are rendered when they are requested.
    server.middlewares.use(async (request, response, next) => {
      const [, id] = /^\/story\/(?:([\w-]+)\/)?(?:index\.html)?$/.exec(
        (request.url ?? '').split(/[?#]/)[0],
      ) ?? [null]
      if (id === null) return next()
      const { renderStory, renderStepPages } = await loadRenderers()
      const page = id
        ? renderStepPages(addresses()).find(({ path }) => path === `story/${id}/index.html`)
        : renderStory(addresses())
      if (!page) return next()
      const template = readFileSync(here('./story/index.html'), 'utf8').replace('"../src/', '"/src/')
      const html = id ? toStepPage(template, page) : fill(template, page)
      response.setHeader('Content-Type', 'text/html')
      response.end(await server.transformIndexHtml(request.url ?? '', html))
    })
  },
}
