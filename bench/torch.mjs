// PyTorch in a child process, spoken to in lines of JSON.
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

/** A child that runs one variant of PyTorch's side: plain, channels_last or compile. */
export class Torch {
  #child
  #waiting = []
  #errors = ""
  #gone

  constructor(threads) {
    this.#child = spawn("python3", [fileURLToPath(new URL("torch_side.py", import.meta.url))], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, OMP_NUM_THREADS: String(threads), MKL_NUM_THREADS: String(threads) },
    })
    this.#child.stderr.on("data", (text) => {
      this.#errors += text
    })
    const end = (why) => {
      this.#gone ??= why
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(this.#gone))
    }
    this.#child.on("error", (error) => end(error.code === "ENOENT" ? "there is no python3 here" : error.message))
    this.#child.on("close", () => end(this.#errors.trim().split("\n").at(-1) || "python3 ended"))
    this.#child.stdin.on("error", () => {})
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const { resolve, reject } = this.#waiting.shift()
      const { result, error } = JSON.parse(line)
      if (error === undefined) resolve(result)
      else reject(new Error(error))
    })
  }

  get pid() {
    return this.#child.pid
  }

  ask(op, request = {}) {
    return new Promise((resolve, reject) => {
      if (this.#gone !== undefined) return reject(new Error(this.#gone))
      this.#waiting.push({ resolve, reject })
      this.#child.stdin.write(`${JSON.stringify({ op, ...request })}\n`)
    })
  }

  close() {
    this.#child.stdin.end()
  }
}

/** The variants that work here, set up and warm; says in one line why another does not. */
export async function variants({ torch, compile, names }, settings, warm) {
  const found = new Map()
  for (const variant of torch ? names.filter((name) => compile || name !== "compile") : []) {
    const side = new Torch(settings.threads)
    try {
      const { version, parameters } = await side.ask("setup", { variant, ...settings })
      const start = performance.now()
      await warm(side)
      const seconds = ((performance.now() - start) / 1000).toFixed(1)
      console.log(`torch ${version} ${variant}: ${parameters} parameters, warm after ${seconds} s`)
      found.set(variant, { side, version, turns: [] })
    } catch (error) {
      side.close()
      console.log(`torch ${variant}: not measured (${error.message})`)
      if (variant === "plain") break
    }
  }
  return found
}
