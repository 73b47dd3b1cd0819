import { readFileSync } from 'node:fs'
// Not by the name `createRequire`: bundles often have one already, and webpack would look into its argument.
import nodeModule from 'node:module'
import { resolve } from 'node:path'
import { getMessage } from '../core/errors.js'
import { platforms, version } from '../core/package.js'
import type { Addon, LoadedAddon } from './addon.js'
import { environmentVariable } from './environment.js'

/**
 * The addon that ANTIGRAD_ADDON names; else the one that was built here, the one beside the bundle that this
 * is a part of, or the package for this platform.
 */
export function loadAddon(): LoadedAddon {
  const reasons: string[] = []
  const none = (reason: string): LoadedAddon => ({ addon: null, reasons: [...reasons, reason] })
  const { createRequire } = nodeModule
  // This file or its bundle, by the name that its format has. What bundlers make of both may be no path at all.
  const require =
    tryFind(() => createRequire(__filename)) ??
    tryFind(() => createRequire(import.meta.url)) ??
    createRequire(process.argv[1] ?? process.execPath)

  /** Tries one file; null if that fails. */
  const load = (request: string, name: string): Addon | null => {
    try {
      const file = require.resolve(request)
      const damage = findDamage(readFileSync(file))
      if (damage === null) return require(file) as Addon
      reasons.push(`${name} is damaged: ${damage}`)
    } catch (thrown) {
      reasons.push(`${name} does not load: ${getMessage(thrown)}`)
    }
    return null
  }

  const named = environmentVariable('ANTIGRAD_ADDON')
  if (named) return { addon: load(resolve(named), `ANTIGRAD_ADDON=${named}`), reasons }

  const target = thisPlatform()
  const fileName = `antigrad.${target}.node`
  for (const request of [`../../native/${fileName}`, `./${fileName}`]) {
    const file = tryFind(() => require.resolve(request))
    const addon = file && load(file, file)
    if (addon) return { addon, reasons }
  }

  if (!platforms.includes(target)) return none(`there is no addon for ${target}`)
  const name = `antigrad-${target}`
  const manifest = tryFind(() => require(`${name}/package.json`) as { readonly version: string })
  if (manifest === null) reasons.push(`${name} is not installed`)
  else if (manifest.version === version) {
    const addon = load(name, name)
    if (addon) return { addon, reasons }
  } else reasons.push(`${name} is of version ${manifest.version}, but antigrad is of ${version}`)
  return none(
    `\`npm install --include=optional\` here brings the addon; a bundle needs ${fileName} beside it`,
  )
}

/** What `find` gives, or null where it throws because there is nothing. */
function tryFind<T>(find: () => T): T | null {
  try {
    return find()
  } catch {
    return null
  }
}

/** As the addon's package is named: system, processor and C library. */
function thisPlatform(): string {
  const { platform, arch } = process
  if (platform === 'win32') return `${platform}-${arch}-msvc`
  if (platform !== 'linux') return `${platform}-${arch}`
  // What this process has in memory decides: a machine may have both libraries.
  const maps = tryFind(() => readFileSync('/proc/self/maps', 'utf8'))
  return `${platform}-${arch}-${maps?.includes('/ld-musl-') ? 'musl' : 'gnu'}`
}

/** Why loading it would end the process (a system maps files that were cut short, and faults later), or null. */
function findDamage(file: Buffer): string | null {
  const isElf = file.length >= 64 && file.readUInt32BE(0) === 0x7f454c46
  if (!isElf) return null
  // The table of sections is what linkers write last: its offset, entries and their size.
  const length = Number(file.readBigUInt64LE(40)) + file.readUInt16LE(60) * file.readUInt16LE(58)
  return file.length < length ? `its addon has ${file.length} bytes instead of ${length}` : null
}
