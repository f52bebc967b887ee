/** What a recipe is: options with a schema, and an experiment built from them. Read by CLI, tests and docs. */
import type { z } from "zod"
import type { Dataset } from "../data/dataset.ts"
import type { ClassifyOptions, ClassifyStep } from "../diffusion/classify.ts"
import type { Denoiser } from "../diffusion/denoiser.ts"
import type { BoundOptions } from "../diffusion/likelihood-bound.ts"
import type { OdeLikelihoodOptions, OdeLikelihoodStep } from "../diffusion/likelihood-ode.ts"
import type { BoundStep } from "../diffusion/likelihood-table.ts"
import type { AnyOptions, SamplerName } from "../diffusion/samplers/all.ts"
import type { SampleStep } from "../diffusion/samplers/sampler.ts"
import type { NdArray } from "../engine/array.ts"
import type { Tensor, Variable } from "../engine/tensor.ts"
import type { Raster } from "../io/png.ts"
import type { EmaDecay } from "../optim/ema.ts"
import type { Optimizer } from "../optim/optimizer.ts"
import type { Objective } from "../train/objective.ts"
import type { ErrorOptions, ErrorStep } from "./figures.ts"

/** Options every recipe has. */
export interface CommonOptions {
  readonly steps: number
  readonly batch: number
  readonly seed: number
  readonly lr: number
  readonly clip: number
  /** Share of the items that are kept for validation; 0 for none. */
  readonly validation: number
  /** Updates without a lower validation loss after which training stops; 0 for never. */
  readonly patience: number
  readonly dataDir?: string | undefined
}

/** How strongly samples follow their labels. */
export interface Guided {
  /** Scale of classifier-free guidance: 0 leaves the labels out, 1 follows them as the data do. */
  readonly guidance?: number
  /** As in `guided`. */
  readonly rescale?: number
  /** As in `guided`. */
  readonly interval?: readonly [from: number, to: number]
  /** Samples `[count, ...shape]` to begin with, and how much of them is made anew. */
  readonly start?: { readonly x: NdArray<"float32">; readonly strength: number }
  /** Samples come in rows of this many along arcs of noise, as `arcs` makes them. */
  readonly arc?: number
  /** Known samples and where they are known, from `masked`, in `given`. */
  readonly inpaint?: boolean
}

/** How samples are asked for: by the name of a sampler, with options of its own. */
export interface SampleRequest extends AnyOptions, Guided {
  readonly count: number
  readonly sampler: SamplerName
  readonly seed: number
}

/** Which sampler is written as a file, with options of its own, and how strongly labels are followed if that is fixed. */
export interface WholeRequest extends AnyOptions, Pick<Guided, "guidance" | "rescale" | "interval"> {
  readonly sampler: SamplerName
}

/** A model as a function of named inputs, to be written as a file. */
export interface Exported {
  readonly inputs: readonly {
    readonly name: string
    readonly dtype: "float32" | "int32"
    readonly shape: readonly number[]
  }[]
  readonly output: string
  readonly call: (...inputs: Tensor[]) => Tensor
  readonly metadata: Readonly<Record<string, string>>
}

/** A recipe with its options filled in. Building it makes the model; the data are read only when asked for. */
export interface Experiment {
  /** Everything that is trained and saved, by PyTorch's names. */
  readonly variables: ReadonlyMap<string, Variable>
  /** What draws samples: network, process and prediction. */
  readonly model?: Denoiser
  readonly objective: Objective
  readonly optimizer: Optimizer
  readonly ema: EmaDecay | null
  /** Puts in place what a new training begins with besides random weights: those of another run. */
  begin?(): Promise<void>
  /** The data; `say` is told what is fetched, or done to them. */
  data(say?: (line: string) => void): Promise<Dataset>
  /** The images that the data are made of, where those are something else, such as latents. */
  images?(say?: (line: string) => void): Promise<Dataset>
  /** The data to train on, changed a little each time: not those that the loss is validated on. */
  augmented?(data: Dataset): Dataset
  /** Data of the same kind that training never sees; `dataDir` in place of the recipe's. */
  heldOut(dataDir?: string): Promise<Dataset>
  /** Network evaluations of a sampler where none are asked for. */
  defaultSteps(sampler: SampleRequest["sampler"]): number
  /** Where a model draws latents, `x` and `x0` are such, and the last step's `images` are decoded. */
  sample(request: SampleRequest): AsyncGenerator<SampleStep>
  /** What each sample is made of, in models that make them of something: a small image, or one to be encoded. */
  readonly given?: {
    /** Shape of one. */
    readonly shape: readonly number[]
    /** What is given for samples that should be these, `[count, ...shape]`. */
    of(samples: NdArray<"float32">): NdArray<"float32">
  }
  /** By what the model can be judged, what tells most first: bits a dimension by the bound or the flow, or {@link error}. */
  readonly metrics: readonly ("bpd" | "flow" | "error")[]
  /** How far what the model makes is from data, in figures by name. */
  error?(x: NdArray<"float32">, options: ErrorOptions): AsyncGenerator<ErrorStep>
  /** Minus a bound on the log-likelihood of samples, term by term. */
  bound(x: NdArray, options: BoundOptions): AsyncGenerator<BoundStep>
  /** Minus the log-likelihood of samples by the probability flow. */
  likelihood(x: NdArray, options: OdeLikelihoodOptions): AsyncGenerator<OdeLikelihoodStep>
  /** Shape of one item of the data, as people see it. */
  readonly shape: readonly number[]
  /** Number of classes of a model that is told them, else 0. */
  readonly classes: number
  /**
   * Which class makes each sample likeliest.
   *
   * @throws RangeError when the model is told no classes.
   */
  classify(x: NdArray, options: Omit<ClassifyOptions, "classes">): AsyncGenerator<ClassifyStep>
  /** How many samples a preview shows. */
  readonly previewCount: number
  /** Samples as one picture, with what they were made of; `row` of them side by side, where they come in rows. */
  picture(samples: Pick<SampleStep, "x" | "images">, given?: NdArray<"float32">, row?: number): Raster
  readonly exported: Exported
  /** Other parts of the model to be written as files, by their names. */
  readonly parts?: Readonly<Record<string, Exported>>
  /**
   * A whole sampler: noise in, samples out.
   *
   * @throws RangeError when the sampler cannot be written, or options do not go together.
   */
  exportedSampler(request: WholeRequest): Exported
}

/** One dataset and one model, ready to train. */
export interface Recipe<S extends z.ZodObject = z.ZodObject> {
  readonly name: string
  /** One line for people who choose. */
  readonly doc: string
  readonly options: S
  /** Fills in what is left to the data, such as whether they are in colour; what it gives is what a run folder keeps. */
  complete?(options: z.output<S> & CommonOptions): Promise<z.output<S> & CommonOptions>
  build(options: z.output<S> & CommonOptions): Experiment
}
