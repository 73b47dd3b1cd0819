/** Node processes that end during their work. */

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { home } from './children.js'

/** The URL of a file of the built package, for a script. */
export const built = (file: string) => JSON.stringify(pathToFileURL(`${home}dist/${file}`).href)

/** The URL of the file that Node loads for an entry of the package, for a script. */
export const entry = (name = '') => built(join('node', name, 'load.mjs'))

/** A script that runs the body of an async function, with the helpers that tests need. */
function script(body: string): string {
  return `
    const { Worker, parentPort } = require('node:worker_threads')
    const pause = (time) => new Promise((resolve) => setTimeout(resolve, time))
    const loaded = Promise.all([import(${entry()}), import(${entry('fits')})]).then(
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

/** An expression that creates a worker, which runs the body of an async function. */
export const worker = (body: string) => `new Worker(${JSON.stringify(script(body))}, { eval: true })`

/** Runs a body in a Node process, and returns the exit status and the output. */
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

/** The result of a process that has ended normally and printed its confirmation. */
export const well = (stdout = 'well\n') => ({ code: 0, signal: null, stdout, stderr: '' })
