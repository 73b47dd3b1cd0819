/** Node processes that end in the middle of an operation. */

import { spawn } from 'node:child_process'
import { pathToFileURL } from 'node:url'
import { home } from './children.js'

/** The URL of a file of the built package, quoted for a script. */
export const built = (file: string) => JSON.stringify(pathToFileURL(`${home}dist/${file}`).href)

/** Turns the body of an async function into a script with the helpers that scripts need. */
function script(body: string): string {
  return `
    const { Worker, parentPort } = require('node:worker_threads')
    const pause = (time) => new Promise((resolve) => setTimeout(resolve, time))
    const loaded = Promise.all([import(${built('index.js')}), import(${built('fits/index.js')})]).then(
      ([core, fits]) => ({ ...core, ...fits }),
    )
    // A step takes some milliseconds, in a norm and an update.
    const make = async (threads = 3) => {
      const { Optimizer, adam } = await loaded
      const params = new Float32Array(1_000_000).fill(1)
      return new Optimizer(params, adam(), { engine: 'native', threads, clip: { norm: 1 } })
    }
    const { readdirSync, readFileSync } = require('node:fs')
    const isOurs = (task) => {
      try {
        return readFileSync('/proc/self/task/' + task + '/comm', 'utf8') === 'antigrad\\n'
      } catch (thrown) {
        if (thrown.code === 'ENOENT' || thrown.code === 'ESRCH') return false
        throw thrown
      }
    }
    /** None of the addon's threads is left: the system has one that was waited for in its list for a moment more. */
    const noThread = async () => {
      if (process.platform !== 'linux') return
      for (let t = 0; readdirSync('/proc/self/task').some(isOurs); t++) {
        if (t === 1000) throw new Error('a thread is left')
        await pause(1)
      }
    }
    ;(async () => { ${body} })()`
}

/** A JavaScript expression that starts a worker with the body of an async function. */
export const worker = (body: string) => `new Worker(${JSON.stringify(script(body))}, { eval: true })`

/** Runs a script in a separate Node process and returns its exit code, signal and output. */
export function run(body: string, flags: string[] = []) {
  const child = spawn(process.execPath, [...flags, '-e', script(body)], {
    timeout: 100_000,
    killSignal: 'SIGKILL',
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (data) => {
    stdout += data
  })
  child.stderr.on('data', (data) => {
    stderr += data
  })
  return new Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }>(
    (resolve) => child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr })),
  )
}

/** The expected result of a process that prints this output and exits normally. */
export const well = (stdout = 'well\n') => ({ code: 0, signal: null, stdout, stderr: '' })
