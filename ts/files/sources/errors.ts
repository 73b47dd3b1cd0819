import { ArgumentError } from '../../core/errors.js'

/**
 * A file, or a tensor in it, is damaged or violates the format. The message states the expected and the received value.
 */
export class FileError extends ArgumentError {
  override name = 'FileError'
}
