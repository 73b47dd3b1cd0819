// Which instruction sets tests run on.

/** Those that the processor has and the addon, as it was built, uses. */
export async function instructionSets() {
  const { engines } = await import('../../dist/index.js')
  return engines().native.instructionSets
}

/** A sentence's part for the last lines of a test. */
export const describeSets = (sets) =>
  `the instruction sets ${sets.join(', ') || 'of no addon'}; vectors of 8 and 64 bytes emulated in Rust`
