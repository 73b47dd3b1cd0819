import { readFileSync } from 'node:fs'
// The default import avoids the name `createRequire`, which bundles often define already and whose argument webpack
// analyzes.
import nodeModule from 'node:module'
import { resolve } from 'node:path'
import { getMessage } from '../core/errors.js'
import { platforms, version } from '../core/package.js'
import type { Addon, LoadedAddon } from './addon.js'
import { environmentVariable } from './environment.js'

/**
 * Loads the addon from the path in ANTIGRAD_ADDON. Without this variable, loads the local build, the addon next to the
 * bundle of this file, or the package for this platform.
 */
export function loadAddon(): LoadedAddon {
  const reasons: string[] = []
  const none = (reason: string): LoadedAddon => ({ addon: null, reasons: [...reasons, reason] })
  const { createRequire } = nodeModule
  // The location of this file or its bundle, by the name that the module format provides. Bundlers may replace both
  // names by something that is not a path.
  const require =
    tryFind(() => createRequire(__filename)) ??
    tryFind(() => createRequire(import.meta.url)) ??
    createRequire(process.argv[1] ?? process.execPath)

  /** Tries to load one file; returns null if loading fails. */
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
  } else reasons.push(`${name} has version ${manifest.version}, but antigrad has ${version}`)
  return none(
    `\`npm install --include=optional\` here installs the addon; a bundle needs ${fileName} next to it`,
  )
}

/** Returns the result of `find`, or null if `find` throws an error. */
function tryFind<T>(find: () => T): T | null {
  try {
    return find()
  } catch {
    return null
  }
}

/** The platform part of the addon's package name: system, processor and C library. */
function thisPlatform(): string {
  const { platform, arch } = process
  if (platform === 'win32') return `${platform}-${arch}-msvc`
  if (platform !== 'linux') return `${platform}-${arch}`
  // The libraries loaded into this process decide, because a machine may have both.
  const maps = tryFind(() => readFileSync('/proc/self/maps', 'utf8'))
  return `${platform}-${arch}-${maps?.includes('/ld-musl-') ? 'musl' : 'gnu'}`
}

/**
 * The reason why loading the file would end the process; null if there is no reason. (The operating system maps
 * truncated files and fails later.)
 */
function findDamage(file: Buffer): string | null {
  const isElf = file.length >= 64 && file.readUInt32BE(0) === 0x7f454c46
  if (!isElf) return null
  // Linkers write the section table at the end of the file. The offset, the entry count and the entry size of the
  // section table imply the length of the file.
  const length = Number(file.readBigUInt64LE(40)) + file.readUInt16LE(60) * file.readUInt16LE(58)
  return file.length < length ? `its addon has ${file.length} bytes instead of ${length}` : null
}
