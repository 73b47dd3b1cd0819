import { availableParallelism } from 'node:os'
import * as antigrad from '../../dist/index.js'
import { summary } from '../lib/measure.mjs'
import { describeMachine } from '../lib/report.mjs'
import { compare, Hosts } from './compare.mjs'
import { absent, ours, rivals } from './rivals.mjs'
import { measuring, ruleNames } from './values.mjs'

/** Number of parameters for the measurement of the event loop latency. */
const LATENCY_SIZE = 10_000_000

/**
 * Runs the whole comparison.
 *
 * @param options { rules, sizes, rivals (ids, or undefined for all), training, latency, rounds, milliseconds }
 * @param missing reasons why libraries could not be set up, by id
 */
export async function measurePeers(options, missing, progress) {
  const chosen = ({ id }) => id === ours.id || (!missing[id] && (options.rivals?.includes(id) ?? true))
  const threads = availableParallelism() > 1 ? [1, 2] : [1]
  const hosts = new Hosts()
  // Described before the measurement, so that the load is that of other programs.
  const { limits: _, threads: __, ...machine } = describeMachine({})
  try {
    const shared = { chosen, threads, hosts, progress, rounds: options.rounds }
    const { milliseconds, sizes } = options
    /** Why a rule has no table. (`npm run bench` measures antigrad alone.) */
    const without = (rule) => {
      if (!Object.hasOwn(antigrad, rule)) return `it has no ${ruleNames[rule]} yet`
      const isAlone = !rivals.some((rival) => chosen(rival) && rival.rules.includes(rule))
      return isAlone && Object.hasOwn(measuring, rule) ? `no rival of this run has ${ruleNames[rule]}` : null
    }
    const rules = options.rules.filter((rule) => without(rule) === null)
    const main = await compare({ ...shared, milliseconds, rules, sizes })
    const training = options.training
      ? await compare({ ...shared, milliseconds, rules: ['train'], sizes: ['10000000'] })
      : null
    let latency = null
    if (options.latency) {
      progress('event loop')
      const host = await hosts.get(ours, 1)
      const args = { size: LATENCY_SIZE, rounds: options.rounds }
      const measured = await host.ask('call', { method: 'latency', args })
      latency = {
        ...measured,
        size: LATENCY_SIZE,
        kinds: measured.kinds.map(({ kind, worst, duration }) => ({
          kind,
          worst: summary(worst),
          worstOfAll: Math.max(...worst),
          duration: summary(duration),
        })),
      }
    }
    const outside = [...absent.map(({ name, why }) => ({ rival: name, why }))]
    for (const rival of rivals) {
      const why = missing[rival.id] ?? (chosen(rival) ? undefined : 'left out by --rivals')
      if (why) outside.push({ rival: rival.name, why })
    }
    for (const rule of options.rules.filter((rule) => !rules.includes(rule))) {
      outside.push({ rival: ours.name, why: without(rule) })
    }
    if (threads.length === 1) outside.push({ rival: 'two threads', why: 'the machine has one processor' })
    return {
      machine: { ...machine, versions: hosts.versions },
      options: { ...options, threads },
      rows: main.rows,
      training: training?.rows ?? null,
      latency,
      notRun: [...outside, ...main.notRun, ...(training?.notRun ?? [])],
    }
  } finally {
    hosts.close()
  }
}
