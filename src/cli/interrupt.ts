/** Ctrl-C and its kin: the first asks for a stop, the second ends the process. */

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const

/** An abort signal that people can give once {@link Interrupt.listen} is called and until {@link Interrupt.release} is. */
export class Interrupt {
  readonly #stop = new AbortController()
  readonly #act = (name: NodeJS.Signals): void => {
    if (!this.#stop.signal.aborted) {
      this.#stop.abort()
      return
    }
    // Not by `process.exit`, which takes down the engine's thread under a run: the runtime aborts with a core then.
    this.release()
    process.kill(process.pid, name)
  }

  get signal(): AbortSignal {
    return this.#stop.signal
  }

  listen(): void {
    for (const name of signals) process.on(name, this.#act)
  }

  release(): void {
    for (const name of signals) process.off(name, this.#act)
  }
}
