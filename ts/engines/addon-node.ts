import { existsSync, readFileSync } from 'node:fs'
// The default import avoids the name `createRequire`, which bundles often define already and whose argument webpack
// analyzes.
import nodeModule from 'node:module'
import { dirname, isAbsolute, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { getMessage } from '../core/errors.js'
import { platforms, version } from '../core/package.js'
import type { Addon, LoadedAddon } from './addon.js'
import { environmentVariable } from './environment.js'

/** The fields of a package.json that are read here. */
interface PackageManifest {
  readonly name: string
  readonly version: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/**
 * Loads the addon from the path in ANTIGRAD_ADDON. Without this variable, loads the local build, the addon next to the
 * bundle of this file, or the package for this platform. If no file loads, the last reason states the remedy, if there
 * is a remedy.
 */
export function loadAddon(): LoadedAddon {
  const reasons: string[] = []
  const none = (...more: string[]): LoadedAddon => ({ addon: null, reasons: [...reasons, ...more] })
  // The location of this file or its bundle, by the name that the module format provides. Bundlers may replace both
  // names by a value that is not a path, or by a path on the build machine.
  const locations = [() => __filename, () => fileURLToPath(import.meta.url), () => process.argv[1] ?? '']
    .map((find) => tryFind(find) ?? '')
    .filter((path) => isAbsolute(path))
  const location =
    locations.find((path) => tryFind(() => existsSync(path))) ?? locations[0] ?? process.execPath
  const require = nodeModule.createRequire(location)
  const findManifest = (request: string) => tryFind(() => require(request) as PackageManifest)

  /** Tries to load one file. Without a result, `remedy` is the reason that follows if the file is damaged. */
  const load = (request: string, name: string, ...remedy: string[]): Addon | null => {
    try {
      const file = require.resolve(request)
      const damage = findDamage(readFileSync(file))
      if (damage === null) return require(file) as Addon
      reasons.push(`${name} is damaged: ${damage}`, ...remedy)
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

  if (process.versions.webcontainer) return none('WebContainers load no native addons')
  if (!platforms.includes(target)) return none(`there is no addon for ${target}`)
  const name = `antigrad-${target}`
  // If files of pnpm were copied without symbolic links, only the second location contains the package.
  for (const request of [name, `.pnpm/node_modules/${name}`]) {
    const manifest = findManifest(`${request}/package.json`)
    if (manifest === null) continue
    if (manifest.version !== version) {
      return none(
        `${name} has version ${manifest.version}, but antigrad has ${version}`,
        `install ${name} in version ${version}`,
      )
    }
    const folder = dirname(require.resolve(`${request}/package.json`))
    return { addon: load(request, name, `delete ${folder} and install again`), reasons }
  }
  // This file is two folders below the package's root, unless it is part of a bundle.
  return none(...explainAbsence(findManifest('../../package.json'), name, fileName))
}

/** Why no package of this platform is found, and the remedy. */
function explainAbsence(own: PackageManifest | null, name: string, fileName: string): [string, string] {
  if (own?.name !== 'antigrad') {
    return [
      `${name} is not found from this bundle`,
      "leave antigrad out of the bundle (Next.js: serverExternalPackages: ['antigrad']), or set ANTIGRAD_ADDON to " +
        `the path of ${fileName}`,
    ]
  }
  return [
    `${name} is not installed`,
    own.optionalDependencies
      ? 'install optional dependencies too (npm: `npm install --include=optional`); list this package if a tool copies ' +
        'only imported files'
      : 'antigrad was packed in a clone, where `npm run tarballs` packs the addon too',
  ]
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
  // The libraries loaded into this process determine the C library, because a machine may have both libraries.
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
