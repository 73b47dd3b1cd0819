/** Positions in a text as line and character, counted from 1. */

export function textPosition(text: string, at: number): string {
  const lines = text.slice(0, at).split('\n')
  return `line ${lines.length}, character ${lines[lines.length - 1].length + 1}`
}
