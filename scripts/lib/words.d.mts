export interface Block {
  readonly line: number
  readonly text: string
  readonly opening?: boolean
  readonly heading?: boolean
  readonly label?: boolean
  readonly numbers?: boolean
}
export const MAX_WORDS: number
export function sentencesOf(text: string): { offset: number; text: string }[]
export function wordsIn(sentence: string): number
export function problemsOf(
  text: string,
  options?: { opening?: boolean; heading?: boolean; label?: boolean; numbers?: boolean },
): { offset: number; problem: string; excerpt: string }[]
export function blocksOf(file: string, text: string): Block[] | undefined
export function checkWords(file: string, text: string): { line: number; problem: string; excerpt: string }[]
