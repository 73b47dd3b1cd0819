/** The built package, modifiable copies of the package, and Node processes that use the package. */

import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** A value of `before` that simulates a runtime without WebAssembly memory, so that arenas are `ArrayBuffer`s. */
export const noWasmMemory =
  "WebAssembly.Memory = class { constructor() { throw new RangeError('could not allocate memory') } }"

const copied = [
  ...['index.mjs', 'index.js', 'fits/index.mjs', 'fits/index.js'],
  ...['shared', 'expressions', 'many', 'starts', 'derivatives', 'minima'].map((name) => `${name}/index.js`),
  'package.json',
].map((name) => `dist/node/${name}`)

/** The folder of the package. */
export const home = fileURLToPath(new URL('..', import.meta.url))

/**
 * Copies the files that `import` and `require` load, without the addon, so that a test can modify the files. Removes
 * the copy after `use`.
 */
export function withCopy<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'antigrad-'))
  try {
    for (const file of [...copied, 'package.json']) cpSync(join(home, file), join(folder, file))
    return use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

interface ChildOptions {
  /** Code that runs before the package is loaded. */
  before?: string
  /** The folder of a copy. */
  folder?: string
  /** Whether the package is loaded module by module. By default, the package is loaded as in Node. */
  isOfModules?: boolean
  flags?: string[]
  /** The timeout in milliseconds. By default, no timeout applies. */
  timeout?: number
  env?: Record<string, string>
  /** Whether output on stderr makes the call fail. By default, such output is allowed. */
  isQuiet?: boolean
}

/**
 * Runs the body of an async function in a new Node process, and returns its result through JSON. The body sees the
 * package with `antigrad/fit` as `antigrad`, and its location as `antigradUrl`.
 */
export function inChild(body: string, options: ChildOptions = {}): unknown {
  const { before = '', folder, isOfModules, flags = [], env = {}, timeout, isQuiet = false } = options
  const own = join(home, isOfModules ? 'dist/index.js' : 'dist/node/load.mjs')
  const file = folder === undefined ? own : join(folder, copied[0])
  const script = `${before}
    const antigradUrl = ${JSON.stringify(pathToFileURL(file).href)}
    const antigrad = { ...(await import(antigradUrl)), ...(await import(antigradUrl.replace(/[^/]+$/, 'fits/$&'))) }
    const thrownBy = (call) => {
      try {
        call()
        return null
      } catch (error) {
        return { is: error.name, antigrad: error instanceof antigrad.AntigradError, ...error, message: error.message }
      }
    }
    const result = await (async () => { ${body} })()
    process.stdout.write(JSON.stringify(result ?? null))`
  const { ANTIGRAD_ENGINE: _, ...inherited } = process.env
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    [...flags, '--input-type=module', '-e', script],
    { env: { ...inherited, ...env }, encoding: 'utf8', maxBuffer: 1 << 26, timeout },
  )
  if (status !== 0) throw new Error(`the child ended with ${status ?? signal}: ${stderr}`)
  if (isQuiet && stderr !== '') throw new Error(`the child has said: ${stderr}`)
  return JSON.parse(stdout)
}

/** Runs a body with the package loaded module by module, for bodies that import internal modules from `antigradUrl`. */
export const inChildOfModules: typeof inChild = (body, options) =>
  inChild(body, { ...options, isOfModules: true })
