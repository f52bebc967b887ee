/** The sets of images that recipes train on: what they are, their options, and how they are read. */
import { z } from "zod"
import { augment } from "../data/augment.ts"
import { cifar10 as cifarData } from "../data/cifar.ts"
import type { Dataset } from "../data/dataset.ts"
import { imageFolder, lookIntoFolder } from "../data/folder.ts"
import { glyphs as glyphData } from "../data/glyphs.ts"
import { fashion as fashionData, mnist as mnistData } from "../data/mnist.ts"
import { grouped } from "./options.ts"

/** Channels, height and width of images. */
export type ImageShape = readonly [channels: number, height: number, width: number]

/** Options that all sets have. */
export interface SourceOptions {
  readonly seed: number
  readonly dataDir?: string | undefined
  /** Whether the model is told classes. */
  readonly labels?: boolean
}

/** Which part of the data, whether its folder was named for it, and who is told what is fetched. */
export interface Part {
  readonly split: "train" | "test"
  readonly isNamed: boolean
  readonly say?: (line: string) => void
}

/** A set of images. `O` is the options that it has beside those of all. */
export interface ImageSource<O = object> {
  readonly name: string
  /** What it holds, in a line. */
  readonly doc: string
  readonly shape: ImageShape | ((options: O) => ImageShape)
  /** How many there are, as far as options say it. */
  readonly classes: number | ((options: O) => number)
  /** Schemas of its own options. */
  readonly own?: { readonly [K in keyof O]-?: z.ZodType<O[K]> }
  /** Its options with what is left to the data. */
  complete?(options: O & SourceOptions): Promise<Partial<O>>
  data(options: O & SourceOptions, part: Part): Promise<Dataset>
  /** Items changed a little each time. */
  augmented?(data: Dataset, options: O & SourceOptions): Dataset
}

/** Shape of the images that options ask for. */
export function shapeOf<O>({ shape }: ImageSource<O>, options: O): ImageShape {
  return typeof shape === "function" ? shape(options) : shape
}

/**
 * Number of classes that a model of a set can be told.
 *
 * @throws RangeError when there are none.
 */
export function classesOf<O>({ classes, name }: ImageSource<O>, options: O): number {
  const count = typeof classes === "function" ? classes(options) : classes
  if (!(count > 1)) throw new RangeError(`--labels: ${name} has no classes (give folders of pictures, one for each)`)
  return count
}

/** Digits drawn by a program. */
export const glyphSource: ImageSource = {
  name: "glyphs",
  doc: "digits drawn by a program",
  shape: [1, 28, 28],
  classes: 10,
  // Another seed draws other digits of the same kind.
  data: ({ seed }, { split }) => Promise.resolve(glyphData({ seed: split === "train" ? seed : seed + 1 })),
}

/** MNIST's handwritten digits. */
export const mnistSource: ImageSource = {
  name: "mnist",
  doc: "MNIST: 60,000 handwritten digits, 28x28",
  shape: [1, 28, 28],
  classes: 10,
  data: ({ dataDir }, { split, say }) =>
    mnistData({ split, ...(say && { say }), ...(dataDir !== undefined && { dir: dataDir }) }),
}

/** Fashion-MNIST's clothes. */
export const fashionSource: ImageSource = {
  name: "fashion",
  doc: "Fashion-MNIST: 60,000 pieces of clothing, 28x28",
  shape: [1, 28, 28],
  classes: 10,
  data: ({ dataDir }, { split, say }) =>
    fashionData({ split, ...(say && { say }), ...(dataDir !== undefined && { dir: dataDir }) }),
}

/** Options of sets that may be mirrored. */
export interface FlipOptions {
  readonly flip: boolean
}

/** CIFAR-10's photographs. */
export const cifarSource: ImageSource<FlipOptions> = {
  name: "cifar10",
  doc: "CIFAR-10: 50,000 small photographs of ten kinds of things, 32x32, in colour",
  shape: [3, 32, 32],
  classes: 10,
  own: grouped("Data:", { flip: z.boolean().default(true).describe("do not mirror half of the images") }),
  data: ({ dataDir }, { split }) => cifarData({ split, ...(dataDir !== undefined && { dir: dataDir }) }),
  augmented: (data, { flip, seed }) => (flip ? augment(data, { seed }) : data),
}

/** Options of one's own pictures. */
export interface FolderSourceOptions extends FlipOptions {
  readonly size: number
  readonly colour: "auto" | "gray" | "rgb"
  readonly shift: number
  readonly skipBroken: boolean
  readonly cache: number
  readonly classNames?: readonly string[] | undefined
}

const folderOf = ({ dataDir }: SourceOptions): string => {
  if (dataDir === undefined)
    throw new RangeError("images: which pictures? give --data-dir <folder of PNG or JPEG files>")
  return dataDir
}

const brokenOf = ({ skipBroken }: FolderSourceOptions): "skip" | "refuse" => (skipBroken ? "skip" : "refuse")

/** A folder of one's own pictures. */
export const folderSource: ImageSource<FolderSourceOptions> = {
  name: "images",
  doc: "your own pictures: --data-dir <folder of PNG or JPEG files>, of any size, in gray or colour",
  classes: ({ classNames = [] }) => classNames.length,
  shape: ({ size, colour }) => [colour === "gray" ? 1 : 3, size, size],
  own: grouped("Data:", {
    size: z.number().int().min(4).max(1024).default(32).describe("height and width; pictures are cut and scaled to it"),
    colour: z.enum(["auto", "gray", "rgb"]).default("auto").describe("auto looks at the pictures"),
    flip: z.boolean().default(true).describe("do not mirror half of the pictures"),
    shift: z.number().int().min(0).max(512).default(0).describe("most pixels they are moved in each direction"),
    skipBroken: z.boolean().default(false).describe("pass over files that cannot be read, instead of stopping"),
    cache: z.number().min(0).max(1_000_000).default(256).describe("megabytes of scaled pictures kept in memory"),
    classNames: z
      .array(z.string().max(1000))
      .max(100_000)
      .optional()
      .describe("names of the classes, with --labels (default: those of the folders within the folder)"),
  }),
  complete: async (o) => {
    const isNameless = o.labels === true && o.classNames === undefined
    if (o.colour !== "auto" && !isNameless) return {}
    const { channels, labels } = await lookIntoFolder(folderOf(o), { broken: brokenOf(o) })
    return {
      ...(o.colour === "auto" && { colour: channels === 1 ? "gray" : "rgb" }),
      ...(isNameless && { classNames: labels }),
    }
  },
  data: async (o, { isNamed }) => {
    // One folder has no part that training never sees.
    if (!isNamed) throw new RangeError("images: give --data-dir <folder of pictures that training has not seen>")
    const data = await imageFolder(folderOf(o), {
      size: o.size,
      channels: o.colour === "gray" ? 1 : 3,
      broken: brokenOf(o),
      cacheBytes: o.cache * 1e6,
    })
    const { classNames } = o
    if (classNames !== undefined && data.classes !== classNames.length)
      throw new RangeError(
        `images: ${folderOf(o)} has ${data.classes ?? "no"} classes, expected the ${classNames.length} folders ${classNames.join(", ")}`,
      )
    return data
  },
  augmented: (data, { flip, shift, seed }) => (flip || shift > 0 ? augment(data, { flip, shift, seed }) : data),
}
