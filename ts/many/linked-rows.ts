/**
 * Orders the instructions of rows that depend on earlier rows, so that an engine computes most instructions for many
 * rows at once. Each operation keeps its operands, so no bit changes.
 *
 * In the new body, each slot is written once. Instructions that depend on each other through earlier rows are next to
 * each other. They begin with copies of the values before the row, and write the carried values to their slots. The
 * engine recognizes such groups: see `crates/kernels/src/many/program/linked_rows.rs`.
 */

import { OPERATIONS } from '../arena/manifest.js'
import { operations } from '../expressions/operations.js'
import type { Program } from '../expressions/program.js'
import { type Instruction, instruction } from '../expressions/steps.js'

/** Maximum count of instructions per row. A slot takes a block of memory for the rows. */
const MAX_INSTRUCTIONS = 512
const COPY = OPERATIONS.indexOf('copy')

/** The slots that an instruction reads. */
const slotsOf = (one: Instruction): readonly number[] => one.slice(2, 2 + operations[OPERATIONS[one[0]]][0])

/** Returns the program with its instructions in that order, or the given program if its body is too long. */
export function linkRows(program: Program): Program {
  const { body, loops, carries, tile } = program
  if (!carries || tile > 0 || loops.length > 0 || body.length > MAX_INSTRUCTIONS) return program
  return new RowLinks(program).program()
}

class RowLinks {
  readonly #program: Program
  /** The instructions of the same row that compute the operands; undefined for values from outside of the row. */
  readonly #sources: (number | undefined)[][] = []
  /** The instruction that computes the next value of each carried slot, and the slots by instruction. */
  readonly #next = new Map<number, number>()
  readonly #carried = new Map<number, number>()
  /** Copies to carried slots that are not needed, and the instructions that compute the copied values. */
  readonly #replaced = new Map<number, number>()
  /** The instructions that read the values of carried slots before the row. */
  readonly #readersBefore = new Map<number, number[]>()
  /** Instructions whose results other instructions of the same row read. */
  readonly #isRead = new Set<number>()
  /** The slots with the results of the instructions, and with the values before the row by carried slot. */
  readonly #results = new Map<number, number>()
  readonly #before = new Map<number, number>()
  readonly #body: Instruction[] = []
  #slots: number

  constructor(program: Program) {
    const { body, tail, outputs, slots } = program
    this.#program = program
    this.#slots = slots
    const writers = new Map<number, number>()
    const carried = new Set(tail.flatMap(slotsOf).concat(outputs))
    for (const [k, one] of body.entries()) {
      const operands = slotsOf(one)
      const sources = operands.map((slot) => writers.get(slot))
      for (const [i, slot] of operands.entries()) if (sources[i] === undefined) carried.add(slot)
      this.#sources.push(sources)
      writers.set(one[1], k)
    }
    const copies: [slot: number, copy: number][] = []
    for (const [slot, last] of writers) {
      if (!carried.has(slot)) continue
      if (body[last][0] === COPY) copies.push([slot, last])
      else this.#carry(slot, last)
    }
    // If the copied value is not carried itself, it is computed in the slot of the copy.
    for (const [slot, copy] of copies) {
      const [source] = this.#sources[copy]
      const isReplaced = source !== undefined && !this.#carried.has(source)
      if (isReplaced) this.#replaced.set(copy, source)
      this.#carry(slot, isReplaced ? source : copy)
    }
    for (const [number, { length }] of this.#sources.entries()) {
      for (let i = 0; i < length; i++) {
        const source = this.#sourceOf(number, i)
        if (source !== undefined && !this.#replaced.has(number)) this.#isRead.add(source)
      }
      for (const slot of this.#readsBefore(number)) {
        const readers = this.#readersBefore.get(slot) ?? []
        this.#readersBefore.set(slot, [...readers, number])
      }
    }
  }

  #carry(slot: number, next: number): void {
    this.#next.set(slot, next)
    this.#carried.set(next, slot)
  }

  program(): Program {
    // Sums that no other instruction reads are last, by operation, because the engine computes several of them together.
    const groups = this.#groups()
    const sums = groups.filter((group) => this.#isSum(group))
    const codeOf = ([number]: readonly number[]) => this.#program.body[number][0]
    sums.sort((a, b) => codeOf(a) - codeOf(b))
    for (const group of groups) if (!this.#isSum(group)) this.#write(group)
    for (const group of sums) this.#write(group)
    return { ...this.#program, slots: this.#slots, body: this.#body }
  }

  /** The instruction that computes an operand in the same row; undefined for values from outside of the row. */
  #sourceOf(number: number, operand: number): number | undefined {
    const source = this.#sources[number][operand]
    return source === undefined ? undefined : (this.#replaced.get(source) ?? source)
  }

  /** The carried slots whose values before the row an instruction reads. */
  #readsBefore(number: number): readonly number[] {
    const slots = slotsOf(this.#program.body[number])
    return slots.filter((slot, i) => this.#sources[number][i] === undefined && this.#next.has(slot))
  }

  /** The instructions that an instruction needs, in this row or in the row before. */
  #needed(number: number): readonly number[] {
    const before = this.#readsBefore(number).map((slot) => this.#next.get(slot) as number)
    return this.#sources[number].flatMap((_, i) => this.#sourceOf(number, i) ?? []).concat(before)
  }

  /** The strongly connected instructions (Tarjan, 1972), in an order in which each group follows the groups it needs. */
  #groups(): number[][] {
    const groups: number[][] = []
    const open: number[] = []
    const indices = new Map<number, number>()
    const done = new Set<number>()
    const visit = (number: number): number => {
      const index = indices.size
      indices.set(number, index)
      open.push(number)
      let lowest = index
      for (const needed of this.#needed(number))
        if (!done.has(needed)) lowest = Math.min(lowest, indices.get(needed) ?? visit(needed))
      if (lowest < index) return lowest
      const group = open.splice(open.indexOf(number)).sort((a, b) => a - b)
      for (const member of group) done.add(member)
      groups.push(group)
      return index
    }
    for (const number of this.#program.body.keys())
      if (!indices.has(number) && !this.#replaced.has(number)) visit(number)
    return groups
  }

  /** Whether a group is one instruction whose result only the instruction itself reads, in the next row. */
  #isSum([number, other]: readonly number[]): boolean {
    const slot = this.#carried.get(number)
    if (slot === undefined || other !== undefined || this.#isRead.has(number)) return false
    const readers = this.#readersBefore.get(slot) ?? []
    return readers.every((reader) => reader === number)
  }

  /** Writes the instructions of a group. */
  #write(group: readonly number[]): void {
    const carried = group.flatMap((number) => this.#carried.get(number) ?? [])
    for (const slot of carried) {
      const readers = this.#readersBefore.get(slot) ?? []
      // An instruction can read its own slot before it writes the slot.
      if (readers.every((reader) => reader === group[0]) && group.length === 1) continue
      const to = this.#slots++
      this.#before.set(slot, to)
      this.#body.push(instruction('copy', to, [slot]))
    }
    for (const number of group) {
      const to = this.#carried.get(number) ?? this.#slots++
      this.#results.set(number, to)
      const [code] = this.#program.body[number]
      const operands = slotsOf(this.#program.body[number]).map((slot, i) => {
        const source = this.#sourceOf(number, i)
        return source === undefined ? (this.#before.get(slot) ?? slot) : (this.#results.get(source) as number)
      })
      this.#body.push(instruction(OPERATIONS[code], to, operands))
    }
  }
}
