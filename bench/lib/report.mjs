// Reports of the benchmarks: the machine, tables, and a chart.
import { readFileSync } from 'node:fs'
import os from 'node:os'
import Table from 'cli-table3'
import * as echarts from 'echarts'
import { engines } from '../../dist/index.js'

/** The description of the machine, without which results are meaningless. */
export function describeMachine({ bits, compiler, reason, threads }) {
  const [cpu] = os.cpus()
  const file = (path) => {
    try {
      return readFileSync(path, 'utf8').trim()
    } catch {
      return null
    }
  }
  const cache = (index) => file(`/sys/devices/system/cpu/cpu0/cache/index${index}/size`)
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: cpu.model.trim(),
    cores: os.cpus().length,
    caches: [0, 2, 3].map(cache).filter(Boolean).join(', ') || 'unknown',
    memory: `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    hugePages: /\[(\w+)\]/.exec(file('/sys/kernel/mm/transparent_hugepage/enabled') ?? '')?.[1] ?? 'unknown',
    system: `${os.type()} ${os.release()}`,
    node: process.version,
    instructionSet: engines().native.instructionSets.at(-1) ?? 'no addon',
    threads,
    limits: reason ?? `${compiler}, ${bits} bits`,
    // Other load on the machine would affect every result.
    load: os
      .loadavg()
      .map((x) => x.toFixed(2))
      .join(', '),
  }
}

const sentence = (machine) =>
  Object.entries(machine)
    .map(([name, value]) => `${name}: ${value}`)
    .join('; ')

/** A Markdown table, which is also readable in a terminal. */
export function table(head, rows) {
  const chars = {
    mid: '',
    'left-mid': '',
    'mid-mid': '',
    'right-mid': '',
    left: '|',
    right: '|',
    middle: '|',
  }
  for (const edge of ['top', 'bottom']) {
    for (const part of ['', '-mid', '-left', '-right']) chars[edge + part] = ''
  }
  const made = new Table({ chars, style: { head: [], border: [] } })
  made.push(
    head,
    head.map(() => '---'),
    ...rows,
  )
  return made.toString()
}

export const interval = ({ median, low, high }, digits) =>
  `${median.toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`

export const digitsOf = (x) => (x < 10 ? 3 : x < 1000 ? 1 : 0)

export function describeEngines(rows, machine) {
  const head = [
    'rule',
    'dtype',
    'parameters',
    'engine',
    'vectors',
    'ns an update',
    'ns a parameter',
    '× the pass',
  ]
  const body = rows.map(({ rule, dtype, size, engine, vectors, perUpdate, perParameter, toPass }) => [
    ...[rule, dtype, size, engine, vectors, perUpdate.median.toFixed(digitsOf(perUpdate.median))],
    interval(perParameter, digitsOf(perParameter.median)),
    toPass === null || engine === 'pass' ? '' : interval(toPass, 2),
  ])
  return [sentence(machine), '', table(head, body), '', notes].join('\n')
}

const notes = `Medians of rounds in which all rows of a rule, dtype and size take turns, with the interval of the
order statistics that has the true median in at least 95 % of cases. The pass reads and writes the same
arrays with trivial arithmetic: what memory allows.`

export function describeTargets({ rows, skipped }, machine) {
  const head = ['what', 'parameters', 'figure', 'target', 'met', 'in detail']
  const body = rows.map(({ what, n, figure, unit, target, met, detail }) => [
    ...[what, `${n}`, `${interval(figure, unit === 'ns' ? 1 : 3)} ${unit}`],
    target === null ? '' : `≤ ${Number(target.toFixed(3))} ${unit}`,
    met === null ? '' : `${met ? 'yes' : 'NO'}${isWide(figure) ? ', but wide' : ''}`,
    detail,
  ])
  const left = skipped.map((what) => `Skipped: ${what}`)
  const note = 'A target is met when the better end of the interval passes; wide is one of more than a fifth.'
  return [sentence(machine), '', table(head, body), '', note, ...left].join('\n')
}

export function describeMany({ rows, skipped, versions }, machine) {
  const jax = versions.jax ? { jax: versions.jax, optax: versions.version } : {}
  return describeFigures({ rows, skipped }, { ...machine, ...jax }, manyNotes)
}

export function describeFits({ rows, skipped, versions }, machine) {
  return describeFigures({ rows, skipped }, { ...machine, ...versions }, fitNotes)
}

function describeFigures({ rows, skipped }, { threads: _, ...machine }, notes) {
  const head = ['what', 'dtype', 'runs', 'figure', 'wanted', 'met', 'in detail']
  const body = rows.map(({ what, dtype, runs, figure, unit, wanted, met, detail }) => [
    ...[what, dtype, runs > 0 ? `${runs}` : ''],
    figure.pairs > 1 ? `${interval(figure, 2)} ${unit}` : `${figure.median.toFixed(1)} ${unit}`,
    wanted === null ? '' : `${wanted.least === undefined ? '≤' : '≥'} ${wanted.least ?? wanted.most} ${unit}`,
    met === null ? '' : `${met ? 'yes' : 'NO'}${isWide(figure) ? ', but wide' : ''}`,
    detail,
  ])
  const left = skipped.map((what) => `Skipped: ${what}`)
  return [sentence(machine), '', table(head, body), '', notes, ...left].join('\n')
}

const fitNotes = `Fits of a·exp(−b·t) + c to 40 points, from the same start, each with data of its own. A figure is how many times as
long the other one takes for a fit as ours, if it does not say otherwise: the median of rounds in which all
take turns, with the interval of the order statistics that has the true median in at least 95 % of cases; wide
is one of more than a fifth. A target is met when the better end of the interval passes. Those that fit one
data set at a time have fewer of them. No χ² of another one may be less than ours by more than 1e-9 of it.`

const manyNotes = `A figure is how many times as long the other one takes for the same runs as ours, if it does not say
otherwise: the median of rounds in which all take turns, with the interval of the order statistics that has
the true median in at least 95 % of cases; wide is one of more than a fifth. A target is met when the
better end of the interval passes. C and antigrad's engines find the same bits. jax's runs end where ours do
but for rounding (it fuses multiplications and additions); a run of jax ends at any step below the
tolerance, and is not asked whether the gradient is as good as 0 there: some of them stop early.`

export function describeDenormals({ rows, parameters }, machine) {
  const head = [
    'rule',
    'dtype',
    'engine',
    '× if left subnormal',
    '× as it is',
    'ns a parameter: alive, left, as it is',
  ]
  const body = rows.map(({ rule, dtype, engine, subnormal, settled, perParameter }) => [
    ...[rule, dtype, engine, interval(subnormal, 2), interval(settled, 2)],
    perParameter.map((x) => x.toFixed(digitsOf(x))).join(', '),
  ])
  const note = `Runs of ${parameters} parameters whose gradients have died, against one that is alive.`
  return [sentence(machine), '', table(head, body), '', note].join('\n')
}

/** Whether an interval is wide, probably because of other load on the machine. */
const isWide = ({ median, low, high }) => high - low > 0.2 * median

/** A chart of nanoseconds per parameter by size, one panel per rule, as SVG. */
export function chart(rows, machine) {
  const dtype = rows.some((row) => row.dtype === 'float32') ? 'float32' : 'float64'
  const shown = rows.filter((row) => row.dtype === dtype && row.size !== '1000x1000')
  const panels = [...new Set(shown.map(({ rule }) => rule))].slice(0, 4)
  const engineNames = [...new Set(shown.map(({ engine }) => engine))]
  const colors = { native: '#d1495b', wasm: '#00798c', typescript: '#edae49', pass: '#888888' }
  const width = 440 * panels.length + 20
  const axis = (name, i) => ({ type: 'log', name, gridIndex: i, nameLocation: 'middle', nameGap: 30 })
  const instance = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height: 420 })
  instance.setOption({
    animation: false,
    color: engineNames.map((engine) => colors[engine]),
    title: [
      { text: `ns per parameter and update, ${dtype}`, left: 'center', top: 6, textStyle: { fontSize: 15 } },
      ...panels.map((rule, i) => ({ text: rule, left: 70 + 440 * i, top: 32, textStyle: { fontSize: 13 } })),
      {
        text: `${machine.processor}, ${machine.instructionSet}, ${machine.node}, ${machine.date}`,
        left: 'center',
        bottom: 4,
        textStyle: { fontSize: 11, fontWeight: 'normal' },
      },
    ],
    legend: { data: engineNames, bottom: 22 },
    grid: panels.map((_, i) => ({ left: 70 + 440 * i, width: 350, top: 60, bottom: 95 })),
    xAxis: panels.map((_, i) => axis('parameters', i)),
    yAxis: panels.map((_, i) => axis('', i)),
    series: panels.flatMap((rule, i) =>
      engineNames.map((engine) => ({
        name: engine,
        type: 'line',
        xAxisIndex: i,
        yAxisIndex: i,
        data: shown
          .filter((row) => row.rule === rule && row.engine === engine)
          .map(({ size, perParameter }) => [Number(size), Number(perParameter.median.toPrecision(4))]),
      })),
    ),
  })
  const svg = instance.renderToSVGString()
  instance.dispose()
  return `${svg}\n`
}
