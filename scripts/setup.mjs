// Everything that a fresh clone needs: `npm start` and `npm test` begin with it. Each step looks
// first whether it is done already, so that a second run takes about a second. It uses no
// packages, because it is what installs them.
import { createHash } from 'node:crypto'
import {
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
 * Does what is missing. `lint` adds rustfmt and clippy; `trial` an addon that can fail; `browser` adds Chromium, and `otherBrowsers`
 * Firefox and WebKit; their paths are put into CHROME_PATH, FIREFOX_PATH and WEBKIT_DRIVER_PATH. Only the
 * tests need these.
 *
 * @returns the names of optional steps that could not be done
 */
export const setup = ({ lint = false, trial = false, browser = false, otherBrowsers = false } = {}) =>
  doSteps([
    [tools],
    [npmPackages],
    [wasmTarget],
    [wasmBindgen, wasmPack], // Compiled side by side.
    [addon, wasm],
    [typescript],
    lint ? [rustLinters] : [],
    trial ? [failingAddon] : [],
    browser ? [chromium] : [],
    ...(otherBrowsers ? [[firefox], [webkit]] : []),
  ])

/** What Rust's own checks need. */
export const setupForRust = () => doSteps([[tools], [rustLinters]])

async function doSteps(groups) {
  const missing = []
  const total = groups.flat().length
  let number = 0
  for (const group of groups) {
    const steps = group.map(async (step) => {
      const label = `[${++number}/${total}] ${step.name}`
      try {
        await doStep(step, label)
      } catch (thrown) {
        if (!step.isOptional || !(thrown instanceof Failure)) throw thrown
        missing.push(step.name)
        say(`${label}: ${thrown.message}\n  Without it the tests in ${step.name} are NOT RUN.`)
      }
    })
    // Waits for all of them: one that fails must not leave the other one running unseen.
    const failed = (await Promise.allSettled(steps)).find(({ status }) => status === 'rejected')
    if (failed) throw failed.reason
  }
  return missing
}

async function doStep({ name, doing, isDone, make, isThere = isDone }, label) {
  if (isDone()) return say(`${label}: already there`)
  const start = Date.now()
  say(`${label}: ${doing}…`)
  await make()
  if (!isThere()) throw new Failure(`${name}: still not there after ${doing}.`)
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
    // npm writes down here what it has installed.
    const list = 'node_modules/.package-lock.json'
    if (!existsSync(at(list))) return false
    const wanted = Object.entries(JSON.parse(read('package-lock.json')).packages)
    const installed = JSON.parse(read(list)).packages
    return wanted.every(
      ([path, { optional, version }]) => path === '' || optional || installed[path]?.version === version,
    )
  },
  make: () =>
    // .npmrc silences npm, but errors are wanted here; and the packages for development are
    // needed whatever NODE_ENV says.
    run('npm', ['ci', '--include=dev', '--loglevel=notice', '--no-audit', '--no-fund'], {
      advice: 'npm has to reach its registry; the lines above say what went wrong.',
    }),
}

const wasmTarget = {
  name: 'Rust for WebAssembly',
  doing: 'rustup target add, or apt-get install',
  isDone: () => wasmRoute() !== undefined,
  make: addWasmRoute,
}

// Our own copies of cargo's tools; nothing that the user installed is overwritten.
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'antigrad/tools')

/** PATH as wasm-pack is to see it; the checks use it too, so that they find what it finds. */
const buildPath = () => [join(cache, 'bin'), ...wasmRoute().path, process.env.PATH].join(delimiter)

const wasmBindgen = cargoTool({
  // wasm-pack accepts only the version of the crate.
  version: /name = "wasm-bindgen"\nversion = "(.+)"/.exec(read('Cargo.lock'))[1],
  program: 'wasm-bindgen',
  crate: 'wasm-bindgen-cli',
  minutes: 4,
})

const wasmPack = cargoTool({
  version: '0.15.1',
  program: 'wasm-pack',
  crate: 'wasm-pack',
  minutes: 3,
})

/** A program of cargo, compiled into a folder of our own. */
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
        advice: 'cargo has to reach crates.io or its mirror; the lines above say what went wrong.',
        // Quick to compile matters more than quick to run.
        env: { CARGO_PROFILE_RELEASE_OPT_LEVEL: '1', CARGO_PROFILE_RELEASE_LTO: 'off' },
      }
      try {
        await run('cargo', [...args, '--locked'], { ...options, isQuiet: true })
      } catch (error) {
        if (!(error instanceof Failure)) throw error
        // A mirror may lag behind the versions that the tool was locked to.
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

const addon = builtAddon('Node addon', 'native', ['--release'])
// For tests: a kernel of it panics.
const failingAddon = builtAddon('Node addon that fails', 'target/trial/addon', [
  ...['--profile', 'trial', '--features', 'trial'],
])

function builtAddon(name, folder, args) {
  return built({
    name,
    doing: 'compiling (about half a minute)',
    inputs: () => [...rustSources, 'package.json', 'package-lock.json'],
    compiler: () => output('rustc', ['-vV']),
    isThere: () => filesIn(folder).some((file) => file.endsWith('.node')),
    make: async () => {
      await run(
        'node_modules/.bin/napi',
        [
          ...['build', ...args, '--platform', '--manifest-path', 'crates/native/Cargo.toml'],
          // ts/ loads the addon and has its types: napi's own are put out of the way.
          ...['--output-dir', folder, '--no-js', '--dts', relative(folder, 'target/setup/addon.d.ts')],
        ],
        { label: 'addon', advice: "The lines above are the Rust compiler's." },
      )
    },
  })
}

/** With the kernels of the core, with the catalogue's too, and with equations; of many runs, of fits; and what unpacks these. */
const wasmModules = ['core', 'catalogue', 'equations', 'many', 'fits', 'unpack']
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
    // One after the other: cargo lets only one use its folder.
    for (const name of wasmModules) await makeWasmModule(name)
  },
})

// Loops stay as long as they are written: bundles carry modules as text. The catalogue's were 1 to 4% slower.
const flags = ['unroll-runtime', 'enable-load-pre'].map((flag) => `"-Cllvm-args=-${flag}=0"`)
const short = ['--config', `target.wasm32-unknown-unknown.rustflags=[${flags}]`]
/** Cargo's arguments per module; the others are features. */
const cargoArguments = {
  core: short,
  many: ['--features', 'many', ...short],
  fits: ['--no-default-features', '--features', 'batches', ...short],
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
      // Force leaves out a check that only a standard library from rustup passes.
      ...['--mode', 'force', ...args, ...(cargoArguments[name] ?? ['--features', name])],
    ],
    {
      label: 'wasm-pack',
      advice: "The lines above are the Rust compiler's or wasm-pack's.",
      // A folder of their own, so that the addon is compiled beside them.
      env: { CARGO_TARGET_DIR: at('target/wasm'), ...env, PATH: buildPath() },
    },
  )
  const module = filesIn(folder).find((file) => file.endsWith('_bg.wasm'))
  // What Rust's target has by default, and simd.
  const features = ['simd', 'bulk-memory', 'mutable-globals', 'nontrapping-float-to-int']
  features.push('sign-ext', 'reference-types', 'multivalue')
  const enable = features.map((feature) => `--enable-${feature}`)
  // What names the compiler.
  const strip = ['--strip-producers', '--strip-target-features']
  // Nothing reads below address 1024, the far end of the stack: so a constant that is added to an
  // address can become an offset, which costs no instruction (momentum: .20 to .16 ns).
  const optimize = ['-O3', '--converge', '--low-memory-unused', ...enable, ...strip, module, '-o']
  await keepOurs(module, enable)
  // The same code with the names of its functions, for the test that disassembles it.
  await run('node_modules/.bin/wasm-opt', [...optimize, `${folder}/named.wasm`, '--debuginfo'])
  await run('node_modules/.bin/wasm-opt', [...optimize, module])
  mkdirSync(dirname(at(wasmFile(name))), { recursive: true })
  const bytes = readFileSync(at(module))
  // What each page has comes as it is: so it begins sooner, and what unpacks it would be as large as what is gained.
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

/** Bytes as ts/webassembly/packed-module.ts reads them. */
async function packed(bytes) {
  // Not before npm's packages are there.
  const { default: lzma } = await import('lzma')
  return Buffer.from(lzma.compress(bytes, 9)).toString('base64')
}

/** Leaves out what wasm-bindgen exports for objects, and texts of panics and Rust's allocator: a trap has none. */
async function keepOurs(module, enable) {
  // No tool sees that nothing reads them.
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

/** Bytes as characters: ts/webassembly/module.ts says how. */
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
    'tsconfig.json',
    'package.json',
    'package-lock.json',
    'wasm/pkg',
  ],
  isThere: () => filesIn('dist').length > 0,
  make: () => run('node', ['scripts/build-ts.mjs']),
})

/** A step that is done while its inputs are those that a stamp remembers. */
function built({ name, doing, inputs, compiler = () => '', isThere, make }) {
  const stamp = `target/setup/${name.replaceAll(' ', '-')}.stamp`
  const state = () => {
    const hash = createHash('sha256').update(compiler())
    for (const file of ['scripts/setup.mjs', 'scripts/lib', ...inputs()].flatMap(filesIn)) {
      // Made by the build.
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
      // Before the compiler reads them, so that what is edited meanwhile is compiled next time.
      const before = state()
      rmSync(at(stamp), { force: true })
      await make()
      mkdirSync(dirname(at(stamp)), { recursive: true })
      writeFileSync(at(stamp), before)
    },
  }
}

/** The file itself, or all files in that folder and below, in order; none if it is not there. */
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
  // It has no headless mode.
  programs: () => [which('Xvfb') && which('WebKitWebDriver')],
  packages: ['webkit2gtk-driver', 'xvfb'],
  isOptional: true,
})

/** Finds a browser, or its driver, and leaves the path in an environment variable; else asks apt for it. */
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
