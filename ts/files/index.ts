/** Files of runs that others can read: safetensors. */

export {
  type Checkpoint,
  type CheckpointOptions,
  type Checkpoints,
  type CheckpointsOptions,
  checkpoints,
} from './checkpoints.js'
export type { Values, WrittenDtype } from './dtypes.js'
export { FileError } from './errors.js'
export { openFile, type Place, type TensorFile, type TensorInfo } from './read.js'
export { readFile, type Saveable, toBlob, type WriteOptions, writeFile } from './runs.js'
export { type FromTorchOptions, fromTorch, toTorch } from './torch.js'
