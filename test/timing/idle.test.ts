/** Idle threads of the native engine sleep. */

import { describe, expect, test } from 'vitest'
import { inChild } from '../children.js'

describe('an idle native optimizer', () => {
  const made = (length: number) => `
    const made = (threads) =>
      new antigrad.Optimizer(new Float32Array(${length}), antigrad.sgd(), { engine: 'native', threads })`

  test('uses no CPU time in any thread of the process', () => {
    const body = `${made(200_000)}
      const pause = (time) => new Promise((resolve) => setTimeout(resolve, time))
      const optimizer = made(4)
      for (let t = 0; t < 100; t++) optimizer.step()
      await pause(100)
      const before = process.cpuUsage()
      await pause(500)
      const { user, system } = process.cpuUsage(before)
      return (user + system) / 1000`
    // The measurement takes 500 milliseconds. A spinning thread would use the full time.
    expect(inChild(body)).toBeLessThan(50)
  })

  describe.runIf(process.platform === 'linux')('with CPU time measured per thread', () => {
    const times = `
      const { readdirSync, readFileSync } = await import('node:fs')
      const sleep = (time) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, time)
      const read = (task, file) => readFileSync('/proc/self/task/' + task + '/' + file, 'utf8')
      const helpers = () => readdirSync('/proc/self/task').filter((task) => read(task, 'comm') === 'antigrad\\n')
      const times = () => helpers().map((task) => Number(read(task, 'schedstat').split(' ')[0]) / 1000)`

    test('spins for 50 µs after a step, and then sleeps', () => {
      const body = `${made(200_000)} ${times}
        const optimizer = made(4)
        optimizer.step()
        while (helpers().length < 3) sleep(1) // A new thread has its name a little later.
        sleep(20)
        const before = times()
        for (let round = 0; round < 40; round++) {
          optimizer.step()
          sleep(5)
        }
        return times().map((time, i) => (time - before[i]) / 40)`
      const each = inChild(body) as number[]
      expect(each).toHaveLength(3)
      // Work and spinning take some tens of microseconds. A thread that never sleeps would use 5,000 µs.
      for (const time of each) expect(time).toBeLessThan(500)
      expect(Math.max(...each)).toBeGreaterThan(25)
    })

    test('does not wake a thread that later steps do not need', () => {
      // The step has four pieces or two pieces, and takes less time than threads spin.
      const body = `${made(33_000)} ${times}
        const two = made(2)
        const four = new antigrad.Optimizer(new Float32Array(4 * 2 ** 15), antigrad.sgd(), { engine: 'native', threads: 4 })
        four.step()
        while (helpers().length < 3) sleep(1)
        sleep(20)
        const before = times()
        for (let round = 0; round < 20; round++) {
          four.step()
          for (let t = 0; t < 300; t++) two.step()
        }
        sleep(20)
        return times().map((time, i) => (time - before[i]) / 20)`
      const each = inChild(body) as number[]
      expect(each).toHaveLength(3)
      expect(each.filter((time) => time > 300).length).toBeLessThanOrEqual(1)
    })
  })
})
