/**
 * Exits during a step. For any order of events, the process continues or exits as requested, and no signal ends the
 * process. Each case runs several times in a separate process.
 */

import { createRequire } from 'node:module'
import { engines } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { built, run, well, worker } from './nodes.js'

/** Makes steps until the worker is stopped, and reports the first step. */
const stepping = {
  stepAsync: `
    const all = await Promise.all([make(), make(1), make(2)])
    const forever = async (optimizer) => { for (;;) await optimizer.stepAsync() }
    all.map(forever)
    parentPort?.postMessage('begun')`,
  step: `
    const optimizer = await make()
    parentPort?.postMessage('begun')
    for (;;) optimizer.step()`,
}

describe('a call of worker.terminate()', () => {
  test.each(Object.entries(stepping))(
    'causes no crash during %s if no other thread uses the addon',
    async (_, body) => {
      const end = await run(`
      for (let round = 0; round < 10; round++) {
        const worker = ${worker(body)}
        await new Promise((resolve) => worker.once('message', resolve))
        await pause(round % 4)
        await worker.terminate()
        await noThread()
      }
      console.log('well')`)
      expect(end).toEqual(well())
    },
  )

  test.each(Object.entries(stepping))(
    'causes no crash during %s while the main thread steps',
    async (_, body) => {
      const end = await run(`
      const [optimizer, expected] = [await make(), await make(1)]
      for (let round = 0; round < 6; round++) {
        const worker = ${worker(body)}
        let isThere = false
        worker.once('message', () => { isThere = true })
        while (!isThere) {
          await optimizer.stepAsync()
          await pause(0)
        }
        const ended = worker.terminate()
        for (let t = 0; t < 3; t++) optimizer.step()
        await Promise.all([ended, optimizer.stepAsync()])
      }
      const bytes = ({ params }) => Buffer.from(params.buffer, params.byteOffset, params.byteLength)
      while (expected.updates < optimizer.updates) expected.step()
      if (Buffer.compare(bytes(optimizer), bytes(expected)) !== 0) throw new Error('other bits')
      console.log('well')`)
      expect(end).toEqual(well())
    },
  )
})

describe('the end of a worker', () => {
  test.each([
    ['at its natural end', '', [], 0],
    ['during a step', 'optimizer.stepAsync()', [], 0],
    ['through process.exit() in a step', 'optimizer.stepAsync(); process.exit(5)', [], 5],
    ['through an exception in a step', 'optimizer.stepAsync(); throw new Error("mine")', ['mine'], 1],
  ])('causes no crash: %s', async (_, ending, errors, code) => {
    const end = await run(`
      for (let round = 0; round < 8; round++) {
        const worker = ${worker(`const optimizer = await make(); optimizer.step(); ${ending}`)}
        const errors = []
        worker.on('error', ({ message }) => errors.push(message))
        const code = await new Promise((resolve) => worker.once('exit', resolve))
        if (code !== ${code} || errors.join() !== '${errors}') throw new Error(code + ': ' + errors)
        await noThread()
      }
      console.log('well')`)
    expect(end).toEqual(well())
  })
})

describe('the process ends without a crash during', () => {
  const scenes = {
    'a stepAsync': 'const optimizer = await make(); const step = optimizer.stepAsync()',
    'its second stepAsync': `
      const optimizer = await make()
      await optimizer.stepAsync()
      const step = optimizer.stepAsync()`,
    'many at once': `
      const all = await Promise.all(Array.from({ length: 9 }, (_, i) => make(1 + i % 3)))
      for (const optimizer of all) optimizer.stepAsync()`,
    ...Object.fromEntries(
      Object.entries(stepping).map(([name, body]) => [
        `a worker's ${name}`,
        `const worker = ${worker(body)}
        await new Promise((resolve) => worker.once('message', resolve))`,
      ]),
    ),
    'its own and its workers’': `
      const workers = [${worker(stepping.step)}, ${worker(stepping.stepAsync)}]
      await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))))
      const optimizer = await make()
      optimizer.stepAsync()`,
  }

  describe.each(Object.entries(scenes))('%s', (_, scene) => {
    test('if the program calls process.exit()', async () => {
      const ends = [0, 1, 2].map((time) =>
        run(`${scene}\n ${time > 0 ? `await pause(${time})` : ''}\n console.log('well'); process.exit(7)`),
      )
      for (const end of ends) expect(await end).toEqual({ ...well(), code: 7 })
    })

    test('if the program throws an uncaught exception', async () => {
      const ends = [0, 1].map((time) =>
        run(`${scene}\n setTimeout(() => { console.log('well'); throw new Error('mine') }, ${time})`),
      )
      for (const end of ends) {
        const { stderr, ...rest } = await end
        expect(rest).toEqual({ code: 1, signal: null, stdout: 'well\n' })
        expect(stderr).toContain('Error: mine')
      }
    })
  })

  test('stepAsync, and a normal exit waits until the step is complete', async () => {
    const end = await run("(await make()).stepAsync().then(() => console.log('well'))")
    expect(end).toEqual(well())
  })
})

describe('garbage collection during stepAsync', () => {
  test('does not free the memory of an optimizer and its gradients', async () => {
    const end = await run(
      `const refs = []
      const drop = async (round) => {
        const optimizer = await make()
        const gradient = new Float32Array(1_000_000)
        const step = optimizer.stepAsync(gradient)
        structuredClone(null, { transfer: [gradient.buffer] })
        refs.push(new WeakRef(optimizer), new WeakRef(optimizer.params.buffer))
        return round % 2 === 0 ? step : undefined
      }
      for (let round = 0; round < 20; round++) {
        const step = drop(round)
        gc()
        await pause(round % 3)
        gc()
        await step
      }
      for (let t = 0; t < 1000 && refs.some((ref) => ref.deref() !== undefined); t++) {
        await pause(10)
        gc()
      }
      console.log(refs.filter((ref) => ref.deref() !== undefined).length)`,
      ['--expose-gc'],
    )
    expect(end).toEqual(well('0\n'))
  })

  test('does not free memory that is now used only by the addon', async () => {
    expect(engines().native.available).toBe(true)
    const require = createRequire(import.meta.url)
    const addon = Object.keys(require.cache).find((file) => file.endsWith('.node'))
    const end = await run(
      `const { Arena } = await import(${built('arena/arena.js')})
      const { AdamKernel, NORM } = await import(${built('arena/manifest.js')})
      const addon = require(${JSON.stringify(addon)})
      let done = 0
      const drop = () => {
        const family = { tensors: 1, state: ['m', 'v'], byTensor: [], coefficients: 7 }
        const arena = new Arena('float32', [3_000_000], [family])
        arena.setSegment(0, 0, 0, arena.firstArrays[0], 0, 0, [AdamKernel.number, 0, 0, 0])
        arena.segmentCount = 1
        const { memory, byteOffset, byteLength } = arena.region
        const { handle } = addon.attach(memory, byteOffset, byteLength, arena.words, 2)
        addon.runAsync(handle, 0).then((isDone) => isDone && done++)
        addon.runAsync(handle, NORM).then((isDone) => isDone && done++)
      }
      for (let round = 0; round < 30; round++) {
        drop()
        for (let t = 0; t < 4; t++) {
          gc()
          await new Promise(setImmediate)
        }
      }
      while (done < 60) await pause(1)
      console.log('well')`,
      ['--expose-gc'],
    )
    expect(end).toEqual(well())
  })
})
