import { existsSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { messageOf } from '../errors.js'
import type { Addon, Loaded } from './native.js'

/** What this file reads of package.json: the package's own, and that of an addon's package. */
interface Manifest {
  readonly version: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
  /** The size of the addon. */
  readonly bytes?: number
}

/** The addon that was built here, or else the one of the package for this platform. */
export function loadAddon(): Loaded {
  const { platform, arch } = process
  const require = createRequire(import.meta.url)
  const { version, optionalDependencies } = require('../../package.json') as Manifest
  const reasons: string[] = []
  const abis = platform === 'linux' ? ['-gnu', '-musl'] : platform === 'win32' ? ['-msvc'] : ['']
  const targets = abis.map((abi) => `${platform}-${arch}${abi}`)

  /** Tries one file; null if that fails. */
  const load = (file: string, name: string): Addon | null => {
    try {
      return require(file) as Addon
    } catch (thrown) {
      reasons.push(`${name} does not load: ${messageOf(thrown)}`)
      return null
    }
  }

  for (const target of targets) {
    const file = `../../native/antigrad.${target}.node`
    if (!existsSync(new URL(file, import.meta.url))) continue
    const addon = load(file, `native/antigrad.${target}.node`)
    if (addon !== null) return { addon, reasons }
  }

  const names = targets.map((target) => `antigrad-${target}`)
  const published = names.filter((name) => !optionalDependencies || name in optionalDependencies)
  if (published.length === 0) reasons.push(`there is no addon for ${platform}-${arch}`)
  for (const name of published) {
    let manifest: Manifest
    try {
      manifest = require(`${name}/package.json`) as Manifest
    } catch {
      reasons.push(`${name} is not installed`)
      continue
    }
    if (manifest.version !== version) {
      reasons.push(`${name} is of version ${manifest.version}, but antigrad is of ${version}`)
      continue
    }
    // A system that loads half a library ends the process.
    const file = require.resolve(name)
    const { size } = statSync(file)
    if (size !== manifest.bytes) {
      reasons.push(`${name} is damaged: its addon has ${size} bytes instead of ${manifest.bytes}`)
      continue
    }
    const addon = load(file, name)
    if (addon !== null) return { addon, reasons }
  }
  if (published.length > 0) {
    reasons.push('install antigrad again on this platform, with `npm install --include=optional`')
  }
  return { addon: null, reasons }
}
