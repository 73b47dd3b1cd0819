// Runs one JavaScript library in a process: `node host.mjs <adapter> [variant]`. Messages have the format of the lines
// that host.py reads. Each library has a separate process, so that its garbage and the compiler's type feedback do not
// affect other libraries.
const [, , name, variant] = process.argv
const adapter = await import(`./adapters/${name}.mjs`)

/** Subjects by the id in the request. antigrad with one thread and with two threads are two subjects. */
const subjects = new Map()
const calls = {
  /** Versions and other descriptions of the library. */
  open: async () => (await adapter.open?.(variant)) ?? {},
  make: async ({ id, rule, lengths, threads }) => {
    const subject = await adapter.make(rule, lengths, threads, variant)
    subjects.set(id, subject)
    return subject.about ?? {}
  },
  gradients: async ({ id, k }) => void (await subjects.get(id).gradients(k)),
  /** Nanoseconds of `count` consecutive steps. */
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
  /** Calls a method that only one adapter has. */
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
