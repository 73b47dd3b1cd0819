// A process of mutation testing. It runs the tests of one file without vitest, so that it can try hundreds of mutants
// in a row. `node mutant-process.mjs <file>` first reports which mutants each test reaches. Then it receives mutant
// numbers, and reports for each number which test kills the mutant.
import { pathToFileURL } from 'node:url'
import { collected, prepare } from './mutant-tests.mjs'

const [file] = process.argv.slice(2)
const addon =
  process.env.ANTIGRAD_ADDON && process.getBuiltinModule('node:module').createRequire(import.meta.url)
const choosers = [
  ...(addon ? [addon(process.env.ANTIGRAD_ADDON).choose] : []),
  // Switch of the TypeScript mutants, which exists once the library is loaded.
  (number) => globalThis.chooseMistake?.(number) ?? [],
]
const choose = (number) => choosers.flatMap((chooser) => chooser(number))

/** Whether a test passes with a mutant enabled, and which mutants it reached. */
async function passes(test, number) {
  choose(number)
  process.env.ANTIGRAD_MISTAKE = String(number)
  try {
    await test.run()
    return true
  } catch (thrown) {
    if (number === 0) test.why = String(thrown?.message ?? thrown).slice(0, 200)
    return false
  } finally {
    test.reached = choose(0)
    process.env.ANTIGRAD_MISTAKE = '0'
  }
}

// Rejections outside of a test are reported by the test that causes them.
process.on('unhandledRejection', () => {})
process.on('uncaughtException', () => {})
await import(pathToFileURL(file).href)
/** Mutants that are reached only while modules load. They must be enabled before the modules are loaded. */
const early = choose(0)

/** The tests that pass without a mutant: [index, time, reached mutants]. */
async function measured() {
  const sound = []
  for (const [i, test] of collected.entries()) {
    process.send({ measuring: test.name })
    const start = performance.now()
    if ((await prepared(test)) && (await passes(test, 0)))
      sound.push([i, performance.now() - start, test.reached])
    else process.send({ leftOut: test.name, why: test.why })
  }
  return sound.sort(([, a], [, b]) => a - b)
}

const prepared = (test) =>
  prepare(test).then(
    () => true,
    () => false,
  )

let sound = null

/** Time limit in milliseconds for tests after the first few dozen. A surviving mutant is left to another test file. */
const MORE = 2000

/**
 * Orders tests from fastest to slowest. A few dozen spread-out tests come first, because neighbors are often similar.
 */
function inTurn(tests) {
  const each = Math.ceil(tests.length / 48)
  let left = MORE
  const others = tests.filter(([, time], i) => {
    if (i % each !== 0) left -= time
    return i % each !== 0 && left > 0
  })
  return [...tests.filter((_, i) => i % each === 0), ...others]
}

process.on('message', async ({ number, known, isEarly }) => {
  if (number === undefined) {
    sound = known ?? (await measured())
    process.send({ known: sound, early })
    return
  }
  for (const [i, time] of inTurn(sound.filter(([, , reached]) => isEarly || reached.includes(number)))) {
    const test = collected[i]
    process.send({ trying: time })
    if (!(await prepared(test)) || (await passes(test, number))) continue
    // If the test still fails without the mutant, the process is broken and would fail with every mutant.
    process.send({ number, found: test.name, isClean: await passes(test, 0) })
    return
  }
  process.send({ number, found: null })
})
process.on('disconnect', () => process.exit())
