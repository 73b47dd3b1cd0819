/**
 * Two WebAssembly modules: an optimizer starts with the core module, and a rule of the catalogue registers the second
 * module.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import * as manifest from '../dist/arena/manifest.js'
import { Optimizer } from '../dist/optimizer.js'
import { adamw } from '../dist/rules/adamw.js'
import { wasmModule as catalogue } from '../dist/webassembly/catalogue.js'
import { wasmModule as core } from '../dist/webassembly/core.js'
import { wasmModule as equations } from '../dist/webassembly/equations.js'
import { wasmModule as many } from '../dist/webassembly/many.js'
import { decodeModule, registeredModule, registerModule } from '../dist/webassembly/module.js'
import { home } from './children.js'

const LENGTH = 101

// A local generator, because the shared generator imports all rules, including the catalogue.
const noise = (length: number, seed: number) =>
  Float32Array.from({ length }, (_, i) => Math.sin(seed * 1e3 + i))
/** The build output of a module. */
const built = (name: string) => {
  const folder = join(home, 'wasm/pkg', name)
  return readFileSync(join(folder, readdirSync(folder).find((file) => file.endsWith('_bg.wasm')) as string))
}
const sizes = {
  core: built('core').length,
  unpack: built('unpack').length,
  catalogue: built('catalogue').length,
}
const bits = (array: Float32Array) => [...new Uint32Array(array.slice().buffer)]

function twins(rule: never) {
  const make = (engine: 'wasm' | 'typescript') =>
    new Optimizer({ a: noise(LENGTH, 1), b: noise(3, 2) }, rule, { engine })
  const both = [make('wasm'), make('typescript')] as const
  return {
    step(seed: number) {
      for (const optimizer of both) {
        optimizer.step({ a: noise(LENGTH, seed), b: noise(3, seed + 1) })
      }
      const [one, other] = both.map(({ params, state }) => [
        params.a,
        params.b,
        ...Object.values(state.a).filter(ArrayBuffer.isView),
      ])
      expect(one.map((array) => bits(array as Float32Array))).toEqual(
        other.map((array) => bits(array as Float32Array)),
      )
    },
  }
}

test('a rule that is imported later registers its WebAssembly module, and existing optimizers continue', async () => {
  const compiled: number[] = []
  let instances = 0
  WebAssembly.Module = new Proxy(WebAssembly.Module, {
    construct: (target, [bytes]) => {
      compiled.push(bytes.byteLength)
      return new target(bytes)
    },
  })
  WebAssembly.Instance = new Proxy(WebAssembly.Instance, {
    construct: (target, [module, imports]) => {
      instances++
      return new target(module, imports)
    },
  })
  expect(registeredModule).toBeUndefined()
  const [early, other] = [twins(adamw({ lr: 0.1 }) as never), twins(adamw({ lr: 0.2 }) as never)]
  early.step(1)
  expect(compiled).toEqual([sizes.core])

  const { lamb } = await import('../dist/rules/lamb.js')
  expect(registeredModule).toBe(catalogue)
  // The optimizer is in the same slab, whose memory now belongs to the other module.
  const late = twins(lamb({ lr: 0.1 }) as never)
  for (let seed = 2; seed < 6; seed++) {
    for (const pair of [late, early, other]) pair.step(seed)
  }
  expect(compiled).toEqual([sizes.core, sizes.unpack, sizes.catalogue])
  expect(instances).toBe(3)
})

test('a WebAssembly module that does not compile is reported, and the engine stays unchanged', () => {
  const optimizer = new Optimizer({ x: noise(2, 1) }, adamw({ lr: 0.1 }), { engine: 'wasm' })
  const before = bits(optimizer.params.x)
  const { text } = catalogue
  const half = text.slice(0, text.length / 8)
  for (const wrong of [
    { text: '++' },
    { ...catalogue, text: '+' }, // Not base64.
    { ...catalogue, text: '' },
    { ...catalogue, text: text.slice(0, 16) }, // Only the size,
    { ...catalogue, text: half }, // or only the first eighth.
    { ...catalogue, text: `${half}${'/'.repeat(400)}${text.slice(half.length)}` }, // Other bytes than the packed ones.
    { ...catalogue, text: `${text.slice(0, 4)}${'/'.repeat(12)}${text.slice(16)}` }, // Larger than any memory.
  ]) {
    registerModule(wrong)
    expect(() => optimizer.step({ x: noise(2, 2) })).toThrow(/the module does not compile/)
    expect(bits(optimizer.params.x)).toEqual(before)
  }
  registerModule(catalogue)
  optimizer.step({ x: noise(2, 2) })
  expect(bits(optimizer.params.x)).not.toEqual(before)
})

test('the packed WebAssembly modules equal the build output, and are a sixth smaller than gzip files', () => {
  for (const [name, module] of Object.entries({ core, catalogue, equations, many })) {
    const bytes = built(name)
    expect(Buffer.from(decodeModule(module)).equals(bytes), name).toBe(true)
    const least = gzipSync(bytes, { level: 9 }).length
    expect(gzipSync(module.text).length, name).toBeLessThan((name === 'core' ? 1.05 : 0.83) * least)
  }
})

test('the complete WebAssembly module stays registered if other modules are registered later', async () => {
  registerModule(equations)
  for (const other of [catalogue, core]) {
    registerModule(other)
    expect(registeredModule).toBe(equations)
  }
  const { lamb } = await import('../dist/rules/lamb.js')
  const pair = twins(lamb({ lr: 0.1 }) as never)
  for (let seed = 1; seed < 4; seed++) pair.step(seed)
})

test("the catalogue module contains the core module's kernels under the same numbers, followed by other kernels", () => {
  const kernels = Object.values(manifest).flatMap((entry) =>
    typeof entry === 'object' && 'number' in entry ? [entry] : [],
  )
  kernels.sort((a, b) => a.number - b.number)
  const isCore = kernels.map((kernel) => !('module' in kernel))
  expect(isCore).toEqual(isCore.toSorted((a, b) => Number(b) - Number(a)))
  expect(new Set(isCore).size).toBe(2)
})

test('a bundle with the condition workerd contains no WebAssembly module as text', async () => {
  const { metafile } = await build({
    stdin: {
      contents: "import * as antigrad from './index.js'; console.log(antigrad)",
      resolveDir: join(home, 'dist'),
    },
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    conditions: ['workerd'],
    external: ['*.wasm?module'],
  })
  const [output] = Object.values(metafile.outputs)
  const texts = Object.entries(output.inputs).filter(
    ([file, { bytesInOutput }]) => file.includes('/webassembly/') && bytesInOutput > 2000,
  )
  expect(texts.map(([file]) => file)).toEqual([])
})
