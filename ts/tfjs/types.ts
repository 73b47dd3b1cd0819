/** What is used of TensorFlow.js, so that nothing of it has to be installed for these types. */

export interface Tensor {
  readonly shape: number[]
  readonly dtype: string
  readonly size: number
  dataSync(): ArrayLike<unknown>
  data(): Promise<ArrayLike<unknown>>
  dispose(): void
}

export interface Variable extends Tensor {
  /** Another one after each `assign`, never one with other values. */
  readonly dataId: object
  readonly isDisposed: boolean
  assign(to: Tensor): void
}

export interface NamedTensor {
  readonly name: string
  readonly tensor: Tensor
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
  tensor(values: Float32Array | string[], shape: number[], dtype: string): Tensor
  backend(): {
    /** Where tensors lie in WebAssembly: a view, good until its memory grows. */
    typedArrayFromHeap?(tensor: Tensor): Float32Array
  }
  engine(): { readonly registeredVariables: Record<string, Variable | undefined> }
  readonly serialization: { registerClass(made: unknown): void }
}
