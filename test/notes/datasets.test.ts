/** The sets that are only named: the page says what they are, and the ways it shows to bring them here work. */
import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { dataset } from "../../src/data/dataset.ts"
import { images } from "../../src/data/images.ts"
import { loader } from "../../src/data/loader.ts"
import { fromNumbers } from "../../src/engine/array.ts"
import { readNpy, writeNpy } from "../../src/io/npy.ts"
import { decodePng, encodePng } from "../../src/io/png.ts"

const page = readFileSync(new URL("../../docs/datasets.md", import.meta.url), "utf8")

/** The cells of a set's row: what, size, how it comes here, terms. */
function rowOf(name: string): string[] {
  const rows = page.split("\n").filter((line) => line.startsWith(`| ${name} |`))
  expect(rows.length, name).toBe(1)
  const cells = rows[0].split("|").slice(2, -1)
  expect(cells.length, name).toBe(4)
  for (const cell of cells) expect(cell.trim(), name).not.toBe("")
  return cells.map((cell) => cell.trim())
}

describe("docs/datasets.md", () => {
  test("says of ImageNet that it has 14 million images in 20,000 categories, a million with boxes [E48]", () => {
    const [, size, way] = rowOf("ImageNet")
    expect(size).toBe(
      "more than 14 million images in more than 20,000 categories; boxes around things in more than 1 million",
    )
    expect(way).toContain("(#images-with-labels)")
  })

  test("says of LAION that it is pairs of images and captions, of which only addresses are given out [E50]", () => {
    const [what, , way, terms] = rowOf("LAION")
    expect(what).toBe("addresses of images with the captions found beside them")
    expect(way).toContain("fetched by you")
    expect(terms).toContain("belong to their owners")
  })

  test("says of LSUN that it has 10 scenes with their numbers, and a kitchen where the notes print a chicken [E51]", () => {
    const [what, size] = rowOf("LSUN")
    expect(what).toMatch(/^photographs of 10 scenes, .*kitchen/)
    expect(what).not.toContain("chicken")
    expect(size).toBe("120,000 to 3 million to train, 300 to validate and 1,000 to test a scene")
    expect(page).toContain('The notes print "chicken" among LSUN\'s scenes for kitchen.')
  })

  test("says of ShapeNet's two sets and of WordNet how many models, categories and synsets there are [E52]", () => {
    expect(rowOf("ShapeNetCore")[1]).toBe("about 51,300 models in 55 categories")
    expect(rowOf("ShapeNetSem")[1]).toBe("12,000 models in 270 categories")
    expect(rowOf("WordNet")[1]).toBe("more than 100,000 synsets, more than 80,000 of them nouns")
    expect(rowOf("ShapeNetCore")[2]).toContain("(#points-in-space)")
  })

  test("has rows for MNIST and CIFAR too, and headings for its own links", () => {
    expect(rowOf("MNIST")[1]).toContain("60,000 to train")
    expect(rowOf("CIFAR-10, CIFAR-100")[1]).toContain("60,000 each, 6,000 (600) a class")
    const headings = [...page.matchAll(/^## (.+)$/gm)].map(([, h]) => `#${h.toLowerCase().replaceAll(" ", "-")}`)
    const links = [...page.matchAll(/\]\((#[^)]+)\)/g)].map(([, link]) => link)
    expect(links.length).toBeGreaterThan(3)
    for (const link of links) expect(headings).toContain(link)
  })
})

test("coloured images come here as the page shows: planes of a PNG's pixels, labels, batches", () => {
  const make = (shift: number): Uint8Array =>
    encodePng({ width: 3, height: 2, channels: 3, data: Uint8Array.from({ length: 18 }, (_, i) => 10 * i + shift) })
  const files = [make(0), make(1)]
  const { width, height, channels } = decodePng(files[0])
  const size = width * height
  const pixels = new Uint8Array(files.length * channels * size)
  for (const [n, file] of files.entries()) {
    const { data } = decodePng(file)
    for (let i = 0; i < size * channels; i++)
      pixels[n * channels * size + (i % channels) * size + Math.floor(i / channels)] = data[i]
  }
  const scenes = images({ name: "scenes", shape: [channels, height, width], pixels, labels: [0, 1], classes: 2 })
  const { x, y } = scenes.batch(Int32Array.of(1))
  expect(x.shape).toEqual([1, 3, 2, 3])
  // The green plane of the second image: bytes 11, 41, 71, ...
  expect([...x.data.slice(6, 12)]).toEqual([11, 41, 71, 101, 131, 161].map((b) => Math.fround(b / 127.5 - 1)))
  expect([...y!.data]).toEqual([1])
  expect(loader(scenes, { batch: 2 }).next().x.shape).toEqual([2, 3, 2, 3])
})

test("points of models come here as the page shows: an npy file and labels", () => {
  const bytes = writeNpy(
    fromNumbers(
      "float32",
      [2, 4, 3],
      Float64Array.from({ length: 24 }, (_, i) => i / 24),
    ),
  )
  const shapes = dataset(readNpy(bytes), [3, 54], { name: "shapes", classes: 55 })
  expect([shapes.shape, shapes.classes, shapes.length]).toEqual([[4, 3], 55, 2])
})
