import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const folders = ['test/package/**/*.test.ts', 'test/page/**/*.test.ts']
// What other work on the machine would change: times, threads at rest, memory.
const alone = ['test/**/timing/*.test.ts', 'test/lifetime.test.ts']

// The longest names first, as an alias is whatever a name begins with.
const entries = {
  'antigrad/bullmq': 'bullmq/',
  'antigrad/chunks': 'chunks/',
  'antigrad/files': 'files/',
  'antigrad/fit': 'fits/',
  'antigrad/tfjs': 'tfjs/',
  antigrad: '',
}
type Entry = keyof typeof entries
const aliases = (urlOf: (entry: Entry) => URL | string) =>
  Object.fromEntries((Object.keys(entries) as Entry[]).map((entry) => [entry, fileURLToPath(urlOf(entry))]))
// Tests import the package by its name, as users do, and get what the set-up built: its modules, which bundlers take,
const modules = aliases((entry) => new URL(`dist/${entries[entry]}index.js`, import.meta.url))
// or the files that Node takes by the exports of package.json.
const nodes = aliases((entry) => import.meta.resolve(entry))

const project = (
  name: string,
  include: string[],
  exclude: readonly string[] | undefined,
  maxWorkers: number,
  groupOrder: number,
  alias = modules,
) => ({
  resolve: { alias },
  test: {
    ...{ name, include, maxWorkers, sequence: { groupOrder } },
    // Vitest's own, and that of its command line, where there is none.
    ...(exclude && { exclude: ['**/node_modules/**', ...exclude] }),
    // As users have it: not through Vite's own modules.
    server: { deps: { external: [/\/dist\//] } },
    ...{ testTimeout: 120_000, hookTimeout: 300_000 },
    // Vitest's own second is over before a page on a busy machine has done what it was asked.
    expect: { poll: { timeout: 20_000 } },
  },
})

const workers = Math.max(2, availableParallelism())

export default defineConfig({
  test: {
    globalSetup: 'test/shared-setup.ts',
    projects: [
      project('package', folders, alone, workers, 0),
      project('typescript', ['test/**/*.test.ts'], [...folders, ...alone], workers, 0),
      // Entries that are bundles of their own in Node.
      project('node', ['test/files/*.test.ts', 'test/tfjs.test.ts'], undefined, workers, 0, nodes),
      // Afterwards, one by one.
      project('alone', alone, undefined, 1, 1),
    ],
  },
})
