import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin, type Rolldown } from 'vite'
import { storyPages } from './story-plugin.js'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

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

/** Leaves out the programs of methods in lanes: the race runs methods one update at a time. */
const withoutLanes = {
  name: 'without lanes',
  load: (id: string) => {
    const [, name] = /methods\/lanes\/(lbfgs|newton)\.js$/.exec(id) ?? []
    return name ? `export const ${name}Lanes = undefined` : null
  },
}

/** Loads the WebAssembly module of all rules after the main module. Workers, which draw nothing, import it directly. */
const lateCatalogue: Plugin = {
  name: 'late catalogue',
  enforce: 'pre',
  resolveId: (id, importer) =>
    /(^#|\/)webassembly\/catalogue(\.js)?$/.test(id) && !importer?.endsWith('page/src/catalogue.ts')
      ? here('./src/catalogue.ts')
      : null,
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

/**
 * The first curve uses one function of a module that distributions use in full. A copy of the module, from which all
 * other functions are left out, keeps them out of the first curve.
 */
const withCopies: Plugin = {
  name: 'with copies',
  enforce: 'pre',
  resolveId: (id, importer) =>
    id.endsWith('objectives/bounds.js') && importer?.endsWith('many/batch/cohort.js')
      ? `${resolve(dirname(importer), id)}?copy`
      : null,
  load: (id) => (id.endsWith('?copy') ? readFileSync(id.replace('?copy', ''), 'utf8') : null),
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
const onDemand = new RegExp(
  `/dist/(${[
    'random/(random|starts|sobol)',
    'webassembly/many',
    'methods/|rules/|schedules/|minimize/(convergence|method|reasons)|objectives/(arguments|gradient)',
    'objectives/bounds.js$|many/(evaluate-runs|in-turn|run|method-runs|option-sets|paths|starts|batch/coefficients|engines/typescript)|arena/kernel',
    'fits/(analysis|profiles|shared|shared-solve|likelihood|odes|models/(?!linear-least-squares|model\\.))',
    'fits/(fit/(rout|whitening)|programs/(elimination|group|local|profile-|trace)|solve/(dense|group|lane))',
    'fits/uncertainty/(bootstrap|comparison|inverse|joint|model-|outlier|rows|shared-)',
  ].join('|')})`,
)
/** Modules that the first curve shares with parts that are loaded on demand. */
const inFirstCurve =
  /\/page\/src\/(dom|theme|palette|address|map\/ramp|fit\/(example-list|model-list|svg|plot-axes|plot-marks|displayed-fit|wide|control-parts|state))\.ts$|\/d3-array\//
const isCore = (id: string) =>
  (id.includes('/dist/') && !onDemand.test(id) && !id.endsWith('/tables/utf8.js')) || inFirstCurve.test(id)

/** Modules of the library that the race page's first screen does not need. */
const afterFirstScreen =
  /\/dist\/(?!(arena|checkpoint|core|engines|gradients|minimize|model|objectives|options|plots|rules(?!\/documentation)|step)\/|functions\/(exp|log|numbers|pow|quarter-turns|trigonometric|twice)\.|webassembly\/(module|packed-module|unpack)\.|(command-line\/race|extensions|optimizer|schedules\/(kind|option|schedule|warmup))\.js)/

const library = here('../dist/')

interface ModuleGraph {
  getModuleInfo(id: string): { readonly importedIds: readonly string[] } | null
}

/** The modules that the race page's main module imports, up to the library. */
function findFirst(graph: ModuleGraph): Set<string> {
  const found = new Set([here('./src/main.ts')])
  // The set grows while it is read, so that imports of imports are included.
  // The start module needs the helper before it can load the main module.
  for (const id of found)
    for (const imported of graph.getModuleInfo(id)?.importedIds ?? [])
      if (!imported.startsWith(library) && !imported.includes('preload-helper')) found.add(imported)
  return found
}

let first: Set<string> | null = null
/** The chunk of the race page's first screen. One chunk is compressed better than many. */
const nameIfFirst = (id: string, graph: ModuleGraph) => {
  first ??= findFirst(graph)
  const isFirst = id.startsWith(library) ? !afterFirstScreen.test(id) : first.has(id)
  return isFirst ? 'main' : null
}

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
    ...(mode === 'fit' ? [withoutSamplers, withCopies] : [withoutLanes]),
    ...(mode === 'fit' || mode === 'story' ? [] : [lateCatalogue]),
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
        ...(mode === 'fit' && {
          codeSplitting: { includeDependenciesRecursively: false, groups: [{ name: 'core', test: isCore }] },
        }),
        // The race page's first screen and all its imports form one chunk, which is compressed better than many.
        ...(mode === 'race' && {
          codeSplitting: {
            includeDependenciesRecursively: false,
            groups: [{ name: nameIfFirst, debugName: 'main' }],
          },
        }),
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
