// Sets up a fresh clone; `npm start` and `npm test` run it first. Each step first checks whether it is already done, so
// that a second run takes about a second. This script uses no packages, because it installs them.
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { apt } from './lib/apt.mjs'
import { Failure, output, root, run, say, script, seconds, which } from './lib/run.mjs'
import { addWasmRoute, wasmRoute } from './lib/wasm-route.mjs'

const at = (path) => join(root, path)
const read = (path) => readFileSync(at(path), 'utf8')

/**
 * Runs the missing steps. `lint` adds rustfmt and clippy, `trial` an addon that can fail, `browser` Chromium, and
 * `otherBrowsers` Firefox and WebKit, whose paths are stored in CHROME_PATH, FIREFOX_PATH and WEBKIT_DRIVER_PATH. Only
 * tests need these options.
 *
 * @returns the names of optional steps that failed
 */
export const setup = ({ lint = false, trial = false, browser = false, otherBrowsers = false } = {}) =>
  doSteps([
    [tools],
    [npmPackages],
    [wasmTarget],
    // The two addons share cargo's target folder, so that one is compiled after the other. Linking them uses one core,
    // so that other chains run in the meantime. TypeScript needs the WebAssembly modules, but no addon.
    [
      trial ? [addon, failingAddon] : addon,
      [wasmBindgen, wasmPack, wasm, typescript],
      [
        ...(lint ? [rustLinters] : []),
        ...(browser ? [chromium, headlessShell] : []),
        ...(otherBrowsers ? [firefox, webkit] : []),
      ],
    ],
  ])

/** Sets up what the Rust checks need. */
export const setupForRust = () => doSteps([[tools], [rustLinters]])

/** Each group has steps, or lists of steps that follow each other, which run in parallel. */
async function doSteps(groups) {
  const missing = []
  const total = groups.flat(2).length
  let number = 0
  for (const group of groups) {
    const chains = group.map(async (chain) => {
      for (const step of [chain].flat()) {
        const label = `[${++number}/${total}] ${step.name}`
        try {
          await doStep(step, label)
        } catch (thrown) {
          if (!step.isOptional || !(thrown instanceof Failure)) throw thrown
          missing.push(step.name)
          say(`${label}: ${thrown.message}\n  Without it the tests in ${step.name} are NOT RUN.`)
        }
      }
    })
    // Waits for all steps, so that no step continues unseen after another one has failed.
    const failed = (await Promise.allSettled(chains)).find(({ status }) => status === 'rejected')
    if (failed) throw failed.reason
  }
  return missing
}

async function doStep({ name, doing, isDone, make, isThere = isDone }, label) {
  if (isDone()) return say(`${label}: already there`)
  const start = Date.now()
  say(`${label}: ${doing}…`)
  await make()
  if (!isThere()) throw new Failure(`${name}: still missing after ${doing}.`)
  say(`${label}: done in ${seconds(start)}`)
}

const tools = {
  name: 'Node, Rust, C linker',
  isDone: () => {
    const missing = []
    const node = process.versions.node
    if (!isAtLeast(node, '20')) {
      missing.push(`Node ${node} is too old: install Node 20 or later (https://nodejs.org).`)
    }
    const rust = output('cargo', ['--version']) && output('rustc', ['--version'])?.split(' ')[1]
    const leastRust = /rust-version = "(.+)"/.exec(read('Cargo.toml'))[1]
    if (!rust) {
      missing.push('Rust is missing: install it with rustup (https://rustup.rs).')
    } else if (!isAtLeast(rust, leastRust)) {
      missing.push(`Rust ${rust} is too old: \`rustup update stable\` (${leastRust} or later).`)
    }
    if (!which('cc')) {
      const mac = process.platform === 'darwin'
      const how = mac ? 'xcode-select --install' : 'apt-get install gcc libc6-dev'
      missing.push(`A C linker (cc) is missing: install one, for example with \`${how}\`.`)
    }
    if (missing.length > 0) throw new Failure(missing.join('\n'))
    return true
  },
}

const isAtLeast = (version, least) => version.localeCompare(least, 'en', { numeric: true }) >= 0

const npmPackages = {
  name: 'npm packages',
  doing: 'npm ci',
  isDone: () => {
    // npm records the installed packages in this file.
    const list = 'node_modules/.package-lock.json'
    if (!existsSync(at(list))) return false
    const wanted = Object.entries(JSON.parse(read('package-lock.json')).packages)
    const installed = JSON.parse(read(list)).packages
    return wanted.every(
      ([path, { optional, version }]) => path === '' || optional || installed[path]?.version === version,
    )
  },
  make: () =>
    // .npmrc silences npm, but its errors are needed here. Development packages are needed regardless of NODE_ENV.
    run('npm', ['ci', '--include=dev', '--loglevel=notice', '--no-audit', '--no-fund'], {
      advice: 'npm must be able to reach its registry; see the lines above for the error.',
    }),
}

const wasmTarget = {
  name: 'Rust for WebAssembly',
  doing: 'rustup target add, or apt-get install',
  isDone: () => wasmRoute() !== undefined,
  make: addWasmRoute,
}

// Cargo tools are installed into a separate folder, so that the user's versions are not overwritten.
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'antigrad/tools')

/** PATH for wasm-pack. The checks use the same PATH, so that they find the same programs. */
const buildPath = () => [join(cache, 'bin'), ...wasmRoute().path, process.env.PATH].join(delimiter)

const wasmBindgen = cargoTool({
  // wasm-pack requires the same version as the crate.
  version: /name = "wasm-bindgen"\nversion = "(.+)"/.exec(read('Cargo.lock'))[1],
  program: 'wasm-bindgen',
  crate: 'wasm-bindgen-cli',
  minutes: 2,
})

const wasmPack = cargoTool({
  version: '0.15.1',
  program: 'wasm-pack',
  crate: 'wasm-pack',
  minutes: 2,
})

/** A cargo tool, compiled into the project's own folder. */
export function cargoTool({ version, program, crate, minutes }) {
  return {
    name: `${program} ${version}`,
    doing: `compiling (about ${minutes} minutes)`,
    isDone: () => {
      const file = which(program, buildPath())
      return file !== undefined && output(file, ['--version']) === `${program} ${version}`
    },
    make: async () => {
      const args = ['install', crate, '--version', `=${version}`, '--root', cache, '--force']
      const options = {
        label: program,
        advice: 'cargo must be able to reach crates.io or its mirror; see the lines above for the error.',
        // Compile time matters more than run time: all runs of the tools take less than a second.
        env: { CARGO_PROFILE_RELEASE_OPT_LEVEL: '0', CARGO_PROFILE_RELEASE_LTO: 'off' },
      }
      try {
        await run('cargo', [...args, '--locked'], { ...options, isQuiet: true })
      } catch (error) {
        if (!(error instanceof Failure)) throw error
        // A mirror may lack the versions in the tool's lockfile.
        say(`  ${program}: a locked version of a dependency is not available; compiling with other versions`)
        await run('cargo', args, options).catch((second) => {
          say([error.message, error.output].filter(Boolean).join('\n'))
          throw second
        })
      }
    },
  }
}

const rustSources = [
  'Cargo.toml',
  'Cargo.lock',
  '.cargo',
  'crates',
  'wasm/Cargo.toml',
  'wasm/src',
  'wasm/unpack',
]

const addon = builtAddon('Node addon', 'native', async (folder) => {
  const options = ['--release', '--platform', '--manifest-path', 'crates/native/Cargo.toml']
  // ts/ declares the types of the addon, so napi's declarations are written to an unused place.
  const places = ['--output-dir', folder, '--no-js', '--dts', relative(folder, 'target/setup/addon.d.ts')]
  await run('node_modules/.bin/napi', ['build', ...options, ...places], { label: 'addon', advice: ofRust })
})

// An addon for tests, one of whose kernels panics. The Rust tests have the same profile and features, and thus find the
// compiled kernels in cargo's target folder. (The command napi would compile to another folder.)
const failingAddon = builtAddon('Node addon that fails', 'target/trial/addon', async (folder) => {
  const args = ['build', '--package', 'antigrad-native', '--features', 'trial']
  await run('cargo', args, { label: 'failing addon', advice: ofRust })
  const { target_directory } = JSON.parse(output('cargo', ['metadata', '--no-deps', '--format-version=1']))
  const [start, end] = { darwin: ['lib', 'dylib'], win32: ['', 'dll'] }[process.platform] ?? ['lib', 'so']
  mkdirSync(at(folder), { recursive: true })
  copyFileSync(
    join(target_directory, 'debug', `${start}antigrad_native.${end}`),
    at(`${folder}/antigrad.node`),
  )
})

const ofRust = "The lines above are the Rust compiler's."

function builtAddon(name, folder, make) {
  return built({
    name,
    doing: 'compiling (about half a minute)',
    inputs: () => [...rustSources, 'package.json', 'package-lock.json'],
    compiler: () => output('rustc', ['-vV']),
    isThere: () => filesIn(folder).some((file) => file.endsWith('.node')),
    make: () => make(folder),
  })
}

/**
 * Modules with the kernels of the core, of the catalogue, of custom rules, of many runs and of fits, with functions of
 * arrays, and the unpacker.
 */
const wasmModules = ['core', 'catalogue', 'equations', 'many', 'fits', 'functions', 'unpack']
const wasmFile = (name) => `ts/webassembly/${name}.ts`

const wasm = built({
  name: 'WebAssembly modules',
  doing: 'compiling (about a minute)',
  inputs: () => [...rustSources, 'package-lock.json'],
  compiler: () => wasmRoute().compiler,
  isThere: () =>
    wasmModules.every(
      (name) => existsSync(at(wasmFile(name))) && existsSync(at(`wasm/pkg/${name}/named.wasm`)),
    ),
  make: async () => {
    // Sequentially, because cargo locks its target folder.
    for (const name of wasmModules) await makeWasmModule(name)
  },
})

// Bundles contain modules as text, so their loops are not unrolled. (The catalogue's loops were 1 to 4% slower that way.)
const flags = ['unroll-runtime', 'enable-load-pre'].map((flag) => `"-Cllvm-args=-${flag}=0"`)
const short = ['--config', `target.wasm32-unknown-unknown.rustflags=[${flags}]`]
/** Cargo arguments per module. The names of the other modules are features. */
const cargoArguments = {
  core: short,
  many: ['--features', 'many', ...short],
  fits: ['--no-default-features', '--features', 'batches', ...short],
  functions: ['--no-default-features', '--features', 'functions', ...short],
  unpack: ['--config', 'profile.release.opt-level="z"'],
}

async function makeWasmModule(name) {
  const { args, env } = wasmRoute()
  const folder = `wasm/pkg/${name}`
  const isUnpacker = name === 'unpack'
  await run(
    which('wasm-pack', buildPath()),
    [
      ...['build', isUnpacker ? 'wasm/unpack' : 'wasm', '--release', '--target', 'web', '--no-opt'],
      ...['--out-dir', at(folder)],
      // `--mode force` skips a check that only passes with rustup's standard library.
      ...['--mode', 'force', ...args, ...(cargoArguments[name] ?? ['--features', name])],
    ],
    {
      label: 'wasm-pack',
      advice: "The lines above are the Rust compiler's or wasm-pack's.",
      // A separate target folder allows the addon to be compiled in parallel.
      env: { CARGO_TARGET_DIR: at('target/wasm'), ...env, PATH: buildPath() },
    },
  )
  const module = filesIn(folder).find((file) => file.endsWith('_bg.wasm'))
  // The default features of Rust's target, plus simd.
  const features = ['simd', 'bulk-memory', 'mutable-globals', 'nontrapping-float-to-int']
  features.push('sign-ext', 'reference-types', 'multivalue')
  const enable = features.map((feature) => `--enable-${feature}`)
  // Sections that name the compiler are removed.
  const strip = ['--strip-producers', '--strip-target-features']
  // No code accesses addresses below 1024, the far end of the stack. Constants that are added to an address can
  // therefore become offsets, which cost no instruction (momentum: 0.20 to 0.16 ns).
  const optimize = ['-O3', '--converge', '--low-memory-unused', ...enable, ...strip, module, '-o']
  await keepOurs(module, enable)
  // The same code with function names, for the test that disassembles it.
  await run('node_modules/.bin/wasm-opt', [...optimize, `${folder}/named.wasm`, '--debuginfo'])
  await run('node_modules/.bin/wasm-opt', [...optimize, module])
  mkdirSync(dirname(at(wasmFile(name))), { recursive: true })
  const bytes = readFileSync(at(module))
  // The core's module is not packed: it starts sooner, and the unpacker would be as large as the savings.
  const isPacked = name !== 'core' && !isUnpacker
  const most = name === 'equations' ? ", get most(): import('./module.js').WasmModule { return this }" : ''
  writeFileSync(
    at(wasmFile(name)),
    '// Generated by scripts/setup.mjs: an optimized module of a crate in wasm/, as module.ts reads it.\n' +
      '// (In an object: some bundlers copy a constant to where it is used.)\n' +
      (isPacked
        ? `import { unpack } from './packed-module.js'\n\nexport const wasmModule = { unpack, text: '${await packed(bytes)}'${most} }\n`
        : `export const wasmModule = { text: '${textOf(bytes)}' }\n`),
  )
}

/** Packs bytes in the format that ts/webassembly/packed-module.ts reads. */
async function packed(bytes) {
  // Imported here, because the set-up installs it.
  const { default: lzma } = await import('lzma')
  return Buffer.from(lzma.compress(bytes, 9)).toString('base64')
}

/**
 * Removes wasm-bindgen's exports for objects, and the messages of panics and of the allocator, which traps do not show.
 */
async function keepOurs(module, enable) {
  // Optimizers cannot detect that no code reads these messages.
  const texts = new RegExp(
    [
      /[\w./-]+dlmalloc[\w./-]+\.rs|(?:crates|\/rustc)\/[\w./-]+?\.rs/,
      /assertion failed: (?:psize [<>]= size \+ \w+overhead|step != 0)|attempt to [a-z ]+? zero/,
      / index out of bounds: the len is | but the index is |(?:slice index starts at| but ends at) /,
      /range (?:start|end) index | out of range for slice of length |(?:[0-9]{2}){100}/,
    ]
      .map(({ source }) => source)
      .join('|'),
    'g',
  )
  const bytes = readFileSync(at(module), 'latin1').replaceAll(texts, (text) => '\0'.repeat(text.length))
  writeFileSync(at(module), bytes, 'latin1')
  const exported = WebAssembly.Module.exports(new WebAssembly.Module(readFileSync(at(module))))
  const ours = exported.map(({ name }) => name).filter((name) => !name.startsWith('__'))
  const graph = [{ name: 'ours', root: true, reaches: ours }, ...ours.map((name) => ({ name, export: name }))]
  writeFileSync(at(`${module}.json`), JSON.stringify(graph))
  const given = ['--graph-file', `${module}.json`, ...enable, '--debuginfo', module, '-o', module]
  await run('node_modules/.bin/wasm-metadce', given)
}

/** Encodes bytes as characters in the format of ts/webassembly/module.ts. */
function textOf(bytes) {
  const range = Array.from({ length: 127 - 40 }, (_, k) => String.fromCharCode(40 + k))
  const characters = range.filter((character) => !'<\\`'.includes(character))
  const single = characters.length - 3
  return Array.from(bytes, (byte) => {
    const value = (byte + 3) % 256
    const second = characters[value % single]
    return value < single ? second : characters[single - 1 + Math.floor(value / single)] + second
  }).join('')
}

const typescript = built({
  name: 'TypeScript',
  doing: 'tsc',
  inputs: () => [
    'ts',
    'scripts/build-ts.mjs',
    'scripts/lib/declarations.mjs',
    'tsconfig.json',
    'package.json',
    'package-lock.json',
    'wasm/pkg',
  ],
  isThere: () => filesIn('dist').length > 0,
  make: () => run('node', ['scripts/build-ts.mjs']),
})

/** A step that counts as done while a stamp matches the hash of its inputs. */
function built({ name, doing, inputs, compiler = () => '', isThere, make }) {
  const stamp = `target/setup/${name.replaceAll(' ', '-')}.stamp`
  const state = () => {
    const hash = createHash('sha256').update(compiler())
    for (const file of ['scripts/setup.mjs', 'scripts/lib', ...inputs()].flatMap(filesIn)) {
      // Files that the build generates are not inputs.
      const made = ['ts/core/package.ts', 'ts/rules/documentation.ts', 'ts/many/engines/worker-text.ts']
      if (made.includes(file)) continue
      hash.update(`\n${file}\n`).update(readFileSync(at(file)))
    }
    return hash.digest('hex')
  }
  return {
    name,
    doing,
    isThere,
    isDone: () => isThere() && existsSync(at(stamp)) && read(stamp) === state(),
    make: async () => {
      // The hash is taken before compiling, so that edits during the build trigger another build.
      const before = state()
      rmSync(at(stamp), { force: true })
      await make()
      mkdirSync(dirname(at(stamp)), { recursive: true })
      writeFileSync(at(stamp), before)
    },
  }
}

/** The file itself, or all files below the folder, sorted; empty if the path does not exist. */
function filesIn(path) {
  if (!existsSync(at(path))) return []
  if (!statSync(at(path)).isDirectory()) return [path]
  return readdirSync(at(path))
    .sort()
    .flatMap((name) => filesIn(`${path}/${name}`))
}

const rustLinters = {
  name: 'rustfmt and clippy',
  doing: 'rustup component add rustfmt clippy',
  isDone: () => ['fmt', 'clippy'].every((name) => output('cargo', [name, '--version'])),
  make: () =>
    run('rustup', ['component', 'add', 'rustfmt', 'clippy'], {
      advice: 'Install both, then start again.',
    }),
}

const macApp = (name) => `/Applications/${name}.app/Contents/MacOS`

const chromium = installed({
  name: 'Chromium',
  variable: 'CHROME_PATH',
  programs: () => [
    ...['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'].map((name) => which(name)),
    which('Google Chrome', macApp('Google Chrome')),
  ],
  packages: ['chromium'],
})

/**
 * Debian's Chromium without windows. A page in it takes about half of the CPU time, because the headless mode of the
 * complete Chromium draws a window around each page. If it is missing, tests use the complete Chromium.
 */
const headlessShell = {
  name: 'Chromium without windows',
  doing: 'apt-get install chromium-headless-shell',
  isDone: () => {
    const { HEADLESS_SHELL_PATH, CHROME_PATH } = process.env
    const found = [HEADLESS_SHELL_PATH, which('chromium-headless-shell')].find(
      (file) => file && existsSync(file),
    )
    if (found) process.env.HEADLESS_SHELL_PATH = found
    // It is only installed next to Debian's own Chromium, in the same version.
    return found !== undefined || CHROME_PATH !== '/usr/bin/chromium' || process.getuid() !== 0
  },
  isThere: () => true,
  make: async () => {
    try {
      await apt('Chromium without windows', ['chromium-headless-shell'])
      headlessShell.isDone()
    } catch (thrown) {
      if (!(thrown instanceof Failure)) throw thrown
      say('  The tests use the complete Chromium.')
    }
  },
}

const firefox = installed({
  name: 'Firefox',
  variable: 'FIREFOX_PATH',
  programs: () => [which('firefox-esr'), which('firefox'), which('firefox', macApp('Firefox'))],
  packages: ['firefox-esr'],
  isOptional: true,
})

const webkit = installed({
  name: 'WebKit',
  variable: 'WEBKIT_DRIVER_PATH',
  // WebKit has no headless mode.
  programs: () => [which('Xvfb') && which('WebKitWebDriver')],
  packages: ['webkit2gtk-driver', 'xvfb'],
  isOptional: true,
})

/** Finds a browser or its driver and stores its path in an environment variable; otherwise installs it with apt. */
function installed({ name, variable, programs, packages, isOptional = false }) {
  return {
    name,
    isOptional,
    doing: `apt-get install ${packages.join(' ')}`,
    isDone: () => {
      const found = [process.env[variable], ...programs()].find((file) => file && existsSync(file))
      if (found) process.env[variable] = found
      return found !== undefined
    },
    make: () => apt(name, packages),
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  script(async () => void (await setup()))
}
