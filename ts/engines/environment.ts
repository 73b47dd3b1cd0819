/**
 * Returns the value of an environment variable that is not empty. Variables that may not be read, as in Deno without
 * --allow-env, count as not set.
 */
export function environmentVariable(name: string): string | undefined {
  try {
    return process.env[name] || undefined
  } catch {
    return undefined
  }
}
