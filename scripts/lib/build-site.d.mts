/** Builds the documentation site as static files, to be served from the folder `base` of a host. */
export function buildSite(outDir: string, base?: string): Promise<void>
