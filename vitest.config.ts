import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { aliases, moduleAliases } from './scripts/lib/entries.mjs'

const folders = ['test/package/**/*.test.ts', 'test/page/**/*.test.ts']
// Tests of times, idle threads and memory, which other work on the machine would disturb.
const measured = ['test/**/timing/*.test.ts', 'test/lifetime.test.ts']
// Tests of memory, and of CPU time of a process or thread. One other process does not disturb these tests.
const inPairs = [
  ...['test/lifetime.test.ts', 'test/bytes/timing/growth.test.ts'],
  ...['event-loop', 'many-tensors', 'memory', 'tables'].map((name) => `test/timing/${name}.test.ts`),
]

// Tests import the package by its name, like users, and get the files of the last build that Node selects through the
// exports of package.json. The tests of the project `modules` get the modules that bundlers select.
const nodes = aliases((entry) => fileURLToPath(import.meta.resolve(entry)))

/** Tests that use the modules, because they import internals in addition to the package. */
const ofInternals = [
  ...['coefficient-positions', 'courses', 'hints', 'mixed-rules', 'rules', 'schedules', 'subnormals'],
  ...['adversarial/table', 'fits/engines', 'minimize-text', 'objectives', 'errors', 'chunks', 'bullmq'],
].map((name) => `test/${name}.test.ts`)
/** Tests that run on both. Together with `ofInternals` they test each export as a module too. */
const ofBoth = [
  ...['checkpoints', 'format', 'random', 'torch'].map((name) => `test/files/${name}.test.ts`),
  'test/tfjs.test.ts',
]

const project = (
  name: string,
  include: string[],
  exclude: readonly string[] | undefined,
  maxWorkers: number,
  groupOrder: number,
  alias = nodes,
  retry = groupOrder > 0 ? 2 : 0,
) => ({
  resolve: { alias },
  test: {
    ...{ name, include, maxWorkers, sequence: { groupOrder } },
    // Without this option Vitest uses its own list, and the list of its command line.
    ...(exclude && { exclude: ['**/node_modules/**', ...exclude] }),
    // The package is loaded by Node, as in users' programs, and not by Vite.
    server: { deps: { external: [/\/dist\//] } },
    ...{ testTimeout: 300_000, hookTimeout: 600_000 },
    // The default of one second is too short for a page on a busy machine.
    expect: { poll: { timeout: 60_000 } },
    // Measurements, and browsers on a busy machine, can fail by chance.
    retry,
  },
})

const workers = Math.max(2, availableParallelism())

export default defineConfig({
  test: {
    globalSetup: 'test/shared-setup.ts',
    projects: [
      // The tests of pages import internals in addition to the package.
      project('package', folders, measured, workers, 0, moduleAliases(), 1),
      project('typescript', ['test/**/*.test.ts'], [...folders, ...measured, ...ofInternals], workers, 0),
      project('modules', [...ofInternals, ...ofBoth], undefined, workers, 0, moduleAliases()),
      // These run last: two at a time, and then one at a time.
      project('pairs', inPairs, undefined, 2, 1, moduleAliases()),
      project('alone', measured, inPairs, 1, 2, moduleAliases()),
    ],
  },
})
