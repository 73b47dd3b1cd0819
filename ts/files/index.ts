/** The entry `antigrad/files`: saved runs as safetensors files, which other programs can read. */

export type { FileDtype, TensorData } from './format/dtypes.js'
export { type FileSource, openFile, type TensorFile, type TensorInfo } from './format/read.js'
export {
  type Checkpoint,
  type CheckpointOptions,
  type Checkpoints,
  type CheckpointsOptions,
  checkpoints,
} from './runs/checkpoints.js'
export type { JsonValue } from './runs/extra.js'
export { readFile, type Saveable, toBlob, type WriteOptions, writeFile } from './runs/runs.js'
export { type FromTorchOptions, fromTorch, toTorch } from './runs/torch.js'
export { FileError } from './sources/errors.js'
