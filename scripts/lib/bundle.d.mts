/** Gzipped size in bytes of a module in that folder, bundled and minified by esbuild for browsers. */
export function bundledSize(source: string, folder?: string): Promise<number>
/** Per rule, bytes of a page with Optimizer and the rule, and additional bytes if the page already has adamw. */
export function sizesOf(rules: readonly string[]): Promise<Record<string, [alone: number, beside: number]>>
