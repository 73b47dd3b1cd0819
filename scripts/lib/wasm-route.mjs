// Rust's standard library for WebAssembly comes from rustup. If rustup cannot download it, it is built from Debian's
// source package, with Debian's Rust in /usr, which is installed in addition to rustup's.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { apt } from './apt.mjs'
import { Failure, output, run, say, which } from './run.mjs'

const target = 'wasm32-unknown-unknown'
const packages = ['rustc-web', 'cargo-web', 'rust-web-src']

/**
 * How to compile for WebAssembly on this machine: additions to PATH, to the environment and to the arguments of
 * wasm-pack. Undefined if compiling is not possible yet.
 */
export function wasmRoute() {
  const { libraries, compiler, linker } = rustup()
  if (existsSync(join(libraries, target, 'lib'))) return { path: [], env: {}, args: ['--'], compiler }
  const source = '/usr/lib/rustlib/src/rust/library/Cargo.lock'
  if (!existsSync(source) || !which('cargo', '/usr/bin') || !existsSync(linker)) return undefined
  return {
    path: ['/usr/bin'],
    // RUSTC_BOOTSTRAP allows a stable version to use -Zbuild-std, which is a nightly option.
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

/** Installs what one of the two routes needs. */
export async function addWasmRoute() {
  try {
    await run('rustup', ['target', 'add', target], { env: { RUST_BACKTRACE: '0' } })
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    if (!which('apt-get') || !existsSync(rustup().linker)) throw error
    say('  rustup could not add it; using the source package of apt instead')
    await apt('Rust for WebAssembly', packages)
  }
}
