/** Where variables live: calls that overlap, and what is left of those that nobody holds. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { expect, test, vi } from "vitest"
import { asArray, toNested } from "./array.ts"
import { type Compiled, compile } from "./compile.ts"
import { theRoom } from "./runtime.ts"
import { packsOf, read, write } from "./state.ts"
import { type Tensor, Variable } from "./tensor.ts"

const counters = (): { a: Variable; b: Variable; step: Compiled<[], Tensor> } => {
  const [a, b] = [new Variable([0]), new Variable([0])]
  const step = compile(() => {
    a.assign(a.add(1))
    b.assign(b.add(1))
    return a.sum()
  })
  return { a, b, step }
}

test("a run that begins while a variable is written takes nothing from it, nor it from the run", async () => {
  const { a, b, step } = counters()
  await step()
  await step()
  await Promise.all([write(new Map([[a, asArray([100])]])), step()])
  expect((await read([a, b])).map(toNested)).toEqual([[100], [3]])
  // The host's copy is the newer one when the run begins.
  await write(new Map([[b, asArray([7])]]))
  await Promise.all([step(), write(new Map([[a, asArray([50])]]))])
  expect((await read([a, b])).map(toNested)).toEqual([[50], [8]])
})

test("a run comes before all that is written at once or after all of it, and so it is for what is read", async () => {
  const [a, b] = [new Variable([0]), new Variable([0])]
  // Each is placed by a program of its own: they lie in two buffers.
  for (const v of [a, b]) await compile(() => v.mul(1))()
  const step = compile(() => {
    for (const v of [a, b]) v.assign(v.add(1))
    return a.add(b)
  })
  for (let ticks = 0; ticks < 12; ticks++) {
    await step()
    const later = async (): Promise<void> => {
      for (let i = 0; i < ticks; i++) await null
      await step()
    }
    const [seen] = await Promise.all([read([a, b]), later()])
    expect(toNested(seen[0])).toEqual(toNested(seen[1]))
    await Promise.all([write(new Map([a, b].map((v) => [v, asArray([100])]))), later()])
    const [one, two] = await read([a, b])
    expect(toNested(one)).toEqual(toNested(two))
  }
})

test("values of which one has another shape are all refused", async () => {
  const { a, b } = counters()
  const values = new Map([
    [a, asArray([5])],
    [b, asArray([1, 2])],
  ])
  await expect(write(values)).rejects.toThrow("is [1], got [2]")
  expect((await read([a, b])).map(toNested)).toEqual([[0], [0]])
})

test("calls under way are finished before sessions are freed", async () => {
  const twice = compile((x: Tensor) => x.mul(2))
  await twice([1])
  const disposed = twice.dispose()
  const late = twice([3])
  const [, value] = await Promise.all([disposed, late])
  expect(toNested(value)).toEqual([6])
  expect(toNested(await twice([4]))).toEqual([8])
  await twice.dispose()
})

/** Collects what nobody holds until the given question is answered by no. */
async function collected(isThere: () => Promise<boolean>): Promise<boolean> {
  setFlagsFromString("--expose-gc")
  const collect = runInNewContext("gc") as () => void
  for (let i = 0; i < 50 && (await isThere()); i++) {
    collect()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return !(await isThere())
}

const succeeds = (call: Promise<unknown>): Promise<boolean> =>
  call.then(
    () => true,
    () => false,
  )

test("the buffer of variables that nobody holds any more is dropped", async () => {
  const used = async (): Promise<number> => {
    const { a, step } = counters()
    await step()
    await step.dispose()
    const [{ buffer }] = packsOf([a])
    expect(toNested(await theRoom().get(buffer))).toEqual([1, 1])
    return buffer
  }
  const buffer = await used()
  expect(await collected(() => succeeds(theRoom().get(buffer)))).toBe(true)
})

test("the session of a function that nobody holds any more is released, after its last call", async () => {
  const loads = vi.spyOn(theRoom(), "load")
  const release = vi.spyOn(theRoom(), "release")
  const called = compile((x: Tensor) => x.mul(3).add(1))([1, 2])
  expect(toNested(await called)).toEqual([4, 7])
  const [session] = loads.mock.calls.at(-1)!
  expect(await collected(async () => !release.mock.calls.some(([s]) => s === session))).toBe(true)
  vi.restoreAllMocks()
})
