import { ArgumentError } from '../../core/errors.js'

/**
 * The error of a file or tensor that is damaged or violates the format. The error message states the expected value and
 * the received value.
 */
export class FileError extends ArgumentError {
  override name = 'FileError'
}
