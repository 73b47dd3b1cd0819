// npm run build:npm: makes one package per platform from the addons in native/, in the folder npm/ or in another one.
// Platforms without an addon are skipped, unless `--all` is given, as in releases.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const folder = process.argv.slice(2).find((argument) => argument !== '--all') ?? 'npm'
rmSync(folder, { recursive: true, force: true })
const make = ['create-npm-dirs', '--npm-dir', folder]
const { status } = spawnSync('node_modules/.bin/napi', make, { stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)

const missing = []
for (const target of readdirSync(folder)) {
  const file = `antigrad.${target}.node`
  if (!existsSync(`native/${file}`)) {
    missing.push(file)
    rmSync(`${folder}/${target}`, { recursive: true })
    continue
  }
  cpSync(`native/${file}`, `${folder}/${target}/${file}`)
}
if (process.argv.includes('--all') && missing.length > 0) {
  console.error(`native/ does not contain ${missing.join(', ')}`)
  process.exit(1)
}
