// npm run bench:files [-- --mib 768 --rounds 9 --folder /where]: compares writing and reading of runs with `cp` and
// sync of the same file. Both take turns with an empty page cache. Needs Linux, and root to empty the cache.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { readFile, writeFile } from '../dist/files/index.js'
import { adamw, Optimizer } from '../dist/index.js'

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '768' },
    rounds: { type: 'string', default: '9' },
    folder: { type: 'string', default: tmpdir() },
  },
})
const rounds = Number(values.rounds)
const folder = mkdtempSync(join(values.folder, 'antigrad-bench-files-'))
const [run, copy, mine] = ['run', 'copy', 'mine'].map((name) => join(folder, name))

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')

function shell(command) {
  const { status, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
}

/** Empties the page cache. */
function empty() {
  collect()
  shell('sync')
  writeFileSync('/proc/sys/vm/drop_caches', '3')
}

/** CPU milliseconds of this thread, without waiting for a core or for garbage collection threads. */
const computed = () =>
  Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6

/** Measures the seconds of a task, the longest blocking of the event loop, and the largest CPU time of one turn. */
async function timed(work) {
  let [last, longest] = [performance.now(), 0]
  let [before, busiest] = [computed(), 0]
  const look = () => {
    longest = Math.max(longest, performance.now() - last)
    busiest = Math.max(busiest, computed() - before)
    last = performance.now()
    before = computed()
  }
  const ticks = setInterval(look, 1)
  const began = performance.now()
  await work()
  const seconds = (performance.now() - began) / 1000
  look()
  clearInterval(ticks)
  return { seconds, longest, busiest }
}

/**
 * A model for AdamW, whose file has three times the size of the parameters: one large tensor and several smaller ones.
 */
function model(mib) {
  const numbers = (mib * 2 ** 20) / 12
  const rest = 64
  const params = { embed: new Float32Array(Math.floor(numbers / 2)) }
  for (let k = 0; k < rest; k++) params[`layer.${k}`] = new Float32Array(Math.floor(numbers / 2 / rest))
  for (const values of Object.values(params)) for (let i = 0; i < values.length; i++) values[i] = Math.sin(i)
  const optimizer = new Optimizer(params, adamw())
  optimizer.step(params)
  return optimizer
}

const optimizer = model(Number(values.mib))
await writeFile(run, optimizer)
const { size } = statSync(run)

/** Kinds of comparison. All files are uncached, unless the name says that they are in memory. */
const kinds = {
  'written, beside a copy of what has to be read': {
    ours: () => writeFile(mine, optimizer),
    copies: () => shell(`cp ${run} ${copy} && sync ${copy}`),
  },
  'written, beside a copy of what is in memory': {
    warm: () => shell(`cat ${run} > /dev/null`),
    ours: () => writeFile(mine, optimizer),
    copies: () => shell(`cp ${run} ${copy} && sync ${copy}`),
  },
  'read, beside a copy to the disk': {
    ours: () => readFile(run),
    copies: () => shell(`cp ${run} ${copy} && sync ${copy}`),
  },
  'read, beside a copy to memory': {
    ours: () => readFile(run),
    copies: () => shell(`cp ${run} /dev/shm/${process.pid} && sync /dev/shm/${process.pid}`),
    after: () => rmSync(`/dev/shm/${process.pid}`),
  },
}

const median = (all) => all.toSorted((a, b) => a - b)[all.length >> 1]
const shown = (all) =>
  `${median(all).toFixed(2)} (${Math.min(...all).toFixed(2)} to ${Math.max(...all).toFixed(2)})`

console.log(`${(size / 2 ** 20).toFixed()} MiB, ${rounds} rounds: medians, with the least and the largest`)
try {
  for (const [name, { warm, ours, copies, after }] of Object.entries(kinds)) {
    const times = { ours: [], copies: [] }
    const stills = []
    const busy = []
    for (let round = 0; round < rounds; round++) {
      for (const who of round % 2 ? ['copies', 'ours'] : ['ours', 'copies']) {
        for (const path of [copy, mine]) rmSync(path, { force: true })
        empty()
        warm?.()
        const { seconds, longest, busiest } = await timed(who === 'ours' ? ours : copies)
        times[who].push(seconds)
        if (who === 'copies') {
          after?.()
          continue
        }
        stills.push(longest)
        busy.push(busiest)
      }
    }
    const ratios = times.ours.map((own, k) => times.copies[k] / own)
    console.log(
      `${name}: ${shown(ratios)} of its speed; ours ${shown(times.ours)} s, cp ${shown(times.copies)} s;`,
      `the main thread stood still for ${shown(stills)} ms at most, and computed for ${shown(busy)} ms`,
    )
  }
} finally {
  rmSync(folder, { recursive: true })
}
