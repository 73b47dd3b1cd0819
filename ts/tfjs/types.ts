/** Types of the used parts of TensorFlow.js, which do not require an installation of TensorFlow.js. */

export interface TfjsTensor {
  readonly shape: number[]
  readonly dtype: string
  readonly size: number
  dataSync(): ArrayLike<unknown>
  data(): Promise<ArrayLike<unknown>>
  dispose(): void
}

export interface Variable extends TfjsTensor {
  /** Identifies the values of a variable: each `assign` sets a new object, and the values of an object never change. */
  readonly dataId: object
  readonly isDisposed: boolean
  assign(to: TfjsTensor): void
}

export interface NamedTensor {
  readonly name: string
  readonly tensor: TfjsTensor
}

/** `@tensorflow/tfjs`, or `@tensorflow/tfjs-core` if the models use the same copy of `@tensorflow/tfjs-core`. */
export interface Tfjs {
  readonly Optimizer: abstract new () => object
  // biome-ignore lint/suspicious/noExplicitAny: TensorFlow.js has types of its own for all of these
  readonly [name: string]: any
}

/** The used parts of TensorFlow.js, with the types above. */
export interface TfjsModule {
  readonly Optimizer: new () => object
  tensor(values: Float32Array | string[], shape: number[], dtype: string): TfjsTensor
  backend(): {
    /** Returns a view of a tensor's values in WebAssembly memory. The view is valid until the memory grows. */
    typedArrayFromHeap?(tensor: TfjsTensor): Float32Array
  }
  engine(): { readonly registeredVariables: Record<string, Variable | undefined> }
  readonly serialization: { registerClass(made: unknown): void }
}
