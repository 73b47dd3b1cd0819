// Compiles bench/limits.c, which is for the bench alone, and loads it.
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
  // No result depends on these two: without them a root, or a choice by comparison, is not vectorized.
  '-fno-math-errno',
  '-fno-trapping-math',
  '-fPIC',
  '-shared',
  '-pthread',
  '-fvisibility=hidden',
  '-Wno-unknown-pragmas',
]

/** Makes the addon by that compiler. @returns what the compiler said, if it failed */
export function compile(compiler, into) {
  // A Mac's linker has to be told that Node brings the missing symbols.
  const mac = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []
  const { status, stderr } = spawnSync(compiler, [...flags, ...mac, '-o', into, source], { encoding: 'utf8' })
  return status === 0 ? undefined : stderr
}

/** The first line of what a compiler says of itself; undefined where there is none. */
export function versionOf(compiler) {
  const { status, stdout } = spawnSync(compiler, ['--version'], { encoding: 'utf8' })
  return status === 0 ? stdout.split('\n')[0] : undefined
}

/** What limits.c exports and which compiler made it; or the reason why it is not there. */
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
