import { ArgumentError } from '../../core/errors.js'

/** A file, or a tensor in it, is damaged or violates the format. The error names what was expected and received. */
export class FileError extends ArgumentError {
  override name = 'FileError'
}
