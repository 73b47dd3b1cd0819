// A process of a hunt: the tests of one file, without vitest around them, so that hundreds of mistakes are tried one
// after the other. `node mutant-process.mjs <file>` says what each test comes to; then it gets numbers of mistakes, and says
// of each which test finds it.
import { pathToFileURL } from 'node:url'
import { collected, prepare } from './mutant-tests.mjs'

const [file] = process.argv.slice(2)
const addon =
  process.env.ANTIGRAD_ADDON && process.getBuiltinModule('node:module').createRequire(import.meta.url)
const choosers = [
  ...(addon ? [addon(process.env.ANTIGRAD_ADDON).choose] : []),
  // Of TypeScript; it is there when the library is.
  (number) => globalThis.chooseMistake?.(number) ?? [],
]
const choose = (number) => choosers.flatMap((chooser) => chooser(number))

/** Whether a test passes while a mistake is made; and what it came to. */
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

// What fails beside a test is told by the test.
process.on('unhandledRejection', () => {})
process.on('uncaughtException', () => {})
await import(pathToFileURL(file).href)
/** What modules come to as they load, and never again: it has to be there before them. */
const early = choose(0)

/** Those that pass without a mistake: [index, time, what it comes to]. */
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

/** Milliseconds that tests may take beyond the first few dozen; a mistake that none sees is left to another file. */
const MORE = 2000

/** From the quickest to the slowest, a few dozen of them before all others: neighbors are often alike. */
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
    // What is broken for good would fail with each mistake.
    process.send({ number, found: test.name, isClean: await passes(test, 0) })
    return
  }
  process.send({ number, found: null })
})
process.on('disconnect', () => process.exit())
