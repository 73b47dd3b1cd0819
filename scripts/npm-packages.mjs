// npm run build:npm: makes one package per platform from the addons in native/, in the folder npm/ or in another one.
// Platforms without an addon are skipped, unless `--all` is given, as in releases.
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Failure, root, run, say, script } from './lib/run.mjs'

script(async () => {
  process.chdir(root)
  const isWhole = process.argv.includes('--all')
  const folder = process.argv.slice(2).find((argument) => argument !== '--all') ?? 'npm'
  rmSync(folder, { recursive: true, force: true })
  // Its output names all platforms, so it is not shown.
  await run('node_modules/.bin/napi', ['create-npm-dirs', '--npm-dir', folder])

  const [made, missing] = [[], []]
  for (const target of readdirSync(folder)) {
    const file = `antigrad.${target}.node`
    if (existsSync(`native/${file}`)) {
      cpSync(`native/${file}`, `${folder}/${target}/${file}`)
      // npm silently omits an optional package whose `engines` exclude the running Node. The addon loads in older ones.
      const { engines: _, ...manifest } = JSON.parse(readFileSync(`${folder}/${target}/package.json`, 'utf8'))
      writeFileSync(`${folder}/${target}/package.json`, `${JSON.stringify(manifest, null, 2)}\n`)
      made.push(target)
    } else {
      rmSync(`${folder}/${target}`, { recursive: true })
      missing.push(target)
    }
  }
  if (made.length === 0) throw new Failure('native/ contains no addon. Build it first: npm run setup')
  if (isWhole && missing.length > 0) throw new Failure(`native/ contains no addon for ${missing.join(', ')}.`)
  const others = missing.length > 0 ? `; without an addon in native/: ${missing.join(', ')}` : ''
  say(`${folder}/: ${made.map((target) => `antigrad-${target}`).join(', ')}${others}`)
})
