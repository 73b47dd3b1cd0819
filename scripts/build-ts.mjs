// npm run build:ts: TypeScript to dist/, as ES modules, and as one CommonJS file for Node.
//
// The loops of the rules get a copy of their own for float64: an engine's compiler specialises a
// function by the types that it has met, and one that has met both dtypes is nine times as slow.
import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
// What a deleted source left behind must not be found.
for (const folder of ['dist', 'ts/rules-float64']) rmSync(folder, { recursive: true, force: true })
cpSync('ts/rules', 'ts/rules-float64', { recursive: true })
const { status } = spawnSync('node_modules/.bin/tsc', ['-p', 'tsconfig.json'], { stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)

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
