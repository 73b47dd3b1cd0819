/** Results of the bench, as read from `bench/results`. */
export type Results = Readonly<Record<'peers' | 'fits' | 'single' | 'sizes', unknown>>
export function results(): Results
/** The README's figures, with links that begin with `folder`. */
export function figures(results: Results, folder?: string): string
/** The tables of docs/rivals.md. */
export function comparison(results: Results): string
/** Replaces the text between two markers, `<!-- name, … -->` and `<!-- /name -->`. */
export function withBlock(page: string, name: string, block: string): string
