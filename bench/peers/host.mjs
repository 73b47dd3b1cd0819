// A process in which one JavaScript library does the work: `node host.mjs <adapter> [variant]`. Messages
// are what host.py reads line by line. A library has a process of its own, so that neither its garbage
// nor what the compiler has learned from it is another's.
const [, , name, variant] = process.argv
const adapter = await import(`./adapters/${name}.mjs`)

/** By the number that the question gives: antigrad on one thread and on two is two of them. */
const subjects = new Map()
const calls = {
  /** Versions, or whatever else tells what this is. */
  open: async () => (await adapter.open?.(variant)) ?? {},
  make: async ({ id, rule, lengths, threads }) => {
    const subject = await adapter.make(rule, lengths, threads, variant)
    subjects.set(id, subject)
    return subject.about ?? {}
  },
  gradients: async ({ id, k }) => void (await subjects.get(id).gradients(k)),
  /** Nanoseconds that `count` steps took, one behind the other. */
  run: async ({ id, count }) => {
    const subject = subjects.get(id)
    const start = process.hrtime.bigint()
    const own = await subject.run(count)
    return { ns: own ?? Number(process.hrtime.bigint() - start) }
  },
  read: async ({ id, indices }) => ({ values: await subjects.get(id).read(indices) }),
  drop: async ({ id }) => {
    await subjects.get(id)?.drop?.()
    subjects.delete(id)
  },
  /** What only one adapter can do. */
  call: async ({ method, args }) => adapter[method](args),
}

process.on('message', async ({ call, ...args }) => {
  try {
    process.send({ ...(await calls[call](args)) })
  } catch (error) {
    process.send({ error: `${error?.message ?? error}`.split('\n')[0] })
  }
})
process.on('disconnect', () => process.exit())
