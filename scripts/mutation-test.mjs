// npm run hunt -- [kernels runs] [--seed 31] [--count n] [--only 1,2]: mutation testing. Draws mutants by seed from the
// kernels and from the code of runs and solvers, and reports which of them the tests kill. All mutants are in one
// build, each behind a switch. Each is tried by the tests that reach it, fastest first. Results are stored in
// target/mutations, so that an interrupted run can resume. A surviving mutant is either equivalent or needs a test.
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { rewrite, spentBy, transpileTests, triedBy } from './lib/mutant-scheduler.mjs'
import { switched } from './lib/mutant-schemata.mjs'
import { drawn, sitesIn, sourcesAt, worktree } from './lib/mutants.mjs'
import { random } from './lib/random.mjs'
import { Failure, output, root, say, script } from './lib/run.mjs'

const listed = (names) => names.trim().split(/\s+/)

/** The mutated sources, the number of mutants, and the test files that try them. */
const grounds = {
  kernels: {
    paths: ['crates/kernels/src'],
    count: 400,
    builds: buildRust,
    files: listed(`
      special-functions same-bits minimize-many sm3 adafactor muon-bits rows plane clip fits/engines
      fits/row-parallel fits/linear-least-squares expression borrowed-gradients sum-gradients noise prodigy
      forged-calls schedule-free cautious mars muon async subnormals optimizer adversarial/arena
      elementwise-rules function-bits
    `),
  },
  runs: {
    paths: [
      ...['ts/model/cohorts.ts', 'ts/model/partition.ts', 'ts/step', 'ts/checkpoint'],
      ...[
        'ts/fits/programs/levenberg-marquardt.ts',
        'ts/fits/solve/iterations.ts',
        'ts/fits/solve/solver.ts',
      ],
    ],
    count: 200,
    builds: buildTypeScript,
    files: listed(`
      courses fits/bits model/checkpoint model/changes model/groups model/step-options model/non-finite
      model/rename adversarial/saved-runs files/runs rows report set given-gradients sum-gradients plane
      model/independent-tensors model/restored-tensors clip subnormals borrowed-gradients optimizer
      schedule-free muon fits/engines fits/bad-input fits/many-parameters fits/ill-conditioned fits/nist
      fits/scipy fits/shared fits/irls fits/positive-parameters fits/derived-quantities fits/models
      fits/properties fits/linear-least-squares fits/row-parallel fits/missing-data standard-errors async model/saved-anything
      lifetime errors
    `),
  },
}

/** Runs a program with a limit of working time. Returns its output and how it ended. */
function ran(command, args, { cwd, env = {}, timeout = Infinity }) {
  const { ANTIGRAD_ENGINE: _, ...inherited } = process.env
  const child = spawn(command, args, { cwd, env: { ...inherited, NO_COLOR: '1', ...env } })
  const spent = spentBy(child.pid)
  const watch = setInterval(() => spent() > timeout && child.kill('SIGKILL'), 1000)
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (data) => {
      text += data
    })
  return new Promise((resolve) => {
    child.on('error', ({ message }) => resolve({ text: message, status: 1 }))
    child.on('close', (status, signal) => resolve({ text, status, signal }))
  }).finally(() => clearInterval(watch))
}

/** Processes all items of a list, with at most `atOnce` at a time. */
async function each(list, work, atOnce = 1) {
  const rest = [...list]
  const worker = async () => {
    for (let one = rest.shift(); one !== undefined; one = rest.shift()) await work(one)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

/** Writes the switch and the mutants behind it into the sources. Returns the mutants that cannot be placed. */
function put(folder, sources, mistakes, isLeftOut) {
  const files = new Map()
  for (const mistake of mistakes) files.set(mistake.file, [...(files.get(mistake.file) ?? []), mistake])
  const left = []
  for (const [file, all] of files) {
    const found = switched(
      file,
      sources.textOf(file),
      all.filter((mistake) => !isLeftOut(mistake)),
    )
    left.push(...found.left)
    rewrite(join(folder, file), withSwitch(file, found.text))
  }
  return left
}

const append = (file, text) => rewrite(file, readFileSync(file, 'utf8').split(text)[0] + text)

/** Adds the import of the switch to the first line, so that line numbers stay the same. */
function withSwitch(file, text) {
  if (file.endsWith('.rs')) return text
  const way = relative(dirname(file), 'ts/mistakes.js')
  return `import { isMade } from '${way.startsWith('.') ? way : `./${way}`}'; ${text}`
}

const ofRust = `
/// Whether a mutant is enabled. Also records that the mutant was reached.
#[inline(never)]
pub(crate) fn is_made(number: u32) -> bool {
    use mistakes::*;
    if !REACHED[number as usize].load(Relaxed) && !REACHED[number as usize].swap(true, Relaxed)
        && let Ok(file) = std::env::var("ANTIGRAD_REACHED")
    {
        use std::io::Write;
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).unwrap();
        file.write_all(format!("{number}\\n").as_bytes()).unwrap();
    }
    match MADE.load(Relaxed) {
        u32::MAX => number == choose_first(),
        made => number == made,
    }
}
#[cold]
fn choose_first() -> u32 {
    let number = std::env::var("ANTIGRAD_MISTAKE").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    mistakes::MADE.store(number, mistakes::Relaxed);
    number
}
/// Enables another mutant. Returns the mutants that were reached since the last call.
pub fn choose(number: u32) -> Vec<u32> {
    use mistakes::*;
    MADE.store(number, Relaxed);
    (0..4096).filter(|&each| REACHED[each as usize].swap(false, Relaxed)).collect()
}
mod mistakes {
    use std::sync::atomic::{AtomicBool, AtomicU32};
    pub use std::sync::atomic::Ordering::Relaxed;
    pub static MADE: AtomicU32 = AtomicU32::new(u32::MAX);
    pub static REACHED: [AtomicBool; 4096] = [const { AtomicBool::new(false) }; 4096];
}
`

/** Exports the switch of the addon, so that one process can try all mutants. */
const ofAddon = `
#[napi]
pub fn choose(number: u32) -> Vec<u32> {
    antigrad_kernels::choose(number)
}
`

const ofTypeScript = `
const { ANTIGRAD_MISTAKE: first } = globalThis.process?.env ?? {}
let made = Number(first ?? 0)
const reached = new Set()
export function isMade(number) {
  reached.add(number)
  return number === made
}
globalThis.chooseMistake = (number) => {
  made = number
  const all = [...reached]
  reached.clear()
  return all
}
`

/** Builds the Rust tests. Mutants that do not compile behind a switch are skipped. */
async function buildRust(folder, sources, mistakes) {
  append(join(folder, 'crates/kernels/src/lib.rs'), ofRust)
  append(join(folder, 'crates/native/src/lib.rs'), ofAddon)
  const env = { CARGO_TARGET_DIR: join(root, 'target/mutations/cargo'), RUSTFLAGS: '-Awarnings' }
  const refused = new Set()
  for (;;) {
    const left = put(folder, sources, mistakes, ({ number }) => refused.has(number))
    const cargo = (...args) => ran('cargo', [...args, '--message-format=json'], { cwd: folder, env })
    const kernels = ['-p', 'antigrad-kernels', '--features', 'trial']
    // `cargo check` is faster, because it generates no code.
    const { text } = await cargo('check', ...kernels)
    const before = refused.size
    const refuse = (text) => {
      for (const { file, line } of errorsOf(text)) {
        for (const number of nearestTo(line, readFileSync(join(folder, file), 'utf8'))) refused.add(number)
      }
      return refused.size > before
    }
    if (refuse(text)) continue
    say('addon')
    const ofNode = await cargo('build', '--profile', 'trial', '-p', 'antigrad-native')
    // Constant evaluation fails only during code generation, and the error points to the library that evaluates it.
    if (ofNode.status !== 0 && refuse(ofNode.text)) continue
    if (ofNode.status !== 0) throw new Failure(ofNode.text.slice(-4000))
    const addon = join(root, 'target/mutations/antigrad.node')
    cpSync(join(env.CARGO_TARGET_DIR, 'trial/libantigrad_native.so'), addon)
    say('tests')
    const built = await cargo('test', '--no-run', ...kernels)
    const messages = jsonOf(built.text)
    // The filter excludes build scripts, which are also executables.
    const programs = messages.flatMap(({ executable, profile }) => (profile?.test && executable) || [])
    if (built.status !== 0 || programs.length === 0)
      throw new Failure(messages.map(({ message }) => message?.rendered ?? '').join(''))
    const tests = []
    for (const program of programs) {
      const list = output(program, ['--list', '--format', 'terse']).split('\n')
      // Only `npm run test:arm` compares digests.
      for (const [, name] of list.map((text) => /^(.*): test$/.exec(text)).filter(Boolean))
        if (!name.endsWith('digests'))
          tests.push({
            name,
            run: (env, timeout) =>
              ran(program, ['--exact', name], { cwd: join(folder, 'crates/kernels'), env, timeout }),
          })
    }
    return {
      left: [
        ...left,
        ...mistakes.filter(({ number }) => refused.has(number)).map((m) => ({ ...m, isAlone: true })),
      ],
      tests,
      env: { ANTIGRAD_ADDON: addon },
    }
  }
}

/** The mutants on the line of a compiler error, or on the nearest line, because errors may be reported late. */
function nearestTo(line, text) {
  const switches = text
    .split('\n')
    .map((code, i) => ({
      far: Math.abs(i + 1 - line),
      numbers: [...code.matchAll(/is_made\((\d+)\)/g)].map((found) => Number(found[1])),
    }))
    .filter(({ numbers }) => numbers.length > 0)
  const least = Math.min(...switches.map(({ far }) => far))
  return switches.filter(({ far }) => far === least).flatMap(({ numbers }) => numbers)
}

const jsonOf = (text) =>
  text.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return []
    try {
      return [JSON.parse(line)]
    } catch {
      return []
    }
  })

/** The positions of compiler errors in these sources, or of the code that causes them. */
const errorsOf = (text) =>
  jsonOf(text)
    .filter(({ message }) => message?.level === 'error')
    .flatMap(({ message }) => {
      const [own, others] = [[message], message.children].map((from) =>
        from
          .flatMap(({ spans }) =>
            spans.filter((span) => span.is_primary && span.file_name.startsWith('crates/')),
          )
          .map((span) => ({ file: span.file_name, line: span.line_start })),
      )
      return own.length > 0 ? own : others
    })

/** Builds TypeScript without checking types. */
async function buildTypeScript(folder, sources, mistakes) {
  const left = put(folder, sources, mistakes, () => false)
  writeFileSync(join(folder, 'ts/mistakes.ts'), ofTypeScript)
  const build = join(folder, 'scripts/build-ts.mjs')
  writeFileSync(
    build,
    readFileSync(join(root, 'scripts/build-ts.mjs'), 'utf8').replace(
      "'tsconfig.json'",
      "'tsconfig.json', '--noCheck'",
    ),
  )
  const { status, text } = await ran(process.execPath, [build], { cwd: folder })
  if (status !== 0) throw new Failure(text.slice(-4000))
  return { left, tests: [], env: {} }
}

/** Measures which mutants each test reaches, and how long it takes. */
async function measure(tests, folder) {
  await each(tests, async (test) => {
    const file = join(folder, `reached-${test.name.replaceAll(/\W/g, '-')}`)
    rmSync(file, { force: true })
    const start = Date.now()
    const { status, text } = await test.run({ ANTIGRAD_REACHED: file }, 900_000)
    test.time = Date.now() - start
    test.isSound = status === 0
    if (!test.isSound) say(`SKIPPED: ${test.name} fails without a mutant: ${text.slice(-500)}`)
    test.reached = new Set(existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : [])
    rmSync(file, { force: true })
  })
  return tests.filter(({ isSound }) => isSound).sort((a, b) => a.time - b.time)
}

async function findsIn(tests, number) {
  const reaching = tests.filter(({ reached }) => reached.has(number))
  if (reaching.length === 0) return 'NOT FOUND: nothing comes to it'
  for (const { name, run, time } of reaching) {
    const { status, signal } = await run({ ANTIGRAD_MISTAKE: String(number) }, 10 * time + 60_000)
    // SIGKILL comes from the time limit.
    if (status !== 0) return `found by ${name}${signal ? `: ${signal}` : ''}`
  }
  return `NOT FOUND by ${reaching.length} tests`
}

/** Equivalent mutants, each with the reason. */
const equivalents = JSON.parse(readFileSync(join(root, 'test/equivalents.json'), 'utf8'))

async function hunt(name, { seed, count, only, at }) {
  const ground = grounds[name]
  const commit = output('git', ['rev-parse', at])
  const folder = worktree(commit, `${name}-${commit}`)
  const kept = join(root, `target/mutations/${name}-${seed}-${commit.slice(0, 8)}.json`)
  mkdirSync(dirname(kept), { recursive: true })
  const outcomes = existsSync(kept) ? JSON.parse(readFileSync(kept, 'utf8')) : {}
  const sources = sourcesAt(commit)
  const list = drawn(sitesIn(ground.paths, new Set(), sources), count ?? ground.count, random(seed))
  const mistakes = list.map((mistake, i) => ({ number: i + 1, ...mistake }))
  let rest = mistakes.filter(({ number }) => (only ? only.includes(number) : outcomes[number] === undefined))
  const tell = ({ number, file, line, before, after }, outcome) => {
    outcomes[number] = outcome
    writeFileSync(kept, JSON.stringify(outcomes, null, 1))
    say(`${number} ${file}:${line}: ${outcome}`)
    if (outcome.startsWith('NOT')) say(`  ${before.trim()}\n  ${after.trim()}`)
  }
  const whyNot = ({ file, before, after }) =>
    equivalents.find((one) => one.file === file && one.before === before.trim() && one.after === after.trim())
      ?.why
  for (const mistake of rest.filter(whyNot)) tell(mistake, `equivalent: ${whyNot(mistake)}`)
  rest = rest.filter((mistake) => !whyNot(mistake))
  while (rest.length > 0) {
    const { left, tests, env } = await ground.builds(folder, sources, rest)
    await transpileTests(folder)
    for (const mistake of left.filter(({ isAlone }) => isAlone))
      tell(mistake, 'NOT TRIED: it has no place behind a switch')
    const tried = rest.filter(({ number }) => !left.some((other) => other.number === number))
    say(`${tried.length} mutants in one build`)
    const byNumber = new Map(tried.map((mistake) => [mistake.number, mistake]))
    let numbers = [...byNumber.keys()]
    for (const file of ground.files.map((name) => `test/${name}.test.js`)) {
      if (!existsSync(join(folder, file))) {
        if (at === 'HEAD') throw new Failure(`${file} does not exist.`)
        continue
      }
      numbers = await triedBy(folder, file, env, numbers, (number, outcome) =>
        tell(byNumber.get(number), outcome),
      )
      say(`  ${numbers.length} are left`)
    }
    const sound = await measure(tests, join(root, 'target/mutations'))
    await each(numbers, async (number) => tell(byNumber.get(number), await findsIn(sound, number)))
    const next = left.filter(({ isAlone }) => !isAlone)
    if (next.length === rest.length) throw new Failure('None of the remaining mutants can be placed.')
    rest = next
  }
  const tally = (start) => Object.values(outcomes).filter((outcome) => outcome.startsWith(start)).length
  say(
    `${name}, seed ${seed}: ${tally('found')} of ${tally('found') + tally('NOT FOUND')} found; ` +
      `${tally('equivalent')} are none, ${tally('NOT TRIED')} not tried.`,
  )
}

script(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: 'string', default: '31' },
      count: { type: 'string' },
      only: { type: 'string' },
      at: { type: 'string', default: 'HEAD' },
    },
  })
  if (!positionals.every((name) => Object.hasOwn(grounds, name)))
    throw new Failure(`One of ${Object.keys(grounds).join(', ')}.`)
  const options = {
    seed: Number(values.seed),
    at: values.at,
    count: values.count === undefined ? undefined : Number(values.count),
    only: values.only?.split(',').map(Number),
  }
  for (const name of positionals.length > 0 ? positionals : Object.keys(grounds)) await hunt(name, options)
})
