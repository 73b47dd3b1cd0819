// npm run build:npm: the addons in native/ as packages of their own, one a platform, in npm/. Without
// `--all`, which a release has, platforms whose addon is not there are left out.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
rmSync('npm', { recursive: true, force: true })
const { status } = spawnSync('node_modules/.bin/napi', ['create-npm-dirs'], { stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)

const missing = []
for (const target of readdirSync('npm')) {
  const file = `antigrad.${target}.node`
  if (!existsSync(`native/${file}`)) {
    missing.push(file)
    rmSync(`npm/${target}`, { recursive: true })
    continue
  }
  cpSync(`native/${file}`, `npm/${target}/${file}`)
  // The loader compares: half of an addon would end the process that loads it.
  const manifest = JSON.parse(readFileSync(`npm/${target}/package.json`, 'utf8'))
  manifest.bytes = statSync(`native/${file}`).size
  writeFileSync(`npm/${target}/package.json`, `${JSON.stringify(manifest, null, 2)}\n`)
}
if (process.argv.includes('--all') && missing.length > 0) {
  console.error(`native/ has no ${missing.join(', ')}`)
  process.exit(1)
}
