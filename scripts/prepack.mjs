// npm runs it before `npm pack` and `npm publish`: without dist/ they would make a package of nothing.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const { version, exports, imports, bin } = JSON.parse(readFileSync('package.json', 'utf8'))
const filesIn = (target) =>
  typeof target === 'string' ? [target] : Object.values(target).flatMap((inner) => filesIn(inner))
// Of a pattern, the folder.
const missing = filesIn([exports, imports, bin]).filter((file) => !existsSync(file.split('*')[0]))
const problems = missing.map((file) => `${file} is missing`)
if (missing.length === 0) {
  const built = await import('../dist/core/package.js')
  if (built.version !== version)
    problems.push(`dist/ is of version ${built.version}, package.json of ${version}`)
}
if (problems.length > 0) {
  console.error(`antigrad: ${problems.join('; ')}. Build it first: npm run setup`)
  process.exit(1)
}
