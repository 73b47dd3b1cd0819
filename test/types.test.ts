/** The published declarations, compiled by the oldest supported TypeScript and by the newest TypeScript. */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { home } from './children.js'
import * as model from './types/model.js'
import * as program from './types/program.js'

const compilers = [
  ['the oldest', 'test/types/oldest/node_modules/typescript'],
  ['the newest', 'node_modules/typescript'],
] as const

describe.each(compilers)('the TypeScript version "%s"', (_, folder) => {
  // The option skipLibCheck hides errors in declarations, and adds no errors. Therefore, one run suffices.
  test("compiles a program with the package's declarations", () => {
    const tsc = join(home, folder, 'bin/tsc')
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [tsc, '--project', join(home, 'test/types'), '--skipLibCheck', 'false'],
      { encoding: 'utf8' },
    )
    expect(stdout + stderr).toBe('')
    expect(status).toBe(0)
  })
})

test('the TypeScript types accept interfaces and class instances as parameters, and ignore methods', () => {
  const { ofNetwork, ofModel, model } = program
  expect(ofNetwork.params.layers[0].bias).toEqual(Float32Array.of(0))
  expect(Object.keys(ofModel.params)).toEqual(['w', 'inner'])
  expect(ofModel.params.w).toEqual(Float32Array.of(0, 0))
  expect(model.forward(2)).toBe(5)
})

test('the TypeScript types of groups, added tensors and saved runs are correct', () => {
  expect(model.m).toBe(null)
  expect([model.wasUpdated, model.was, model.count]).toEqual([false, true, 1])
  expect(Object.keys(model.more.params)).toEqual(['embed', 'body', 'head'])
  expect(Object.keys(model.more.params.body)).toEqual(['weight', 'bias', 'gain'])
  expect(model.list.params).toEqual([Float64Array.of(1), Float64Array.of(2)])
  expect(model.why).toBe('accumulating')
  expect(model.loaded.params.embed).toEqual(Float32Array.of(1, 2, 3, 4, 7, 8))
  expect(model.left).toEqual([])
})
