// One subject of one build, in a process that measures nothing else: it makes a sample whenever it is asked.
//
// Time is the processor's, of all threads of this process: what other programs take is not counted.
import { pathToFileURL } from 'node:url'
import { subjects } from './subjects.mjs'

/** Before anything counts the compiler sees the calls, for so many milliseconds. */
const WARM_UP = 50
/** It goes by calls: it sees so many of slower ones, unless that takes longer than any warm-up may. */
const WARM_UP_CALLS = 300
const LONGEST_WARM_UP = 500

let call
let count = 1

function batch() {
  const before = process.cpuUsage()
  for (let i = 0; i < count; i++) call()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e3
}

const answers = {
  async make({ folder, name, milliseconds: wanted }) {
    const entry = (name) => import(pathToFileURL(`${folder}/dist/${name}index.js`))
    // Versions before the entry `antigrad/fit` have its functions in the first one.
    const antigrad = { ...(await entry('')), ...(await entry('fits/').catch(() => ({}))) }
    call = subjects.find((subject) => subject.name === name).make(antigrad)
    let all = 0
    for (let calls = 0; all < WARM_UP || (calls < WARM_UP_CALLS && all < LONGEST_WARM_UP); calls++)
      all += batch()
    // The shortest of three: some batches have the compiler's work in them.
    const milliseconds = () => Math.min(batch(), batch(), batch())
    while (milliseconds() < wanted / 2) count *= 2
    count = Math.ceil((count * wanted) / milliseconds())
  },
  /** Nanoseconds of a call. The call before it brings the caches into their usual state. */
  sample() {
    call()
    return (batch() * 1e6) / count
  },
}

process.on('message', async ({ ask, ...given }) => {
  try {
    process.send({ value: await answers[ask](given) })
  } catch (error) {
    process.send({ error: `${error.name}: ${error.message}` })
  }
})
process.on('disconnect', () => process.exit())
