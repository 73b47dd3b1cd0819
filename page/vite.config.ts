import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin, type Rolldown } from 'vite'

/** The equations of the rules, as their sources state them. */
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

/** What the main part needs is asked for as the page is read, and not first once the part that loads it runs. */
const early: Plugin = {
  name: 'early',
  transformIndexHtml: {
    order: 'post',
    handler(_, { bundle = {} }) {
      const main = Object.values(bundle).find(({ name }) => name === 'main') as
        | Rolldown.OutputChunk
        | undefined
      const files = main ? [main.fileName, ...main.imports] : []
      return files.map((file) => ({
        tag: 'link',
        attrs: { rel: 'modulepreload', href: `./${file}` },
        injectTo: 'head' as const,
      }))
    },
  },
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig(({ mode }) => ({
  root: here('.'),
  // Relative addresses: the files work from any folder of any host.
  base: './',
  // The page runs what the set-up built, as a user's bundler would find it.
  resolve: {
    alias: [
      { find: 'antigrad/fit', replacement: here('../dist/fits/index.js') },
      { find: 'antigrad', replacement: here('../dist/index.js') },
      // The race has all rules, and with them the catalogue's module, which serves for the core's.
      ...(mode === 'fit'
        ? []
        : [{ find: /.*\/webassembly\/core\.js$/, replacement: here('../dist/webassembly/catalogue.js') }]),
    ],
  },
  plugins: [equations, early],
  build: {
    target: 'es2022',
    chunkSizeWarningLimit: 700,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: here(mode === 'fit' ? 'fit.html' : 'index.html'),
      // Whose they are is to be seen, where they lie side by side.
      output: { chunkFileNames: `assets/${mode === 'fit' ? 'fit-' : ''}[name]-[hash].js` },
    },
  },
  // What it loads late is in pieces of their own.
  worker: { format: 'es' },
  // What is loaded late: else the first visit in development would load the page twice.
  optimizeDeps: { include: ['three', 'mathjs/number'] },
  server: { host: '127.0.0.1' },
  preview: { host: '127.0.0.1' },
}))
