/** A non-empty environment variable. Variables that may not be read, as in Deno without --allow-env, count as unset. */
export function environmentVariable(name: string): string | undefined {
  try {
    return process.env[name] || undefined
  } catch {
    return undefined
  }
}
