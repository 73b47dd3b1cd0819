/** The setup script compiles cargo programs. The test replaces cargo with a script. */

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { home } from './children.js'

const folder = mkdtempSync(join(tmpdir(), 'antigrad-setup-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Installs a tool with a fake cargo. The attempts, with and without locked versions, end with the given statuses. */
function install(locked: number, unlocked: number) {
  const path = mkdtempSync(join(folder, 'cargo-'))
  mkdirSync(join(path, 'bin'))
  const cargo = `#!/bin/sh
case "$*" in
  *--locked*) echo 'error: no such locked version' >&2; exit ${locked} ;;
  *) echo 'error: no such version at all' >&2; exit ${unlocked} ;;
esac
`
  writeFileSync(join(path, 'bin/cargo'), cargo, { mode: 0o755 })
  const script = `
    const { cargoTool } = await import('${pathToFileURL(join(home, 'scripts/setup.mjs'))}')
    await cargoTool({ version: '1.2.3', program: 'tool', crate: 'tool-cli', minutes: 1 }).make()`
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
    env: { ...process.env, CARGO_HOME: path, PATH: `${join(path, 'bin')}:${process.env.PATH}` },
  })
  return { status, stderr }
}

test('the set-up script hides the output of a failed locked installation if the next attempt succeeds', () => {
  const { status, stderr } = install(101, 0)
  expect(status).toBe(0)
  expect(stderr).not.toMatch(/error|fail/i)
  expect(stderr).toContain('tool: a locked version of a dependency is not available')
})

test('the set-up script prints the output of both attempts if both fail', () => {
  const { status, stderr } = install(101, 101)
  expect(status).toBe(1)
  expect(stderr).toMatch(/no such version at all.*no such locked version/s)
})

test('the set-up script makes no second attempt if the first attempt succeeds', () => {
  expect(install(0, 101)).toEqual({ status: 0, stderr: '' })
})
