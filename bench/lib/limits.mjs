// Compiles and loads bench/limits.c, which only the benchmarks use.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const source = fileURLToPath(new URL('../limits.c', import.meta.url))
const folder = fileURLToPath(new URL('../../target/bench/', import.meta.url))
const addon = `${folder}limits.node`

const flags = [
  '-O3',
  '-ffp-contract=off',
  // These two options change no result, but roots and conditional selections are not vectorized without them.
  '-fno-math-errno',
  '-fno-trapping-math',
  '-fPIC',
  '-shared',
  '-pthread',
  '-fvisibility=hidden',
  '-Wno-unknown-pragmas',
]

/** Compiles the addon. @returns the compiler's messages if it failed */
export function compile(compiler, into) {
  // On macOS, the linker must be told that Node provides the missing symbols.
  const mac = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []
  const { status, stderr } = spawnSync(compiler, [...flags, ...mac, '-o', into, source], { encoding: 'utf8' })
  return status === 0 ? undefined : stderr
}

/** The first line of a compiler's version; undefined if the compiler does not exist. */
export function versionOf(compiler) {
  const { status, stdout } = spawnSync(compiler, ['--version'], { encoding: 'utf8' })
  return status === 0 ? stdout.split('\n')[0] : undefined
}

/** The exports of limits.c and the compiler's version, or the reason why they are not available. */
export function loadLimits() {
  const compiler = versionOf('cc')
  if (compiler === undefined) return { limits: null, reason: 'there is no C compiler (cc) here' }
  if (!existsSync(addon) || statSync(addon).mtimeMs < statSync(source).mtimeMs) {
    mkdirSync(folder, { recursive: true })
    const failure = compile('cc', addon)
    if (failure !== undefined) return { limits: null, reason: `limits.c does not compile: ${failure}` }
  }
  const limits = createRequire(import.meta.url)(addon)
  return { limits, compiler, bits: limits.width() }
}
