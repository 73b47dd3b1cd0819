// npm runs this script before `npm pack` and `npm publish`, which would otherwise make an empty package without dist/.
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
