// Shared functions of the scripts: messages, and running other programs. All messages go to stderr, because
// `npm start -- --json` uses stdout.
import { spawn, spawnSync } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** A failure that its message explains, so that no stack trace is needed. */
export class Failure extends Error {}

export const say = (text) => process.stderr.write(`${text}\n`)

export const seconds = (start) => `${Math.round((Date.now() - start) / 1000)} s`

/** The first program with that name in PATH; undefined if PATH has no such program. */
export const which = (name, path = process.env.PATH ?? '') =>
  path
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, name))
    .find(isProgram)

function isProgram(file) {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

// The folder of rustup's programs is in a shell's PATH only after a new login.
const cargoBin = join(process.env.CARGO_HOME || join(homedir(), '.cargo'), 'bin')
if (!process.env.PATH?.split(delimiter).includes(cargoBin) && which('cargo', cargoBin)) {
  process.env.PATH = `${cargoBin}${delimiter}${process.env.PATH ?? ''}`
}

/** The output of a program on stdout; undefined if the program fails or does not exist. */
export function output(command, args) {
  const child = spawnSync(command, args, { cwd: root, encoding: 'utf8' })
  return child.status === 0 ? child.stdout.trim() : undefined
}

/**
 * Runs a program in `cwd` without showing its output, except for its latest line every 20 seconds. If it fails, its
 * last lines are printed and the error message ends with `advice`. With `isQuiet`, these lines become the `output` of
 * the failure instead.
 */
export async function run(
  command,
  args,
  { env = {}, label = command, advice = '', cwd = root, isQuiet = false } = {},
) {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let lines = ['']
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      const [first, ...rest] = text.split('\n')
      lines = [...lines.slice(0, -1), lines.at(-1) + first, ...rest].slice(-40)
    })
  }
  const start = Date.now()
  const alive = setInterval(() => {
    const latest = lines.findLast((line) => line.trim()) ?? ''
    say(`  ${label}, ${seconds(start)}: ${latest.trim().slice(0, 70)}`)
  }, 20_000)
  const status = await ended(child, command).finally(() => clearInterval(alive))
  if (status === 0) return
  const printed = lines.join('\n').trimEnd()
  if (!isQuiet) say(printed)
  const why = typeof status === 'number' ? `exit code ${status}` : status
  const sentence = `\`${[command, ...args].join(' ')}\` failed (${why}). ${advice}`.trimEnd()
  throw Object.assign(new Failure(sentence), { output: printed })
}

/** Runs a program and shows its output on stderr. Returns its exit code and its stdout. */
export const runAloud = (command, ...args) => runWatched(command, args)

/** Runs a program as `runAloud` does. With `holds`, its output is shown when it ends; `signal` aborts it. */
export async function runWatched(command, args, { holds = false, signal } = {}) {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', holds ? 'pipe' : 'inherit'] })
  signal?.addEventListener('abort', () => child.kill())
  let [stdout, held] = ['', '']
  const print = (text) => {
    if (holds) held += text
    else process.stderr.write(text)
  }
  child.stderr?.setEncoding('utf8').on('data', print)
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
    print(text)
  })
  const status = await ended(child, command)
  process.stderr.write(held)
  return { status, stdout }
}

/** Waits for a child process to end. Returns its exit code, or the name of the signal that ended it. */
export const ended = (child, command) =>
  new Promise((resolve, reject) => {
    child.on('error', ({ code }) => reject(new Failure(`\`${command}\` cannot be run (${code}).`)))
    child.on('close', (code, signal) => resolve(code ?? signal))
  })

/** Runs a script. A failure prints its message and sets the exit code 1. */
export async function script(main) {
  try {
    process.exitCode = await main()
  } catch (error) {
    // Node's errors about files (no space, no permission) also explain themselves.
    if (!(error instanceof Failure || error.syscall)) throw error
    say(error.message)
    process.exitCode = 1
  }
}
