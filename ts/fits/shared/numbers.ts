/** Numbers of all parameters of a fit with shared ones. */

export type Numbers = Readonly<Record<string, number>>
export type Columns = Readonly<Record<string, Float64Array>>

/** Numbers of all parameters. */
export interface SharedNumbers {
  /** Of parameters that all groups share. */
  readonly shared: Numbers
  /** Of those that groups of a label share, in the order of `subsets`. */
  readonly subsets: Columns
  /** Of those that each group has for itself, in the order of `groups`; NaN where a group's model has none such. */
  readonly own: Columns
}
