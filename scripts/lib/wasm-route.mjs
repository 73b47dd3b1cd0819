// Rust's standard library for WebAssembly comes from rustup. Where rustup cannot download it, it
// is built from the source that Debian packages, with Debian's own Rust in /usr beside rustup's.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { apt } from './apt.mjs'
import { Failure, output, run, say, which } from './run.mjs'

const target = 'wasm32-unknown-unknown'
const packages = ['rustc-web', 'cargo-web', 'rust-web-src']

/**
 * How to compile for WebAssembly on this machine, or undefined if that is not possible yet: what
 * to put first in PATH, what to add to the environment and to wasm-pack's arguments.
 */
export function wasmRoute() {
  const { libraries, compiler, linker } = rustup()
  if (existsSync(join(libraries, target, 'lib'))) return { path: [], env: {}, args: ['--'], compiler }
  const source = '/usr/lib/rustlib/src/rust/library/Cargo.lock'
  if (!existsSync(source) || !which('cargo', '/usr/bin') || !existsSync(linker)) return undefined
  return {
    path: ['/usr/bin'],
    // RUSTC_BOOTSTRAP allows -Zbuild-std, which belongs to nightly versions, in a stable one.
    env: { RUSTC_BOOTSTRAP: '1', CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER: linker },
    args: ['--', '-Zbuild-std=std,panic_abort'],
    compiler: output('/usr/bin/rustc', ['-vV']),
  }
}

/** The folder of rustup's libraries, its compiler's version, and its linker. */
function rustup() {
  const libraries = join(output('rustc', ['--print', 'sysroot']) ?? '', 'lib/rustlib')
  const compiler = output('rustc', ['-vV']) ?? ''
  const host = /^host: (.+)$/m.exec(compiler)?.[1] ?? ''
  return { libraries, compiler, linker: join(libraries, host, 'bin/rust-lld') }
}

/** Makes one of the two routes possible. */
export async function addWasmRoute() {
  try {
    await run('rustup', ['target', 'add', target], { env: { RUST_BACKTRACE: '0' } })
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    if (!which('apt-get') || !existsSync(rustup().linker)) throw error
    say('  rustup could not add it; the source that apt has will do')
    await apt('Rust for WebAssembly', packages)
  }
}
