/** What training needs of a model: variables and a loss. The loop knows no family of models. */
import type { Tensor, Variable } from "../engine/tensor.ts"

/** A batch as tensors: samples `[batch, ...shape]` and perhaps labels `[batch]` (int32). */
export interface TensorBatch {
  readonly x: Tensor
  readonly y?: Tensor
  /** What each sample is conditioned on besides its label, `[batch, ...]`. */
  readonly given?: Tensor
}

/** A loss to be minimised. */
export interface Objective {
  /** Everything that is saved, by name; those that are trainable are trained. */
  readonly variables: ReadonlyMap<string, Variable>
  /** The scalar that is minimised, and parts of it worth watching (scalars). */
  loss(batch: TensorBatch): { readonly total: Tensor; readonly terms?: Readonly<Record<string, Tensor>> }
}
