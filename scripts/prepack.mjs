// npm runs this script before `npm pack` and `npm publish`, which would otherwise make an empty package without dist/.
// It must run in a copy that has no other script.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const { version, exports, imports, bin } = JSON.parse(readFileSync('package.json', 'utf8'))
const filesIn = (target) =>
  typeof target === 'string' ? [target] : Object.values(target).flatMap((inner) => filesIn(inner))
// For a pattern, only the folder is checked.
const missing = filesIn([exports, imports, bin]).filter((file) => !existsSync(file.split('*')[0]))
const problems = missing.map((file) => `${file} is missing`)
if (missing.length === 0) {
  const built = await import('../dist/core/package.js')
  if (built.version !== version)
    problems.push(`dist/ has version ${built.version}, but package.json has ${version}`)
}
if (problems.length > 0) {
  console.error(`antigrad: ${problems.join('; ')}. Build it first: npm run setup`)
  process.exit(1)
}
// A clone's README has relative links, and its package.json names no addons.
if (['publish', 'stage'].includes(process.env.npm_command)) {
  console.error('antigrad: a clone is not the published package. Publish it with node scripts/publish.mjs')
  process.exit(1)
}
