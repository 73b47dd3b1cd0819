// For `npm run fuzz -- --spoil`: each call of the addon is first made on a copy of the call's arena or batch in which
// some words are corrupted. Each copy is an ArrayBuffer that ends with the data, so that a sanitizer detects access
// beyond the data.

const { dlopen } = process
process.dlopen = (module, file, ...flags) => {
  dlopen.call(process, module, file, ...flags)
  if (file.includes('antigrad') && 'attach' in module.exports) module.exports = spoiling(module.exports)
}

// A deterministic generator: mulberry32.
let a = 1
function random(below) {
  a = (a + 0x6d2b79f5) | 0
  let x = Math.imul(a ^ (a >>> 15), a | 1)
  x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
  return ((x ^ (x >>> 14)) >>> 0) % below
}

/** Numbers that code is likely to misinterpret. */
const words = [
  () => random(40),
  () => random(200) * 16,
  () => random(1200) * 16 + 8,
  () => 0xffffffff - random(64),
  () => (2 ** random(32) + random(3) - 1) >>> 0,
  () => (random(65536) << 16) | random(20),
  () => random(2 ** 32),
]
const word = () => words[random(words.length)]() >>> 0

/**
 * Replaces some of the first `count` words. The first two words, a hash and a dtype, are rarely replaced, because the
 * addon refuses such calls at once.
 */
function spoil(list, count = list.length) {
  if (count < 3) return
  for (let k = random(6); k >= 0; k--) list[random(50) === 0 ? random(2) : 2 + random(count - 2)] = word()
}

/** Copies the bytes of an arena or a batch. */
function copied(owner, offset, length) {
  const buffer = owner instanceof WebAssembly.Memory ? owner.buffer : owner
  return buffer.slice(offset, offset + length)
}

/** Ignores errors of a call. Only the survival of the process matters. */
function tried(call) {
  try {
    return call()
  } catch {
    return undefined
  }
}

/** Larger copies take long, and test no further cases. */
const LARGEST = 1 << 20
const STAGES = 10

function spoiling(addon) {
  /** The arguments of attach, for functions that receive a handle. */
  const attached = new WeakMap()

  /** Makes calls of all kinds on a copy that has corrupted tables. */
  function tryTables(own, [owner, offset, length, , threads, set], isKept) {
    if (length > LARGEST || random(4) > 0) return
    const copy = copied(owner, offset, length)
    const tables = own.slice()
    if (!isKept) spoil(tables)
    const run = tried(() => addon.attach(copy, 0, length, tables, threads, set))
    if (run === undefined) return
    if (isKept) {
      spoil(tables)
      tried(() => addon.keep(run.handle, tables))
    }
    // Rows of coefficients and numbers. The addon reads the rows in place.
    if (random(2) === 0) spoil(new Uint32Array(copy, 0, length >> 2))
    const lent = () =>
      Array.from(
        { length: random(8) },
        () => new [Float32Array, Float64Array, Uint8Array][random(3)](random(70)),
      )
    tried(() => run())
    for (let stage = 0; stage < STAGES; stage++) {
      tried(() => run(stage))
      tried(() => run(stage, ...lent()))
      tried(() => addon.runRange(run.handle, stage, random(4) * 256, random(2) ? word() : random(4000)))
      tried(() => addon.gather(run.handle, stage))
    }
    tried(() => run(word()))
  }

  return {
    ...addon,
    attach(...given) {
      tryTables(given[3], given, false)
      const run = addon.attach(...given)
      attached.set(run.handle, given)
      return run
    },
    keep(handle, tables) {
      const given = attached.get(handle)
      if (given !== undefined) tryTables(tables, given, true)
      return addon.keep(handle, tables)
    },
    advanceMany(owner, offset, length, threads, set) {
      if (length <= LARGEST && random(2) === 0) {
        const copy = copied(owner, offset, length)
        const list = new Uint32Array(copy, 0, length >> 2)
        // The list begins with the header, programs and settings.
        spoil(list, Math.min(list.length, [32, 120, 1000, list.length][random(4)]))
        for (let k = 0; k < 3; k++) tried(() => addon.advanceMany(copy, 0, length, threads, set))
      }
      return addon.advanceMany(owner, offset, length, threads, set)
    },
  }
}
