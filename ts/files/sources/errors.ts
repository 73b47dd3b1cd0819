import { ArgumentError } from '../../core/errors.js'

/** A file, or a tensor in it, that is damaged or none of the format: says which, what was expected and what came. */
export class FileError extends ArgumentError {
  override name = 'FileError'
}
