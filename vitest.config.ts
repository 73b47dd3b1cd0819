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
// Tests import the package by its name, as users do, and get what the set-up built: the files that Node takes by the
// exports of package.json,
const nodes = aliases((entry) => import.meta.resolve(entry))
// or the modules that bundlers take.
const modules = aliases((entry) => new URL(`dist/${entries[entry]}index.js`, import.meta.url))

/** Tests that get modules, as they look at internals beside the package. */
const ofInternals = [
  ...['coefficient-positions', 'courses', 'hints', 'mixed-rules', 'rules', 'schedules', 'subnormals'],
  ...['adversarial/table', 'fits/engines', 'objectives', 'errors', 'chunks', 'bullmq'],
].map((name) => `test/${name}.test.ts`)
/** Tests that get both. With those above, each export is tried as a module too. */
const ofBoth = ['test/files/*.test.ts', 'test/tfjs.test.ts']

const project = (
  name: string,
  include: string[],
  exclude: readonly string[] | undefined,
  maxWorkers: number,
  groupOrder: number,
  alias = nodes,
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
      // The page imports internals beside the package.
      project('package', folders, alone, workers, 0, modules),
      project('typescript', ['test/**/*.test.ts'], [...folders, ...alone, ...ofInternals], workers, 0),
      project('modules', [...ofInternals, ...ofBoth], undefined, workers, 0, modules),
      // Afterwards, one by one.
      project('alone', alone, undefined, 1, 1, modules),
    ],
  },
})
