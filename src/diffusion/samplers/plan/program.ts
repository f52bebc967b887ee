/** A question of a plan as one compiled program, whose weights are inputs: nothing is traced anew from step to step. */
import { array, type NdArray } from "../../../engine/array.ts"
import { compile } from "../../../engine/compile.ts"
import type { Tensor, Variable } from "../../../engine/tensor.ts"
import type { Denoiser } from "../../denoiser.ts"
import type { Limit } from "./limit.ts"
import type { Ask, Plan } from "./plan.ts"
import { hasWholeTimes, rowsOf, stepOf, type Told, weightsOf } from "./step.ts"

/** What a program is made for. */
export interface ProgramOptions {
  readonly limit: Limit
  readonly replace?: ((variable: Variable) => Variable) | undefined
}

/** What a question gives. */
export interface Answered {
  /** What is kept, `[buffers, rows, ...shape]`. */
  readonly kept: Float32Array
  /** x0, `[rows, ...shape]`. */
  readonly x0: Float32Array
}

/** What rows of samples are conditioned on. */
export interface Condition {
  readonly labels?: NdArray<"int32">
  readonly given?: NdArray<"float32">
}

/** Asks the network for rows of samples. */
export interface Program {
  ask(ask: Ask, kept: Float32Array, z: Float32Array, rows: number, condition: Condition): Promise<Answered>
  dispose(): Promise<void>
}

/** The program of a plan. Times are int32 where all of them are whole, else float32. */
export function programOf(model: Denoiser, plan: Plan, { limit, replace }: ProgramOptions): Program {
  const { buffers } = plan
  const { shape } = model
  const isWhole = hasWholeTimes(plan)
  const step = stepOf(model, plan, limit)
  const compiled = compile(
    (kept: Tensor, z: Tensor, t: Tensor, w: Tensor, rows: Tensor, condition: Told): [Tensor, Tensor] => {
      const { next, x0 } = step({ kept, z, t, weights: w, rows, ...condition })
      return [next, x0]
    },
    replace === undefined ? {} : { replace },
  )
  return {
    async ask(ask, kept, z, rows, condition) {
      const inputs = [
        array("float32", [buffers, rows, ...shape], kept),
        array("float32", [rows, ...shape], z),
        isWhole
          ? array("int32", [rows], new Int32Array(rows).fill(ask.time))
          : array("float32", [rows], new Float32Array(rows).fill(ask.time)),
        array("float32", [buffers + 8], weightsOf(ask, buffers)),
        array("float32", [buffers, buffers + 3], rowsOf(ask)),
      ]
      const [next, x0] = await compiled(...(inputs as [NdArray, NdArray, NdArray, NdArray, NdArray]), condition)
      return { kept: next.data as Float32Array, x0: x0.data as Float32Array }
    },
    dispose: () => compiled.dispose(),
  }
}
