/** Runs `antigrad fit` within the process of the test, which is faster than a process per run. */

import { Command, CommanderError } from 'commander'
import { expect, vi } from 'vitest'
import { configureFit } from '../dist/command-line/commands/fit.js'

interface CommandRun {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Captures the exit status and the output of one run. Runs must not overlap. */
export async function runFit(...args: readonly string[]): Promise<CommandRun> {
  const written = { stdout: '', stderr: '' }
  const capture = (stream: 'stdout' | 'stderr') =>
    vi.spyOn(process[stream], 'write').mockImplementation((text, ...rest: unknown[]) => {
      written[stream] += Buffer.from(text as string).toString()
      const done = rest.at(-1)
      if (typeof done === 'function') done()
      return true
    })
  const spies = [capture('stdout'), capture('stderr')]
  const before = process.exitCode
  process.exitCode = undefined
  const command = new Command('fit').exitOverride().configureOutput({
    outputError: (text) => {
      written.stderr += text
    },
  })
  configureFit(command)
  try {
    await command.parseAsync(args, { from: 'user' })
    return { status: Number(process.exitCode ?? 0), ...written }
  } catch (thrown) {
    const { message } = thrown as Error
    if (!(thrown instanceof CommanderError)) written.stderr += `antigrad: ${message}\n`
    return { status: 2, ...written }
  } finally {
    process.exitCode = before
    for (const spy of spies) spy.mockRestore()
  }
}

/** Runs `antigrad fit --json` without errors, and returns the parsed lines. */
export async function fitJson(...args: string[]) {
  const { status, stdout, stderr } = await runFit(...args, '--json')
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}
