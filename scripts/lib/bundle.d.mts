/** Bytes of a module, as if in that folder, that esbuild has bundled and minified for browsers, gzipped. */
export function bundledSize(source: string, folder?: string): Promise<number>
/** By rule, bytes that a page has with Optimizer and it, and how many more with it than with adamw alone. */
export function sizesOf(rules: readonly string[]): Promise<Record<string, [alone: number, beside: number]>>
