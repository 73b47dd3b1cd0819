import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  // Relative addresses: the files work from any folder of any host.
  base: './',
  // The page runs what the set-up built, as a user's bundler would find it.
  resolve: {
    alias: [
      { find: 'antigrad', replacement: fileURLToPath(new URL('../dist/index.js', import.meta.url)) },
      // It has all rules, and with them the catalogue's module, which serves for the core's.
      {
        find: /.*\/wasm-core\.js$/,
        replacement: fileURLToPath(new URL('../dist/engines/wasm-catalogue.js', import.meta.url)),
      },
    ],
  },
  build: { target: 'es2022', chunkSizeWarningLimit: 700, modulePreload: { polyfill: false } },
  // What is loaded late: else the first visit in development would load the page twice.
  optimizeDeps: { include: ['three', 'mathjs/number'] },
  server: { host: '127.0.0.1' },
  preview: { host: '127.0.0.1' },
})
