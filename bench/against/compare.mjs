// Compares two builds and finds calls that have become slower.
//
// Each subject is measured in several pairs of new processes, one per build. The processes of a pair take turns in
// random order, so that each sample of one has a sample of the other next to it. The result of a pair is the median of
// the ratios. Effects of a process, such as memory addresses and compiled code, are constant within a pair, so the
// interval is that of the median over pairs, not over samples.
import { fork } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundledSize } from '../../scripts/lib/bundle.mjs'
import { ratio, summary } from '../lib/measure.mjs'
import { compileAtOnce } from '../lib/node-flags.mjs'

const child = fileURLToPath(new URL('child.mjs', import.meta.url))

/** A subject is slower if its whole interval lies at or above this ratio in two runs. */
export const LIMIT = 1.03

class Process {
  constructor() {
    this.child = fork(child, { execArgv: compileAtOnce })
    this.child.on('message', (answer) => this.answer(answer))
    this.child.on('exit', (code) => this.answer?.({ error: `the process ended with ${code}` }))
  }

  /** @throws Error with the error message of the process */
  async ask(ask, given) {
    const answered = new Promise((resolve) => {
      this.answer = resolve
    })
    this.child.send({ ask, ...given })
    const { value, error } = await answered
    if (error) throw new Error(error)
    return value
  }

  end() {
    if (this.child.connected) this.child.disconnect()
  }
}

/** Measures one pair: the samples of both builds, or the errors. */
async function measurePair(name, folders, { rounds, milliseconds }) {
  const both = folders.map(() => new Process())
  try {
    const made = await Promise.allSettled(
      both.map((process, k) => process.ask('make', { folder: folders[k], name, milliseconds })),
    )
    const failures = made.map(({ reason }) => reason?.message)
    if (failures.some(Boolean)) return { failures }
    const samples = [[], []]
    for (let round = 0; round < rounds; round++) {
      for (const k of Math.random() < 0.5 ? [0, 1] : [1, 0]) samples[k].push(await both[k].ask('sample'))
    }
    return { samples }
  } finally {
    for (const process of both) process.end()
  }
}

/** Measures all subjects once. Returns rows { name, figure, nanoseconds } or { name, failures }. */
async function measureOnce(subjects, folders, timing, progress) {
  const rows = new Map(subjects.map(({ name }) => [name, { name, ratios: [], all: [[], []] }]))
  for (let pair = 1; pair <= timing.pairs; pair++) {
    const left = [...rows.values()].filter((row) => row.failures === undefined)
    // Random order prevents that temporary slowdowns of the machine always affect the same subjects.
    for (const row of shuffled(left)) {
      const { samples, failures } = await measurePair(row.name, folders, timing)
      if (failures) row.failures = failures
      else {
        row.ratios.push(ratio(...samples).median)
        for (const k of [0, 1]) row.all[k].push(summary(samples[k]).median)
      }
    }
    progress(`pair ${pair} of ${timing.pairs}: ${left.length} subjects`)
  }
  return [...rows.values()].map(({ name, failures, ratios, all }) =>
    failures
      ? { name, failures }
      : { name, figure: summary(ratios), nanoseconds: all.map((list) => summary(list).median) },
  )
}

function shuffled(list) {
  const order = list.map((item) => ({ item, at: Math.random() }))
  return order.sort((a, b) => a.at - b.at).map(({ item }) => item)
}

const isSlow = ({ figure }) => figure !== undefined && figure.low > LIMIT

/** Compares all subjects. Subjects that seem slower are measured `again`, and are `slower` if that confirms it. */
export async function compare(subjects, folders, timing, progress) {
  const rows = await measureOnce(subjects, folders, timing, progress)
  const suspects = rows.filter(isSlow).map(({ name }) => name)
  if (suspects.length === 0) return rows
  progress(`again: ${suspects.join('; ')}`)
  const wanted = subjects.filter(({ name }) => suspects.includes(name))
  const second = await measureOnce(wanted, folders, timing, progress)
  const again = new Map(second.map((row) => [row.name, row]))
  return rows.map((row) => {
    const other = again.get(row.name)
    return other ? { ...row, again: other.figure, slower: isSlow(other) } : row
  })
}

const bundles = {
  'Optimizer and adamw, gzipped': "export { Optimizer, adamw } from 'antigrad'",
  'minimizeMany and expression, gzipped': "export { minimizeMany, expression } from 'antigrad'",
}

/** Rows { name, bytes } of the files that users load. */
export async function sizes(folders) {
  const addon = (folder) => {
    const file = readdirSync(join(folder, 'native')).find((name) => name.endsWith('.node'))
    return statSync(join(folder, 'native', file)).size
  }
  const measured = {
    ...Object.fromEntries(
      Object.entries(bundles).map(([name, source]) => [name, (folder) => bundledSize(source, folder)]),
    ),
    'the addon': addon,
  }
  const rows = []
  for (const [name, sizeOf] of Object.entries(measured)) {
    const settled = await Promise.allSettled(folders.map(async (folder) => sizeOf(folder)))
    const failures = settled.map(({ reason }) => reason?.message.split('\n')[0])
    const bytes = settled.map(({ value }) => value)
    rows.push(
      failures.some(Boolean) ? { name, failures } : { name, bytes, larger: bytes[0] / bytes[1] > LIMIT },
    )
  }
  return rows
}
