/** Types that TypeScript 5.2, the oldest supported version, lacks. */

/** Excludes a use of a type parameter from inference. (TypeScript has a built-in NoInfer since 5.4.) */
export type NoInfer<T> = [T][T extends unknown ? 0 : never]
