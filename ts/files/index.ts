/** Files of runs that others can read: safetensors. */

export type { Values, WrittenDtype } from './dtypes.js'
export { FileError } from './errors.js'
export { openFile, type Place, type TensorFile, type TensorInfo } from './read.js'
export { readFile, toBlob, type WriteOptions, writeFile } from './runs.js'
