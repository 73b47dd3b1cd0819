/** Types that are missing in TypeScript 5.2, the oldest supported version. */

/**
 * Prevents TypeScript from inferring a type parameter from this position. (NoInfer is built into TypeScript since
 * version 5.4.)
 */
export type NoInfer<T> = [T][T extends unknown ? 0 : never]
