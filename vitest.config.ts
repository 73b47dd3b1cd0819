import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Tests import the package by its name, as users do, and get what the set-up built.
  resolve: { alias: { antigrad: fileURLToPath(new URL('dist/index.js', import.meta.url)) } },
  test: { include: ['test/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000 },
})
