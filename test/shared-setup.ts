/**
 * Expensive fixtures that several files share (the package, an installation, a page). Each fixture is built once per
 * run.
 */

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { inject } from 'vitest'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    made: string
  }
}

/** Vitest's `globalSetup`: a folder for the run, which all workers know. */
export default function setup(project: TestProject): () => void {
  const made = mkdtempSync(join(tmpdir(), 'antigrad-made-'))
  project.provide('made', made)
  return () => rmSync(made, { recursive: true, force: true })
}

/** The folder of the given name, for reading only. The first caller fills the folder, and other callers wait. */
export async function once(name: string, fill: (folder: string) => unknown): Promise<string> {
  const folder = join(inject('made'), name)
  const [done, failed] = [`${folder}.done`, `${folder}.failed`]
  if (isFirst(folder)) {
    try {
      await fill(folder)
      writeFileSync(done, '')
    } catch (thrown) {
      writeFileSync(failed, '')
      throw thrown
    }
  }
  while (!existsSync(done)) {
    if (existsSync(failed)) throw new Error(`${name} could not be made: another file has the reason`)
    await pause(20)
  }
  return folder
}

/** Only one process succeeds in creating a folder. */
function isFirst(folder: string): boolean {
  try {
    mkdirSync(folder)
    return true
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown
    return false
  }
}
