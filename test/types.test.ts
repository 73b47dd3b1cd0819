/** The published declarations: with the oldest TypeScript that is supported, and with the newest. */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { home } from './children.js'
import * as program from './types/program.js'

const compilers = [
  ['the oldest', 'test/types/oldest/node_modules/typescript'],
  ['the newest', 'node_modules/typescript'],
] as const

describe.each(compilers)('%s TypeScript', (_, folder) => {
  test.each(['false', 'true'])('compiles a program that uses them, skipLibCheck %s', (skipLibCheck) => {
    const tsc = join(home, folder, 'bin/tsc')
    const project = join(home, 'test/types')
    const { stdout } = spawnSync(
      process.execPath,
      [tsc, '--project', project, '--skipLibCheck', skipLibCheck],
      { encoding: 'utf8' },
    )
    expect(stdout).toBe('')
  })
})

test('interfaces and classes are parameters: methods are left where they are', () => {
  const { ofNetwork, ofModel, model } = program
  expect(ofNetwork.params.layers[0].bias).toEqual(Float32Array.of(0))
  expect(Object.keys(ofModel.params)).toEqual(['w', 'inner'])
  expect(ofModel.params.w).toEqual(Float32Array.of(0, 0))
  expect(model.forward(2)).toBe(5)
})
