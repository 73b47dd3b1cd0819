/** The package that `npm pack` creates, in new folders, and programs that use the package. */

import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { inject } from 'vitest'
import { home } from '../children.js'
import { once } from '../shared-setup.js'

/** The environment of programs in the tests. */
export const { ANTIGRAD_ENGINE: _, NODE_OPTIONS: __, ...env } = process.env

// biome-ignore lint/suspicious/noExplicitAny: what JSON.parse gives
export type Json = any

/** A folder outside the repository, so that only installed packages are found. */
export function freshFolder(): string {
  return mkdtempSync(join(tmpdir(), 'antigrad-package-'))
}

export const remove = (folder: string) => rmSync(folder, { recursive: true, force: true })

export function npm(folder: string, ...args: string[]): string {
  // The repository's .npmrc silences npm, but the tests need error messages.
  const options = ['--loglevel=error', '--no-audit', '--no-fund', '--prefer-offline']
  return execFileSync('npm', [...args, ...options], { cwd: folder, env, encoding: 'utf8', stdio: 'pipe' })
}

/** Packs a folder with `npm pack` and returns the path of the tarball. */
function pack(folder: string, into: string): string {
  return join(into, npm(folder, 'pack', '--ignore-scripts', '--pack-destination', into).trim())
}

const tarballIn = (folder: string) =>
  join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) as string)

/** The tarball of the main package. */
export const packed = async () => tarballIn(await once('packed', (folder) => pack(home, folder)))

/**
 * Both packages for this platform as in a release, except that the main package's optional dependency is a file.
 *
 * @returns the tarball of the main package
 */
export async function released(): Promise<string> {
  const folder = await once('released', async (into) => {
    const made = `target/npm-${basename(inject('made'))}`
    try {
      execFileSync(process.execPath, ['scripts/npm-packages.mjs', made], { cwd: home, stdio: 'pipe' })
      const [target] = readdirSync(join(home, made)).filter((name) =>
        isOfThisPlatform(join(home, made, name)),
      )
      const beside = join(into, 'addon')
      mkdirSync(beside)
      const addon = pack(join(home, made, target), beside)
      execFileSync('tar', ['-xzf', await packed(), '-C', into])
      editJson(join(into, 'package/package.json'), (manifest) => {
        manifest.optionalDependencies = { [`antigrad-${target}`]: pathToFileURL(addon).href }
      })
      pack(join(into, 'package'), into)
    } finally {
      remove(join(home, made))
    }
  })
  return tarballIn(folder)
}

function isOfThisPlatform(folder: string): boolean {
  const { main } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return readdirSync(folder).includes(main) && main.includes(`.${process.platform}-${process.arch}`)
}

export function editJson(file: string, edit: (json: Json) => void): void {
  const json = JSON.parse(readFileSync(file, 'utf8'))
  edit(json)
  writeFileSync(file, JSON.stringify(json, null, 2))
}

/** A new folder in which npm has installed a release, with or without its optional dependency. */
export async function installed({ addon = true } = {}): Promise<string> {
  const made = await once(`installed ${addon ? 'with' : 'without'} the addon`, async (folder) => {
    writeFileSync(join(folder, 'package.json'), '{ "name": "project", "private": true, "type": "module" }')
    npm(folder, 'install', await released(), ...(addon ? [] : ['--omit=optional']))
  })
  const folder = freshFolder()
  cpSync(made, folder, { recursive: true, verbatimSymlinks: true })
  return folder
}

/** The name of the addon's package in an installation folder, the folder of the package, and the addon file. */
export function addonIn(folder: string) {
  const modules = join(folder, 'node_modules')
  const name = readdirSync(modules).find((name) => name.startsWith('antigrad-')) as string
  const file = readdirSync(join(modules, name)).find((name) => name.endsWith('.node')) as string
  return { name, folder: join(modules, name), file }
}

/** Runs a program in a folder. */
export function run(folder: string, program: string, ...args: string[]) {
  const { status, signal, stdout, stderr } = spawnSync(program, args, {
    cwd: folder,
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  return { status: status ?? signal, stdout, stderr }
}

/** Runs a program that prints JSON. */
export function json(folder: string, program: string, ...args: string[]): Json {
  const { status, stdout, stderr } = run(folder, program, ...args)
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stderr}${stdout}`)
  return JSON.parse(stdout)
}

/**
 * Writes the script that prints the engines and digests of a runtime. The script is one JavaScript file that imports
 * the package.
 */
export async function addDigestScript(folder: string): Promise<string> {
  await build({
    entryPoints: [join(home, 'test/digests.ts')],
    outfile: join(folder, 'digests.js'),
    bundle: true,
    format: 'esm',
    target: 'es2022',
    external: ['antigrad'],
    logLevel: 'warning',
  })
  return 'digests.js'
}

/** A program that prints the names that `import` and `require` provide, and which of them are identical. */
export function addBothScript(folder: string): string {
  writeFileSync(
    join(folder, 'both.js'),
    `import { createRequire } from 'node:module'
    import * as imported from 'antigrad'
    const required = createRequire(import.meta.url)('antigrad')
    const names = Object.keys(required).sort()
    const same = names.filter((name) => required[name] === imported[name])
    console.log(JSON.stringify({ names, same, imported: Object.keys(imported).sort() }))`,
  )
  return 'both.js'
}
