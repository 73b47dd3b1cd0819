import { AntigradError } from '../../core/errors.js'

/**
 * The error of a result store that cannot be read or written, or of chunks that do not have exactly one valid result.
 */
export class StoreError extends AntigradError {
  override name = 'StoreError'
}

/** The error of data that are missing or that differ from the data of the plan. */
export class DataError extends AntigradError {
  override name = 'DataError'
}
