/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function random(seed: number): () => number
