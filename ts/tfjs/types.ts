/** What is used of TensorFlow.js, so that nothing of it has to be installed for these types. */

export interface TfjsTensor {
  readonly shape: number[]
  readonly dtype: string
  readonly size: number
  dataSync(): ArrayLike<unknown>
  data(): Promise<ArrayLike<unknown>>
  dispose(): void
}

export interface Variable extends TfjsTensor {
  /** Another one after each `assign`, never one with other values. */
  readonly dataId: object
  readonly isDisposed: boolean
  assign(to: TfjsTensor): void
}

export interface NamedTensor {
  readonly name: string
  readonly tensor: TfjsTensor
}

/** `@tensorflow/tfjs`, or `@tensorflow/tfjs-core` where the models come from the same copy of it. */
export interface Tfjs {
  readonly Optimizer: abstract new () => object
  // biome-ignore lint/suspicious/noExplicitAny: TensorFlow.js has types of its own for all of these
  readonly [name: string]: any
}

/** The parts of it, with the types above. */
export interface TfjsModule {
  readonly Optimizer: new () => object
  tensor(values: Float32Array | string[], shape: number[], dtype: string): TfjsTensor
  backend(): {
    /** Where tensors lie in WebAssembly: a view, good until its memory grows. */
    typedArrayFromHeap?(tensor: TfjsTensor): Float32Array
  }
  engine(): { readonly registeredVariables: Record<string, Variable | undefined> }
  readonly serialization: { registerClass(made: unknown): void }
}
