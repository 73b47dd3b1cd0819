// npm run build:ts: TypeScript to dist/, as ES modules, and as one CommonJS file for Node.
import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
// What a deleted source left behind must not be found.
rmSync('dist', { recursive: true, force: true })
const { status } = spawnSync('node_modules/.bin/tsc', ['-p', 'tsconfig.json'], { stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)

// A loop for each dtype: see `twice` in ts/rules/kernel.ts.
for (const file of readdirSync('dist/rules')) {
  if (file.endsWith('.js')) {
    const path = `dist/rules/${file}`
    writeFileSync(path, withLoopsTwice(readFileSync(path, 'utf8')))
  }
}

/** The same source, in which each `= twice(loop)` has become `= twice(loop, loop)`. */
function withLoopsTwice(source) {
  const [head, ...calls] = source.split('= twice(')
  return [
    head,
    ...calls.map((rest) => {
      let depth = 1
      let end = 0
      for (; depth > 0; end++) depth += { '(': 1, ')': -1 }[rest[end]] ?? 0
      const loop = rest.slice(0, end - 1)
      return `${loop}, ${loop}${rest.slice(end - 1)}`
    }),
  ].join('= twice(')
}

// In Node `import` and `require` get this one file, so that a program in which both happen has one
// class of each error, and one addon.
await build({
  entryPoints: ['dist/index.js'],
  outfile: 'dist/node/index.js',
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  banner: { js: "const here = require('node:url').pathToFileURL(__filename).href" },
  define: { 'import.meta.url': 'here' },
  logLevel: 'warning',
})
writeFileSync('dist/node/package.json', '{ "type": "commonjs" }\n')
const names = Object.keys(createRequire(import.meta.url)('../dist/node/index.js'))
writeFileSync('dist/node/index.mjs', `export {\n  ${names.join(',\n  ')},\n} from './index.js'\n`)
// The same declarations once more: whether they are a CommonJS module's depends on the folder.
for (const file of readdirSync('dist', { recursive: true })) {
  if (file.endsWith('.d.ts')) cpSync(`dist/${file}`, `dist/node/${file}`)
}
