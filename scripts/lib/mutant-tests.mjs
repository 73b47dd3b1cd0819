// A replacement of vitest for mutation testing, with the functions that test files use. It collects tests, and the
// caller runs them.
import {
  ChaiStyleAssertions,
  chai,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from '@vitest/expect'

chai.use(JestExtend)
chai.use(JestChaiExpect)
chai.use(ChaiStyleAssertions)
chai.use(JestAsymmetricMatchers)
export const expect = Object.assign(
  (value, message) => {
    setState({ assertionCalls: 0 }, expect)
    return chai.expect(value, message)
  },
  chai.expect,
  {
    fail: (message) => {
      throw new Error(message)
    },
  },
)
Object.assign(expect, chai.expect)
globalThis[Symbol.for('expect-global')] ??= expect

/** The collected tests in order. */
export const collected = []

let suite = { name: '', around: null, before: [], beforeEach: [], afterEach: [], isReady: false }

const hook = (name) => (work) => void suite[name].push(work)
export const beforeAll = hook('before')
export const beforeEach = hook('beforeEach')
export const afterEach = hook('afterEach')
// The hook is ignored: everything ends with the process.
export const afterAll = () => {}

const chainOf = (one) => (one === null ? [] : [...chainOf(one.around), one])

/** Runs the `beforeAll` hooks of a test's suites. */
export async function prepare({ chain }) {
  for (const one of chain) {
    if (one.isReady) continue
    one.isReady = true
    for (const work of one.before) await work()
  }
}

const named = (name, values) => {
  const rest = [...values]
  const text = (value) => (typeof value === 'object' ? '{}' : String(value)).slice(0, 40)
  return name
    .replaceAll(/\$(\w+)/g, (_, key) => text(values[0]?.[key]))
    .replaceAll(/%[a-z]/g, () => text(rest.shift()))
}

function add(name, a, b) {
  const work = typeof a === 'function' ? a : b
  const chain = chainOf(suite)
  const run = async () => {
    for (const { beforeEach } of chain) for (const each of beforeEach) await each()
    try {
      await work({ expect })
    } finally {
      for (const { afterEach } of chain) for (const each of afterEach) await each()
    }
  }
  collected.push({ name: [...chain.map(({ name }) => name), name].filter(Boolean).join(' > '), chain, run })
}

function within(name, a, b) {
  const around = suite
  suite = { name, around, before: [], beforeEach: [], afterEach: [], isReady: false }
  const work = typeof a === 'function' ? a : b
  work()
  suite = around
}

/** Adds `each` and conditions, such as `skipIf`, as in vitest. */
function withWays(one) {
  const each = (table) => (name, a, b) => {
    const work = typeof a === 'function' ? a : b
    for (const row of table) {
      const values = Array.isArray(row) ? row : [row]
      one(named(name, values), () => work(...values))
    }
  }
  const nothing = Object.assign(() => {}, { each: () => () => {} })
  const itself = Object.assign((...given) => one(...given), { each, skip: nothing })
  itself.skipIf = (is) => (is ? nothing : itself)
  itself.runIf = (is) => (is ? itself : nothing)
  return itself
}

export const test = withWays(add)
export const it = test
export const describe = withWays(within)
export const inject = () => {
  throw new Error('vitest is not running.')
}
export const vi = {}
export const expectTypeOf = () => {
  throw new Error('Types are checked by tsc.')
}
