/** Outliers by ROUT. This module is loaded on demand. */

export { rout } from 'antigrad/fit'
