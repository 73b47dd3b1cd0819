// npm run check:memory [-- address thread miri] [--seconds 300]: checks the memory accesses. AddressSanitizer runs
// Rust's tests, and random programs that call the addon, also with corrupted tables. ThreadSanitizer checks threads,
// and Miri runs a few tests. Parts whose tools are missing are skipped with a message.
import { cpSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Failure, output, root, run, runWatched, say, script, seconds } from './lib/run.mjs'
import { setup } from './setup.mjs'

const target = 'x86_64-unknown-linux-gnu'
const folder = join(root, 'target/memory')

/** Why a part cannot run; null if it can. */
function missing(...names) {
  if (output('cargo', ['+nightly', '--version']) === undefined)
    return 'a nightly Rust: rustup toolchain install nightly'
  const list = output('rustup', ['component', 'list', '--installed', '--toolchain', 'nightly']) ?? ''
  const absent = names.filter((name) => !list.split('\n').some((line) => line.startsWith(name)))
  return absent.length === 0 ? null : `rustup component add --toolchain nightly ${absent.join(' ')}`
}

/** Whether a part can run. If not, the reason is printed. */
function isThere(what, ...names) {
  const why = missing(...names)
  if (why !== null) say(`NOT RUN: ${what} needs ${why}`)
  return why === null
}

/**
 * Runs all Rust tests, or the named ones, with a nightly toolchain and a separate build. Returns the number of others.
 */
async function rustTests(name, args, env, named = []) {
  const start = Date.now()
  Object.assign(process.env, { CARGO_TARGET_DIR: folder, ...env })
  const { status, stdout } = await runWatched('cargo', ['+nightly', ...args, '--', ...named])
  for (const key of ['CARGO_TARGET_DIR', ...Object.keys(env)]) delete process.env[key]
  if (status !== 0) throw new Failure(`${name}: failed, see above.`)
  const all = [...stdout.matchAll(/^test result: .* (\d+) passed.* (\d+) ignored.* (\d+) filtered/gm)]
  const [passed, ignored, left] = [1, 2, 3].map((k) => all.reduce((sum, found) => sum + Number(found[k]), 0))
  const absent = named.filter((part) => !new RegExp(`^test .*${part}.* \\.\\.\\. ok$`, 'm').test(stdout))
  if (passed === 0 || absent.length > 0)
    throw new Failure(
      `${name}: no test ran${absent.length > 0 ? ` with the name ${absent.join(' or ')}` : ''}.`,
    )
  say(`${name}: ${passed} tests, nothing found, ${seconds(start)}.`)
  return ignored + left
}

/** Settings for a sanitizer, with line numbers in its reports. */
const sanitized = (kind) => ({ RUSTFLAGS: `-Zsanitizer=${kind}`, CARGO_PROFILE_TEST_DEBUG: '1' })

async function address(time) {
  if (!isThere('AddressSanitizer')) return
  const crates = ['-p', 'antigrad-kernels', '-p', 'antigrad-pool', '--features', 'antigrad-kernels/trial']
  const test = ['test', '--target', target, ...crates, '--tests']
  const options = { ASAN_OPTIONS: 'detect_stack_use_after_return=1' }
  await rustTests('AddressSanitizer, kernels and pool', test, { ...sanitized('address'), ...options })
  await addressOfAddon(time)
}

async function addressOfAddon(time) {
  // Node is not built with AddressSanitizer, so its library is preloaded.
  const library = output('gcc', ['-print-file-name=libasan.so'])
  if (library === undefined || !existsSync(library))
    return say("NOT RUN: AddressSanitizer over the addon needs gcc's libasan")
  await setup()
  // The release profile, without the options that make linking slow.
  const profile = {
    CARGO_PROFILE_RELEASE_LTO: 'off',
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16',
    CARGO_PROFILE_RELEASE_STRIP: 'none',
  }
  const env = { ...sanitized('address'), ...profile, CARGO_TARGET_DIR: folder }
  const build = ['+nightly', 'build', '--release', '--target', target, '-p', 'antigrad-native']
  await run('cargo', build, { env, label: 'addon' })
  const addon = join(folder, 'antigrad.node')
  cpSync(join(folder, target, 'release/libantigrad_native.so'), addon)
  const { fuzz } = await import('./lib/fuzz.mjs')
  // Node handles its own signals, and failed allocations must lead to an error message.
  const settings = 'detect_leaks=0:handle_segv=0:allocator_may_return_null=1:quarantine_size_mb=64'
  const variables = [`LD_PRELOAD=${library}`, `ASAN_OPTIONS=${settings}`, `ANTIGRAD_ADDON=${addon}`]
  const start = Date.now()
  const status = await fuzz(
    ['--seconds', String(time), '--spoil'],
    ['/usr/bin/env', ...variables, process.execPath],
  )
  if (status !== 0) throw new Failure('AddressSanitizer, the addon: see above.')
  say(`AddressSanitizer, programs that call the addon, also with corrupted tables: ${seconds(start)}.`)
}

/** Tests in which threads share an arena. */
const threaded = ['in_the_middle', 'at_once', 'thread']

async function thread() {
  if (!isThere('ThreadSanitizer', 'rust-src')) return
  // The standard library must also be built with the sanitizer.
  const build = ['test', '-Zbuild-std', '--target', target]
  const env = sanitized('thread')
  await rustTests('ThreadSanitizer, pool', [...build, '-p', 'antigrad-pool', '--tests'], env)
  const kernels = [...build, '-p', 'antigrad-kernels', '--test', 'arena']
  await rustTests('ThreadSanitizer, arenas that threads share', kernels, env, threaded)
  say('NOT RUN: ThreadSanitizer over asynchronous steps: Node itself would have to be built with it.')
}

/** Tests that Miri, which is about a thousand times slower, runs in minutes: they use small lengths (`cfg!(miri)`). */
const small = {
  arena: ['borrowed_gradients::', 'plan::', 'equations::', 'rows::', 'corrupt', 'cut_short'],
  many: ['corrupt', 'until_it_says_stop'],
}

async function miri() {
  if (!isThere('Miri', 'miri', 'rust-src')) return
  const flags = { MIRIFLAGS: '-Zmiri-disable-isolation' }
  await rustTests('Miri, pool', ['miri', 'test', '-p', 'antigrad-pool', '--tests'], flags)
  for (const [program, named] of Object.entries(small)) {
    const test = ['miri', 'test', '-p', 'antigrad-kernels', '--test', program]
    const left = await rustTests(`Miri, tests/${program}`, test, flags, named)
    say(`NOT RUN: Miri over ${left} other tests of tests/${program}.`)
  }
  say('NOT RUN: Miri over tests/functions.')
}

const parts = { address, thread, miri }

script(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seconds: { type: 'string', default: '300' } },
  })
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Failure('This runs on Linux on x64.')
  if (!positionals.every((name) => Object.hasOwn(parts, name)))
    throw new Failure(`One of ${Object.keys(parts).join(', ')}.`)
  for (const name of positionals.length > 0 ? positionals : Object.keys(parts))
    await parts[name](Number(values.seconds))
})
