import { AntigradError } from '../../core/errors.js'

/** A store cannot be read or written, or what is in it is not one result for each chunk. */
export class StoreError extends AntigradError {
  override name = 'StoreError'
}

/** The data are not there, or not those that the plan was made of. */
export class DataError extends AntigradError {
  override name = 'DataError'
}
