import { AntigradError } from '../../core/errors.js'

/** A result store cannot be read or written, or does not contain exactly one valid result per chunk. */
export class StoreError extends AntigradError {
  override name = 'StoreError'
}

/** The data of a plan are missing, or differ from the data that the plan was made from. */
export class DataError extends AntigradError {
  override name = 'DataError'
}
