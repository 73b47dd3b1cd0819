/**
 * The library that worker processes import. In the package, scripts/build-ts.mjs replaces this module by the library's
 * bundle. Node loads the bundle four times faster than about 300 modules.
 */

export * from './internal.js'
