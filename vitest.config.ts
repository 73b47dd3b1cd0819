import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const folders = ['test/package/**/*.test.ts', 'test/page/**/*.test.ts']
// What other work on the machine would change: times, threads at rest, memory.
const alone = ['test/**/timing/*.test.ts', 'test/lifetime.test.ts']

const project = (
  name: string,
  include: string[],
  exclude: readonly string[] | undefined,
  maxWorkers: number,
  groupOrder: number,
) => ({
  // Tests import the package by its name, as users do, and get what the set-up built.
  resolve: {
    alias: {
      'antigrad/bullmq': fileURLToPath(new URL('dist/bullmq/index.js', import.meta.url)),
      'antigrad/chunks': fileURLToPath(new URL('dist/chunks/index.js', import.meta.url)),
      'antigrad/files': fileURLToPath(new URL('dist/files/index.js', import.meta.url)),
      'antigrad/tfjs': fileURLToPath(new URL('dist/tfjs/index.js', import.meta.url)),
      antigrad: fileURLToPath(new URL('dist/index.js', import.meta.url)),
    },
  },
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
    globalSetup: 'test/once.ts',
    projects: [
      project('package', folders, alone, workers, 0),
      project('typescript', ['test/**/*.test.ts'], [...folders, ...alone], workers, 0),
      // Afterwards, one by one.
      project('alone', alone, undefined, 1, 1),
    ],
  },
})
