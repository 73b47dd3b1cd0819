/**
 * The library in the form that worker processes import. In the package, scripts/build-ts.mjs replaces this module by
 * the bundle for `import` and `require`, which Node loads four times faster than about 300 modules.
 */

export * from './internal.js'
