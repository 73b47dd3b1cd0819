import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin, type Rolldown } from 'vite'
import { storyPages } from './story-plugin.js'

/** A virtual module with the equations of the rules, which are read from the rules' sources. */
const equations = {
  name: 'equations',
  resolveId: (id: string) => (id === 'virtual:equations' ? '\0equations' : null),
  async load(id: string) {
    if (id !== '\0equations') return null
    const { aboutRules } = await import('../scripts/lib/rules-page.mjs')
    const all = Object.entries(aboutRules() as Record<string, { equations: unknown; coefficients: unknown }>)
    const kept = all.map(([name, { equations, coefficients }]) => [name, { equations, coefficients }])
    return `export const equations = ${JSON.stringify(Object.fromEntries(kept))}`
  },
}

/** Leaves out the program of L-BFGS in lanes: the race runs L-BFGS one update at a time. */
const withoutLanes = {
  name: 'without lanes',
  load: (id: string) =>
    id.endsWith('methods/lanes/lbfgs.js') ? 'export const lbfgsLanes = undefined' : null,
}

/**
 * Leaves the samplers of starting values out of fits, which have no option for many starts on the page. Profiles use
 * the samplers, and load them on demand.
 */
const withoutSamplers: Plugin = {
  name: 'without samplers',
  enforce: 'pre',
  resolveId: (id, importer) =>
    id.endsWith('random/starts.js') && importer?.endsWith('problem/multi-start.js') ? '\0samplers' : null,
  load: (id) =>
    id === '\0samplers'
      ? ['latinHypercube', 'sobol', 'uniform']
          .map((name) => `export const ${name}Starts = undefined`)
          .join('\n')
      : null,
}

/** Preloads the main module and its imports with the page, before the start module runs and requests them. */
const early = (main: string): Plugin => ({
  name: 'early',
  transformIndexHtml: {
    order: 'post',
    handler(_, { bundle = {} }) {
      const found = Object.values(bundle).find(
        (file) => file.name === main && !('isEntry' in file && file.isEntry),
      ) as Rolldown.OutputChunk | undefined
      const files = new Set(found ? [found.fileName] : [])
      // The set grows while it is read, so that imports of imports are included.
      for (const file of files) {
        const chunk = bundle[file]
        if (chunk.type === 'chunk') for (const name of chunk.imports) files.add(name)
      }
      return Array.from(files, (file) => ({
        tag: 'link',
        attrs: { rel: 'modulepreload', href: `./${file}` },
        injectTo: 'head' as const,
      }))
    },
  },
})

/**
 * Modules of the library that no first fit needs, and that the fit page loads on demand. All other modules of the
 * library form one chunk, because many small chunks are compressed less well.
 */
const onDemand =
  /\/dist\/(random\/(starts|sobol)|fits\/(analysis|profiles|shared|shared-solve|models\/(?!linear-least-squares|model\.)|fit\/(rout|whitening)|programs\/(elimination|group|local|profile-|trace)|solve\/(dense|group|lane)|uncertainty\/(comparison|inverse|joint|model-|outlier|rows)))/
/** Modules that the first curve shares with parts that are loaded on demand. */
const inFirstCurve =
  /\/page\/src\/(dom|theme|palette|fit\/(svg|plot-axes|plot-marks|displayed-fit|wide|control-parts|state))\.ts$|\/d3-array\//
const isCore = (id: string) =>
  (id.includes('/dist/') && !onDemand.test(id) && !id.endsWith('/tables/utf8.js')) || inFirstCurve.test(id)

/** The input of each mode, and the folder of its files, which distinguishes the files of the pages. */
const inputs: Readonly<Record<string, { readonly file: string; readonly chunks: string }>> = {
  race: { file: 'index.html', chunks: 'assets/' },
  fit: { file: 'fit.html', chunks: 'assets/fit-' },
  story: { file: 'story/index.html', chunks: 'story/assets/' },
}

/** The link to the docs, which exists only if the docs are published with the pages. */
const docsLink: Plugin = {
  name: 'link to the docs',
  transformIndexHtml: (html) => {
    const docs = process.env.VITE_DOCS
    const link = docs === undefined ? '' : `<a href="${docs}">Docs</a>`
    return html.replace('<!-- link to the docs -->', link)
  },
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig(({ mode }) => ({
  root: here('.'),
  // Relative URLs work in any folder of any host.
  base: './',
  // The page uses the built package, as a user's bundler would.
  resolve: {
    alias: [
      { find: 'antigrad/fit', replacement: here('../dist/fits/index.js') },
      { find: 'antigrad', replacement: here('../dist/index.js') },
      // The race uses all rules. Their WebAssembly module (the catalogue) also contains the core, so the core's is
      // omitted.
      ...(mode === 'fit' || mode === 'story'
        ? []
        : [{ find: '#webassembly/core', replacement: here('../dist/webassembly/catalogue.js') }]),
    ],
  },
  plugins: [
    equations,
    withoutLanes,
    ...(mode === 'fit' ? [withoutSamplers] : []),
    early(mode === 'fit' ? 'fit' : 'main'),
    docsLink,
    storyPages,
  ],
  build: {
    target: 'es2022',
    chunkSizeWarningLimit: 700,
    modulePreload: { polyfill: false },
    ...(mode === 'story' && { assetsDir: 'story/assets' }),
    rolldownOptions: {
      input: here((inputs[mode] ?? inputs.race).file),
      output: {
        chunkFileNames: `${(inputs[mode] ?? inputs.race).chunks}[name]-[hash].js`,
        ...(mode === 'fit' && { codeSplitting: { groups: [{ name: 'core', test: isCore }] } }),
      },
    },
  },
  // ES modules allow workers to load chunks on demand.
  worker: { format: 'es' },
  // Modules loaded on demand are listed here. Otherwise the first visit in development would load the page twice.
  optimizeDeps: { include: ['three', 'mathjs/number'] },
  server: { host: '127.0.0.1' },
  preview: { host: '127.0.0.1' },
}))
