// npm run reproduce: builds dist/ twice, and fails unless both builds have the same files with the same bytes.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Failure, root, run, say, script } from './lib/run.mjs'

async function built() {
  await run(process.execPath, ['scripts/build-ts.mjs'], { label: 'the build' })
  const dist = join(root, 'dist')
  const files = readdirSync(dist, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = files.map(({ parentPath, name }) => join(parentPath, name)).sort()
  return new Map(paths.map((path) => [path, createHash('sha256').update(readFileSync(path)).digest('hex')]))
}

script(async () => {
  const [first, second] = [await built(), await built()]
  const others = [...new Set([...first.keys(), ...second.keys()])].filter(
    (path) => first.get(path) !== second.get(path),
  )
  if (others.length > 0) throw new Failure(`These files differ between the builds: ${others.join(', ')}`)
  const whole = createHash('sha256')
    .update([...first].join('\n'))
    .digest('hex')
  say(`${first.size} files are identical in both builds: ${whole}`)
})
