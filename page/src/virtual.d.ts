/** The virtual module that vite.config.ts generates. */
declare module 'virtual:equations' {
  export const equations: Readonly<
    Record<string, { readonly equations: readonly string[]; readonly coefficients?: string }>
  >
}
