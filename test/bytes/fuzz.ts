/** Fuzzing of byte readers. Each reader reads random inputs in a separate process. */

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Answer } from './child.js'
import type { Target } from './corpus.js'

export interface Amount {
  readonly seed: number
  readonly runs: number
  readonly seconds: number
}

/** The result of a reader. If the process dies or hangs, the last input has failed. */
export async function fuzzBytes(
  file: string,
  target: Target,
  { seed, runs, seconds }: Amount,
): Promise<Answer> {
  const folder = mkdtempSync(join(tmpdir(), 'antigrad-bytes-'))
  const last = join(folder, 'last')
  const args = ['--max-old-space-size=300', file, target, String(seed), String(runs), String(seconds), last]
  const child = spawn(process.execPath, args, {
    ...{
      timeout: Math.ceil(seconds * 1000) + 300_000,
      killSignal: 'SIGKILL',
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (data) => {
    stdout += data
  })
  child.stderr.on('data', (data) => {
    stderr += data
  })
  const end = await new Promise((resolve) => child.on('close', (code, signal) => resolve(signal ?? code)))
  try {
    if (end === 0) return JSON.parse(stdout)
    const message = `the process ended with ${end}: ${stderr.slice(-2000)}`
    return {
      inputs: 0,
      bytes: 0,
      taken: 0,
      found: { message, input: JSON.parse(readFileSync(last, 'utf8')) },
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
