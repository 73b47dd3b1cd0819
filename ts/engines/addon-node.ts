import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { messageOf } from '../errors.js'
import type { Addon, Loaded } from './native.js'

/** The addon that was built or shipped for this platform. */
export function loadAddon(): Loaded {
  const { platform, arch } = process
  const require = createRequire(import.meta.url)
  const reasons: string[] = []
  const abis = platform === 'linux' ? ['-gnu', '-musl'] : platform === 'win32' ? ['-msvc'] : ['']
  for (const abi of abis) {
    const file = `antigrad.${platform}-${arch}${abi}.node`
    const path = fileURLToPath(new URL(`../../native/${file}`, import.meta.url))
    if (!existsSync(path)) {
      reasons.push(`native/${file} does not exist`)
      continue
    }
    try {
      return { addon: require(path) as Addon, reasons }
    } catch (thrown) {
      reasons.push(`native/${file} does not load: ${messageOf(thrown)}`)
    }
  }
  return { addon: null, reasons }
}
