/** Products of blocks of features in double precision: large ones by the engine on all processors, small ones here. */
import { array } from "../engine/array.ts"
import { type Compiled, compile } from "../engine/compile.ts"
import { matmul } from "../engine/ops/matmul.ts"
import type { Tensor } from "../engine/tensor.ts"
import { block, flip, gemm } from "../linalg/gemm.ts"

/** Multiplications from which loading a program and sending it the blocks pays. */
const large = 2 ** 24

/**
 * Products of blocks of one size. Which way they are computed is settled once, by the largest of them, so that equal
 * rows give equal bits in all of them; programs are freed by `dispose`.
 */
export class Products {
  readonly #isLarge: boolean
  #inner: Compiled<[Tensor, Tensor], Tensor> | undefined
  #gram: Compiled<[Tensor], Tensor> | undefined

  /** @param work multiplications of the largest product: rows x rows x features. */
  constructor(work: number) {
    this.#isLarge = work >= large
  }

  /** X Y^T [m, n], the inner products of rows X [m, width] and Y [n, width]. */
  async inner(x: Float64Array, y: Float64Array, width: number): Promise<Float64Array> {
    const [m, n] = [x.length / width, y.length / width]
    if (this.#isLarge) {
      this.#inner ??= compile((a: Tensor, b: Tensor) => matmul(a, b.transpose()))
      const found = await this.#inner(array("float64", [m, width], x), array("float64", [n, width], y))
      return found.data as Float64Array
    }
    const out = new Float64Array(m * n)
    gemm(m, n, width, 1, block(x, 0, width), flip(block(y, 0, width)), block(out, 0, n))
    return out
  }

  /** X^T X [width, width] of rows X [m, width]. */
  async gram(x: Float64Array, width: number): Promise<Float64Array> {
    const m = x.length / width
    if (this.#isLarge) {
      this.#gram ??= compile((a: Tensor) => matmul(a.transpose(), a))
      return (await this.#gram(array("float64", [m, width], x))).data as Float64Array
    }
    const out = new Float64Array(width * width)
    gemm(width, width, m, 1, flip(block(x, 0, width)), block(x, 0, width), block(out, 0, width))
    return out
  }

  /** Frees what the engine holds. */
  async dispose(): Promise<void> {
    await Promise.all([this.#inner?.dispose(), this.#gram?.dispose()])
    this.#inner = undefined
    this.#gram = undefined
  }
}

/** Runs `use` with products of at most `work` multiplications, and frees them. */
export async function withProducts<R>(work: number, use: (products: Products) => Promise<R>): Promise<R> {
  const products = new Products(work)
  try {
    return await use(products)
  } finally {
    await products.dispose()
  }
}
