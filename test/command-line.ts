/**
 * The built command line without a process per run: a worker thread evaluates `cli.js` again for each run, after the
 * modules that it imports have been loaded once. A process takes half a second, which only tests of processes need.
 */

import { join } from 'node:path'
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { home } from './children.js'

export interface CommandResult {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

const cli = join(home, 'dist/command-line/cli.js')
const { ANTIGRAD_ENGINE: _, NODE_OPTIONS: __, ...env } = process.env

/** Runs in the worker thread, whose output the caller must receive before the thread's event loop is idle. */
const body = `
  const { port, done, cli } = require('node:worker_threads').workerData
  let count = 0
  port.on('message', async (args) => {
    const written = { stdout: [], stderr: [] }
    const before = {}
    for (const name of ['stdout', 'stderr']) {
      before[name] = process[name].write
      process[name].write = (chunk, ...rest) => {
        written[name].push(Buffer.from(chunk))
        const told = rest.at(-1)
        if (typeof told === 'function') queueMicrotask(() => told())
        return true
      }
    }
    process.argv = [process.execPath, cli, ...args]
    process.exitCode = undefined
    let status
    try {
      await import(require('node:url').pathToFileURL(cli) + '?' + ++count)
      status = Number(process.exitCode ?? 0)
    } catch (thrown) {
      process.stderr.write(String(thrown?.stack ?? thrown))
      status = 1
    }
    process.exitCode = undefined
    // A process would end here, with its listeners.
    process.removeAllListeners('SIGINT')
    process.stdout.removeAllListeners('error')
    Object.assign(process.stdout, { write: before.stdout })
    Object.assign(process.stderr, { write: before.stderr })
    const texts = Object.entries(written).map(([name, chunks]) => [name, Buffer.concat(chunks).toString()])
    port.postMessage({ status, ...Object.fromEntries(texts) })
    Atomics.store(done, 0, 1)
    Atomics.notify(done, 0)
  })`

let started: { readonly port: MessageChannel['port1']; readonly done: Int32Array } | undefined

function start() {
  const { port1: port, port2 } = new MessageChannel()
  const done = new Int32Array(new SharedArrayBuffer(4))
  const options = { workerData: { port: port2, done, cli }, transferList: [port2], env }
  new Worker(body, { eval: true, ...options }).unref()
  port.unref()
  return { port, done }
}

/** Runs `antigrad` with arguments in a folder. The thread of the caller waits, as for `spawnSync`. */
export function antigrad(args: readonly string[], folder: string): CommandResult {
  started ??= start()
  const { port, done } = started
  const before = process.cwd()
  // The worker thread has the working directory of the process.
  process.chdir(folder)
  try {
    Atomics.store(done, 0, 0)
    port.postMessage(args)
    Atomics.wait(done, 0, 0)
    return receiveMessageOnPort(port)?.message
  } finally {
    process.chdir(before)
  }
}
