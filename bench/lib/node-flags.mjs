/**
 * V8 flags for synchronous compilation. Otherwise the compiled code of a step depends on the timing of other threads.
 */
export const compileAtOnce = ['--no-concurrent-recompilation', '--no-concurrent-osr', '--no-liftoff']
