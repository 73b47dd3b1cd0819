/** What vite.config.ts makes. */
declare module 'virtual:equations' {
  export const equations: Readonly<
    Record<string, { readonly equations: readonly string[]; readonly coefficients?: string }>
  >
}
