/**
 * The same bits in another JavaScript engine: Bun has JavaScriptCore, whose compilers for JavaScript
 * and for WebAssembly are not V8's. Bits are compared as hashes, one a case.
 */

import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { digests, reference, variants } from './support.js'

interface Report {
  readonly bun: string | null
  readonly engines: unknown
  readonly digests: Readonly<Record<string, Readonly<Record<string, string>>>>
}

describe('Bun', () => {
  let report: Report
  const expected = digests(reference)

  beforeAll(() => {
    const script = fileURLToPath(new URL('digests.ts', import.meta.url))
    report = JSON.parse(execFileSync(bun(), [script], { encoding: 'utf8' }))
  })

  test('is what ran, with every engine that Node has', () => {
    expect(report.bun).toMatch(/^\d+\./)
    expect(Object.keys(report.digests), JSON.stringify(report.engines)).toEqual(
      variants.map(({ name }) => name),
    )
  })

  test.each(variants)('$name computes the bits that TypeScript does in Node', ({ name }) => {
    expect(report.digests[name]).toEqual(expected)
  })
})

/** Bun's program. Its package has a small placeholder where its set-up script has not run. */
function bun(): string {
  const modules = fileURLToPath(new URL('../node_modules/', import.meta.url))
  const platforms = existsSync(`${modules}@oven`) ? readdirSync(`${modules}@oven`) : []
  const programs = platforms.flatMap((name) => ['bun', 'bun.exe'].map((file) => `@oven/${name}/bin/${file}`))
  for (const program of ['bun/bin/bun.exe', ...programs]) {
    const path = modules + program
    if (existsSync(path) && statSync(path).size > 1e6) return path
  }
  throw new Error(`the npm package bun has no program in ${modules}`)
}
