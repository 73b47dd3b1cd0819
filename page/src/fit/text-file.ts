/** The decoder of files. This module is loaded when a file is opened. */

export { decodeUtf8 } from '../../../dist/page.js'
