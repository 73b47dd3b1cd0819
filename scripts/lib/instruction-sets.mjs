// The instruction sets on which tests run.

/** The instruction sets that the processor has and the built addon uses. */
export async function instructionSets() {
  const { engines } = await import('../../dist/index.js')
  return engines().native.instructionSets
}

/** Describes instruction sets for the summary of a test run. */
export const describeSets = (sets) =>
  `the instruction sets ${sets.join(', ') || 'of no addon'}; vectors of 8 and 64 bytes emulated in Rust`
