/** What V8 compiles, it compiles at once: else what a step becomes depends on when a thread had time for it. */
export const compileAtOnce = ['--no-concurrent-recompilation', '--no-concurrent-osr', '--no-liftoff']
