/** A release requires the record of a complete test run. The run must use AVX-512 and exactly the released sources. */

import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { home } from './children.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'antigrad-record-'))
  for (const name of ['recorded-run.mjs', 'lib']) {
    cpSync(join(home, 'scripts', name), join(folder, 'scripts', name), { recursive: true })
  }
  mkdirSync(join(folder, 'docs'))
  git('init', '--quiet')
  commit()
})
afterEach(() => rmSync(folder, { recursive: true }))

function run(command: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' })
  return { status, stdout, stderr }
}

function git(...args: string[]): string {
  const { status, stdout, stderr } = run('git', '-c', 'user.name=A', '-c', 'user.email=a@b.invalid', ...args)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return stdout.trim()
}

function commit(): string {
  git('add', '.')
  git('commit', '--quiet', '--message', 'Work')
  return git('rev-parse', 'HEAD')
}

function write(record: object): void {
  writeFileSync(join(folder, 'docs/recorded-run.json'), JSON.stringify(record))
}

const check = () => run(process.execPath, 'scripts/recorded-run.mjs', '--check')
const instructionSets = ['scalar', 'sse2', 'avx2', 'avx512']

test('a record of a test run may name the parent commit if the current commit adds the record', () => {
  write({ commit: git('rev-parse', 'HEAD'), instructionSets })
  commit()
  expect(check()).toEqual({ status: 0, stdout: '', stderr: '' })
})

test('a missing record of a test run is refused', () => {
  expect(check()).toMatchObject({ status: 1, stderr: expect.stringMatching(/npm run record/) })
})

test('a record of a test run is refused if the run used another processor', () => {
  write({ commit: git('rev-parse', 'HEAD'), instructionSets: instructionSets.slice(0, 3) })
  commit()
  expect(check()).toMatchObject({ status: 1, stderr: expect.stringMatching(/without avx512/) })
})

test('a record of a test run is refused if the sources have changed since the run', () => {
  write({ commit: git('rev-parse', 'HEAD'), instructionSets })
  writeFileSync(join(folder, 'kernel.rs'), '')
  commit()
  expect(check()).toMatchObject({ status: 1, stderr: expect.stringMatching(/changed since:\nkernel\.rs/) })
})

test('a record of a test run is refused if the run belongs to an unrelated commit history', () => {
  write({ commit: '0'.repeat(40), instructionSets })
  commit()
  expect(check()).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/not a commit of this repository/),
  })
})

test('a test run cannot be recorded if the sources contain uncommitted changes', () => {
  writeFileSync(join(folder, 'kernel.rs'), '')
  const { status, stderr } = run(process.execPath, 'scripts/recorded-run.mjs')
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(/commit them first/) })
})
