import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// What other work on the machine would change: times, threads at rest, memory.
const alone = ['test/timing/**/*.test.ts', 'test/lifetime.test.ts']

// Tests import the package by its name, as users do, and get what the set-up built.
const resolve = { alias: { antigrad: fileURLToPath(new URL('dist/index.js', import.meta.url)) } }
const timeouts = { testTimeout: 120_000, hookTimeout: 300_000 }

export default defineConfig({
  test: {
    globalSetup: 'test/once.ts',
    projects: [
      {
        resolve,
        test: {
          ...{
            name: 'together',
            include: ['test/**/*.test.ts'],
            exclude: ['**/node_modules/**', ...alone],
          },
          ...{ ...timeouts, maxWorkers: Math.max(2, availableParallelism()), sequence: { groupOrder: 0 } },
        },
      },
      {
        resolve,
        test: {
          ...{ name: 'alone', include: alone },
          ...{ ...timeouts, maxWorkers: 1, sequence: { groupOrder: 1 } },
        },
      },
    ],
  },
})
