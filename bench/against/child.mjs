// Measures one subject of one build in a separate process, which takes a sample on request.
//
// Times are CPU times of all threads of this process, so other programs do not count.
import { pathToFileURL } from 'node:url'
import { subjects } from './subjects.mjs'

/** Milliseconds of warm-up calls for JavaScript's compiler. */
const WARM_UP = 50
/** Number of warm-up calls for slow subjects, because the compiler counts calls. The total time is limited. */
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
    // In versions without the entry `antigrad/fit`, the main entry exports its functions.
    const antigrad = { ...(await entry('')), ...(await entry('fits/').catch(() => ({}))) }
    call = subjects.find((subject) => subject.name === name).make(antigrad)
    let all = 0
    for (let calls = 0; all < WARM_UP || (calls < WARM_UP_CALLS && all < LONGEST_WARM_UP); calls++)
      all += batch()
    // The shortest of three batches, because some batches include compilation.
    const milliseconds = () => Math.min(batch(), batch(), batch())
    while (milliseconds() < wanted / 2) count *= 2
    count = Math.ceil((count * wanted) / milliseconds())
  },
  /** Measures the nanoseconds per call, after a call that brings the caches into their usual state. */
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
